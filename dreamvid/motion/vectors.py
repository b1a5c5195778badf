"""Motion vectors from files, as renderers write them, in place of measured flow.

Conventions of the files, unless it is said otherwise:

- EXR layers `backward` and `forward` with channels u and v, as Nuke has them: pixels, x right, y up, to where the
  previous frame and the next one show the same thing.
- EXR layers called `Vector` with channels X, Y, Z and W, as Blender's Cycles writes them: pixels, y up; X and Y lead to
  the previous frame, and Z and W are what leads to the next one with its sign changed.
- `.flo` files of Middlebury and Sintel, and 16-bit PNG of KITTI: pixels, y down, to the next frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.config.vectors import FlowFile, Neighbor, UpAxis
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.exr import layers_of, told
from dreamvid.images.exr_channels import list_channels, read_channels
from dreamvid.media.sequence import first_number, list_sequence
from dreamvid.motion.flow import FlowField

_NO_VECTOR = 1e4  # px: renderers write such values where there is nothing that moves
_FLO_MAGIC = b"PIEH"
_LARGEST_SIDE = 32768
_KITTI_ZERO, _KITTI_SCALE = 2**15, 64.0
_UV, _XY = ("u", "v"), ("X", "Y")


@dataclass(frozen=True)
class VectorChannels:
    """Which channels of an EXR lead to a neighbor, and their signs in dreamvid's convention, x right and y down."""

    names: tuple[str, str]
    to: Neighbor
    signs: tuple[float, float]


class VectorFiles:
    """The motion vectors of a clip, by the numbers of its frames. Any number of threads may read at a time."""

    def __init__(self, spec: FlowFile, files: Mapping[int, Path], size: tuple[int, int]) -> None:
        """`files` are those of the clip's frames, counted from 0; `size` is the (width, height) of the frames that the
        vectors are to be brought to. Raises MediaError for the first file, SettingsError where it does not say enough.
        """
        self.spec = spec
        self._files = files
        self._size = size
        self.path = next(iter(files.values()))
        self.shape = _read_size(self.path)
        """Width and height of the first file."""
        self._channels = _find_channels(self.path, spec) if _is_exr(self.path) else ()
        to: set[Neighbor] = {channels.to for channels in self._channels} or {spec.to or "next"}
        self.to = frozenset(to)
        """The neighbors that the vectors of a frame lead to."""

    @property
    def y(self) -> UpAxis:
        """Where the second component of the vectors is taken to point."""
        return self.spec.y or ("up" if self._channels else "down")

    def read_as(self, spec: FlowFile) -> VectorFiles:
        """The same files, read otherwise. Raises as the constructor does."""
        return VectorFiles(spec, self._files, self._size)

    def at_size(self, size: tuple[int, int]) -> VectorFiles:
        """The same vectors, brought to frames of another (width, height)."""
        return VectorFiles(self.spec, self._files, size)

    def between(self, first: int, second: int) -> FlowField | None:
        """The flow from frame `first` to frame `second`, (H, W, 2) px, NaN where there is none; None: no file has it.

        Raises MediaError.
        """
        to: Neighbor = "next" if second > first else "previous"
        if abs(second - first) != 1 or to not in self.to or first not in self._files:
            return None
        return _resized(self._read(self._files[first], to), self._size)

    def missing(self, frames: range) -> int | None:
        """The first frame of a range whose way to the frame before is in no file; None: there is none."""
        for index in frames[1:]:
            if not any(
                to in self.to and there in self._files for to, there in (("previous", index), ("next", index - 1))
            ):
                return index
        return None

    def number_of(self, frame: int) -> int:
        """The number of the file that belongs to a frame."""
        known = next(iter(self._files))
        return first_number(self.spec.path, [self._files[known]]) - known + frame

    def _read(self, path: Path, to: Neighbor) -> FlowField:
        if self._channels:
            chosen = next(channels for channels in self._channels if channels.to == to)
            flow = read_channels(path, chosen.names) * np.array(chosen.signs, np.float32)
        else:
            flow = (_read_kitti if path.suffix.lower() == ".png" else _read_flo)(path)
            if self.spec.y == "up":
                flow = flow * np.array([1, -1], np.float32)
        if self.spec.units == "uv":
            flow = flow * np.array([flow.shape[1], flow.shape[0]], np.float32)
        flow = np.asarray(flow * np.float32(self.spec.scale), np.float32)
        with np.errstate(invalid="ignore"):
            flow[~(np.abs(flow) < _NO_VECTOR).all(axis=-1)] = np.nan
        return flow


def open_vectors(spec: FlowFile, pictures_from: int | None, frames: range, size: tuple[int, int]) -> VectorFiles:
    """The vectors of the `frames` of a clip, brought to (width, height) `size`.

    `pictures_from` is the number of the clip's first picture, where it is numbered pictures. Raises MediaError, or
    SettingsError where files are missing or do not say enough.
    """
    files = list_sequence(spec.path)
    if files is None or spec.path.is_dir():
        raise SettingsError(
            f"--flow: {spec.path} is not a numbered sequence; write its number as in vectors.%04d.exr"
        )
    start = first_number(spec.path, files)
    first = spec.first if spec.first is not None else start if pictures_from is None else pictures_from
    vectors = VectorFiles(spec, {start - first + place: file for place, file in enumerate(files)}, size)
    gap = vectors.missing(frames)
    if gap is not None:
        here = f"{start} to {start + len(files) - 1}"
        wanted = vectors.number_of(gap - (0 if "previous" in vectors.to else 1))
        raise SettingsError(
            f"--flow: {spec.path} has files {here}, but frame {gap} of the clip needs file {wanted}; say with :first=N "
            "which file belongs to the clip's first frame, or render the missing ones"
        )
    return vectors


def fill_unknown(flow: FlowField) -> tuple[FlowField, npt.NDArray[np.bool_]]:
    """A flow without NaN, and where it had some."""
    unknown = np.asarray(np.isnan(flow).any(axis=-1))
    return (np.where(unknown[..., None], np.float32(0), flow) if unknown.any() else flow), unknown


def _is_exr(path: Path) -> bool:
    return path.suffix.lower() == ".exr"


def _find_channels(path: Path, spec: FlowFile) -> tuple[VectorChannels, ...]:
    layers = layers_of(list_channels(path))
    if spec.layer:
        layers = {name: own for name, own in layers.items() if name == spec.layer or name.endswith(f".{spec.layer}")}
        if not layers:
            raise SettingsError(f"--flow: {path} has no layer {spec.layer}; {told(list_channels(path))}")
    found = _known_channels(layers, spec)
    if found:
        return found
    pair = _pair_of_channels(layers)
    if pair is None:
        raise SettingsError(
            f"--flow: {path} has no layer called forward, backward or Vector; say which one has the vectors with "
            f":layer=NAME; {told(list_channels(path))}"
        )
    if spec.to is None or spec.y is None:
        raise SettingsError(
            f"--flow: the channels {pair[0]} and {pair[1]} of {path} do not say where they point; add :to=previous or "
            ":to=next, and y=up or y=down"
        )
    return (VectorChannels(pair, spec.to, (1.0, _down(spec, "up"))),)


def _known_channels(layers: Mapping[str, Mapping[str, str]], spec: FlowFile) -> tuple[VectorChannels, ...]:
    """Those of the layers whose names say what is in them."""
    found: dict[Neighbor, VectorChannels] = {}
    for name, own in layers.items():
        last = name.rpartition(".")[2].lower()
        y = _down(spec, "up")
        if last in ("backward", "forward") and own.keys() >= set(_UV):
            to: Neighbor = "previous" if last == "backward" else "next"
            found.setdefault(to, VectorChannels((own["u"], own["v"]), to, (1.0, y)))
        elif last == "vector" and own.keys() >= set(_XY):
            found.setdefault("previous", VectorChannels((own["X"], own["Y"]), "previous", (1.0, y)))
            if own.keys() >= {"Z", "W"}:
                found.setdefault("next", VectorChannels((own["Z"], own["W"]), "next", (-1.0, -y)))
    if spec.to is not None and len(found) == 1:  # whatever it is called
        return tuple(replace(channels, to=spec.to) for channels in found.values())
    return tuple(channels for to, channels in found.items() if spec.to in (None, to))


def _pair_of_channels(layers: Mapping[str, Mapping[str, str]]) -> tuple[str, str] | None:
    """The two channels of the layers that may be vectors, if those are clear."""
    for x, y in (_UV, ("U", "V"), _XY, ("x", "y"), ("R", "G")):
        having = [own for own in layers.values() if x in own and y in own]
        if len(having) == 1:
            return having[0][x], having[0][y]
    return None


def _down(spec: FlowFile, usual: str) -> float:
    """The sign that makes a second component point down."""
    return -1.0 if (spec.y or usual) == "up" else 1.0


def _read_size(path: Path) -> tuple[int, int]:
    if _is_exr(path):
        sizes: Sequence[tuple[int, int]] = list(list_channels(path).values())
        if not sizes:
            raise MediaError(f"{path}: has no channels")
        return sizes[0]
    if path.suffix.lower() == ".png":
        return _read_kitti(path).shape[1::-1]
    if path.suffix.lower() == ".flo":
        return _flo_size(path)
    raise SettingsError(f"--flow: {path} is not a file of motion vectors; give EXR, .flo, or the PNG of KITTI")


def _flo_size(path: Path) -> tuple[int, int]:
    """Width and height of a `.flo` file, whose length has to fit them: four bytes, two numbers, pairs of floats."""
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
        length = path.stat().st_size
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    width, height = np.frombuffer(head[4:].ljust(8, b"\0"), "<i4").tolist()
    sides_fit = 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE
    if head[:4] != _FLO_MAGIC or not sides_fit or length != 12 + width * height * 8:
        raise MediaError(f"{path}: not a .flo file, or damaged; write it again")
    return width, height


def _read_flo(path: Path) -> FlowField:
    width, height = _flo_size(path)
    return np.fromfile(path, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)


def _read_kitti(path: Path) -> FlowField:
    """16 bits a channel: u and v times 64 around the middle, and whether they are valid."""
    coded = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if coded is None or coded.ndim != 3 or coded.shape[2] != 3 or coded.dtype != np.uint16:
        raise MediaError(f"{path}: not flow as KITTI stores it, in PNG of three channels of 16 bits; use EXR or .flo")
    flow = (coded[..., 2:0:-1].astype(np.float32) - _KITTI_ZERO) / np.float32(_KITTI_SCALE)
    flow[coded[..., 0] == 0] = np.nan
    return flow


def _resized(flow: FlowField, size: tuple[int, int]) -> FlowField:
    """A flow at another size. Smaller, each pixel takes the nearest vector: a mean of two motions is neither."""
    height, width = flow.shape[:2]
    if (width, height) == size:
        return flow
    method = cv2.INTER_NEAREST_EXACT if size[0] < width else cv2.INTER_LINEAR
    scale = np.array([size[0] / width, size[1] / height], np.float32)
    return np.asarray(cv2.resize(flow, size, interpolation=method) * scale, np.float32)
