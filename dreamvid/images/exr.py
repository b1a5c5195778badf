"""OpenEXR images: scene light in half or full floats, between files and display values.

An EXR holds linear light. It is shown by the sRGB transfer function, whatever its chromaticities say, and written
back by the inverse; where colors are managed, light is read and written as it is. Its alpha is premultiplied, as the
format wants it; in memory it is not.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage, SceneColors, to_display, to_linear, tone_map
from dreamvid.images.exr_timecode import rate_of, timecode_of
from dreamvid.images.header import not_an_image

_BRIGHTEST = 65504.0  # of half floats; what infinity is taken for
_COMPLAINTS = ("(EXR_ERR_", "Warning: Exception raised reading")
_ONE_AT_A_TIME = threading.Lock()
_OVER = 1.001  # beyond white by more than rounding
_METHODS = {"none": "no"}  # what OpenEXR calls it

StoredPlane = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""One channel as an EXR holds it, (height, width)."""


def read_exr_header(path: Path, layer: str | None = None) -> tuple[int, int, bool]:
    """Width and height of the display window, and whether there is alpha; `layer` as in `read_exr`. Raises MediaError.
    """
    with opened(path, header_only=True) as file:
        picture = _find_picture(path, file, layer)
        width, height = window_size(picture.part.header["displayWindow"])
        return width, height, "A" in picture.channels


def read_exr(path: Path, curve: str | None, layer: str | None = None) -> tuple[FloatImage, str | None]:
    """Display values in [0, 1], (height, width, 3), or 4 with alpha; and a line on what was lost, if anything was.

    Light brighter than display white is cut off, or brought into range by the tone `curve`. `layer` is the layer to
    read, or a single channel, whose values are taken as they are, and give a gray picture; None: the main layer.
    Raises MediaError.
    """
    pixels, picture = _read_pixels(path, layer)
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=_BRIGHTEST, neginf=0.0)
    if picture.is_data:
        return np.ascontiguousarray(np.clip(pixels, 0, 1)), None
    light, alpha = np.maximum(pixels[..., :3], 0), np.clip(pixels[..., 3:], 0, 1)
    if alpha.shape[-1]:
        light = np.divide(light, alpha, out=light.copy(), where=alpha > 0)
    notice = None
    if curve is not None:
        light = tone_map(light, curve)
    elif (brightest := float(light.max(initial=0))) > _OVER:
        notice = (
            f"{path}: values up to {brightest:.3g} times display white are clipped at 1; use --tonemap hable to keep "
            "them"
        )
    shown = to_display(np.minimum(light, 1))
    return np.concatenate([shown, alpha], axis=-1) if alpha.shape[-1] else shown, notice


def read_exr_light(path: Path, layer: str | None = None) -> FloatImage:
    """Linear light as it is stored, (height, width, 3), or 4 with alpha, by which it is divided where that is not 0.

    What is no number is 0, what is infinite the largest half float. `layer` as in `read_exr`. Raises MediaError.
    """
    pixels, _ = _read_pixels(path, layer)
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=_BRIGHTEST, neginf=-_BRIGHTEST)
    light, alpha = pixels[..., :3], np.clip(pixels[..., 3:], 0, 1)
    if not alpha.shape[-1]:
        return light
    return np.concatenate([np.divide(light, alpha, out=light.copy(), where=alpha > 0), alpha], axis=-1)


def read_exr_chromaticities(path: Path) -> tuple[float, ...] | None:
    """x and y of red, green, blue and white, as the header says; None where it does not. Raises MediaError."""
    with opened(path, header_only=True) as file:
        found = file.parts[0].header.get("chromaticities")
        return None if found is None else tuple(map(float, found))


def _read_pixels(path: Path, layer: str | None) -> tuple[FloatImage, ExrPicture]:
    """The display window of a layer as it is stored, (height, width, 3 or 4), and what was read."""
    with opened(path, header_only=True) as file:
        parts = len(file.parts)
    with opened(path) as file:
        if len(file.parts) != parts:  # those that cannot be decoded are left out without an error
            raise not_an_image(path)
        picture = _find_picture(path, file, layer)
        part = picture.part
        planes = [np.asarray(part.channels[name].pixels, np.float32) for name in picture.channels.values()]
        if len({plane.shape for plane in planes}) > 1:
            raise MediaError(f"{path}: its channels have different sizes; convert it to plain RGB first")
        return framed(np.stack(planes, axis=-1), part.header["dataWindow"], part.header["displayWindow"]), picture


def read_exr_distances(path: Path) -> npt.NDArray[np.float32]:
    """The distances in a depth pass, (height, width), as they are stored; what is no number is 0. Raises MediaError.

    The channel is `Z`, `Depth` or `V` of any layer, else a gray picture's, or red.
    """
    with opened(path) as file:
        for wanted in ("Z", "DEPTH", "V", "Y", "R"):
            for part in file.parts:
                name = next((name for name in part.channels if name.rpartition(".")[2].upper() == wanted), None)
                if name is not None:
                    pixels = np.asarray(part.channels[name].pixels, np.float32)
                    shown = framed(pixels[..., None], part.header["dataWindow"], part.header["displayWindow"])
                    return np.ascontiguousarray(np.nan_to_num(shown[..., 0], nan=0.0, posinf=np.inf, neginf=0.0))
    raise MediaError(f"{path}: has no channel Z, Depth, V, Y or R; render a depth pass")


def write_exr(
    path: Path,
    image: FloatImage,
    *,
    bit_depth: int,
    metadata: Mapping[str, Any],
    compression: str | None = None,
    scene: SceneColors | None = None,
) -> None:
    """Write display values, (height, width, 3 or 4), as light in floats of 16 or 32 bits. Raises RuntimeError.

    With `scene` they are light already, of any brightness, which is written as it is; where alpha is 0 light stays.
    """
    planes = stored_planes(image, bit_depth, scene)
    write_exr_channels(path, planes, metadata=metadata, compression=compression, scene=scene)


def write_exr_channels(
    path: Path,
    channels: Mapping[str, StoredPlane],
    *,
    metadata: Mapping[str, Any],
    compression: str | None = None,
    scene: SceneColors | None = None,
) -> None:
    """Write channels, (height, width) float16 or float32 by their names, as they are; `compression` is a name that
    `--exr-compression` takes, None: zip; `scene` is what the file says of its colors. Raises RuntimeError."""
    method = getattr(OpenEXR, f"{_METHODS.get(compression or 'zip', compression or 'zip').upper()}_COMPRESSION")
    header: dict[str, Any] = {"compression": method, "type": OpenEXR.scanlineimage, **metadata}
    if scene is not None and scene.chromaticities is not None:
        header["chromaticities"] = scene.chromaticities
    if scene is not None and scene.white_luminance is not None:
        header["whiteLuminance"] = scene.white_luminance
    OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}).write(str(path))


def stored_planes(image: FloatImage, bit_depth: int, scene: SceneColors | None = None) -> dict[str, StoredPlane]:
    """What an EXR of display values, (height, width, 3 or 4), holds: R, G and B, premultiplied by A where there is
    alpha, in floats of 16 or 32 bits. With `scene` they are light already."""
    light = to_linear(np.clip(image[..., :3], 0, 1)) if scene is None else image[..., :3]
    planes = {name: light[..., index] for index, name in enumerate("RGB")}
    if image.shape[2] == 4:
        alpha = np.clip(image[..., 3], 0, 1)
        factor = alpha if scene is None else np.where(alpha > 0, alpha, 1)
        planes = {name: plane * factor for name, plane in planes.items()} | {"A": alpha}
    return {name: as_stored(plane, bit_depth) for name, plane in planes.items()}


def as_stored(plane: npt.NDArray[np.float32], bit_depth: int) -> StoredPlane:
    """A plane in floats of 16 or 32 bits."""
    kind: Any = np.float16 if bit_depth == 16 else np.float32
    limit = np.finfo(kind).max
    return np.ascontiguousarray(np.clip(plane, -limit, limit), dtype=kind)


def read_exr_rate(path: Path) -> Fraction | None:
    """The frames per second that a file says its sequence has. Raises MediaError."""
    with opened(path, header_only=True) as file:
        return rate_of(file.parts[0].header)


def read_exr_timecode(path: Path, rate: Fraction) -> ClipTimecode | None:
    """The timecode of a file, of a sequence with so many frames per second. Raises MediaError."""
    with opened(path, header_only=True) as file:
        return timecode_of(file.parts[0].header, rate)


def read_exr_metadata(path: Path) -> dict[str, str]:
    """The text attributes of the header. Raises MediaError."""
    with opened(path, header_only=True) as file:
        header = file.parts[0].header
        return {str(key): value for key, value in header.items() if isinstance(value, str) and key != "name"}


@contextmanager
def opened(path: Path, *, header_only: bool = False) -> Iterator[Any]:
    """The file, as the library has it. Raises MediaError for what cannot be read, there and while it is used."""
    try:
        with _quietly():
            file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
        with file:
            yield file
    except (RuntimeError, ValueError, TypeError, KeyError, MemoryError, OSError) as error:
        # The library has no error of its own for a damaged file.
        raise not_an_image(path) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Take what the library says of a damaged file, dozens of lines, off standard output and error.

    It prints to the one and writes to the other's descriptor, and there is no telling it not to. What others write
    meanwhile comes after.
    """
    printed = io.StringIO()
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as written:
        kept = _replace_descriptor(2, written.fileno())
        try:
            with redirect_stdout(printed):
                yield
        finally:
            if kept is not None:
                os.dup2(kept, 2)
                os.close(kept)
            written.seek(0)
            others = _without_complaints(written.read().decode("utf-8", "replace"))
            with suppress(OSError, ValueError, AttributeError):  # nobody listens any more
                sys.stdout.write(_without_complaints(printed.getvalue()))
            with suppress(OSError), open(2, "w", encoding="utf-8", closefd=False) as stream:
                stream.write(others)


def _replace_descriptor(number: int, other: int) -> int | None:
    """Let a descriptor stand for another file; return a copy of what it was, None where it was closed."""
    try:
        kept = os.dup(number)
    except OSError:
        return None
    os.dup2(other, number)
    return kept


def _without_complaints(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not any(mark in line for mark in _COMPLAINTS))


@dataclass(frozen=True)
class ExrPicture:
    """The picture in a file: the part that it is in, and what its channels R, G, B and perhaps A are called there.

    `is_data`: it is one channel, whose values are not light.
    """

    part: Any
    channels: dict[str, str]
    is_data: bool = False


def _find_picture(path: Path, file: Any, layer: str | None) -> ExrPicture:
    """The main picture of a file, or that of a layer; or a channel by itself. Raises MediaError."""
    known: list[str] = []
    for part in file.parts:
        own = {full_name(part, channel.name, len(file.parts)): channel.name for channel in part.header["channels"]}
        known += own
        for name, channels in sorted(layers_of(own).items()):
            if layer in (None, name, name.rpartition(".")[2]):
                found = {last: own[full] for last, full in channels.items()}
                if "Y" in found and not {"RY", "BY"} & found.keys():  # gray
                    found |= dict.fromkeys("RGB", found["Y"])
                if {"R", "G", "B"} <= found.keys():
                    return ExrPicture(part, {channel: found[channel] for channel in "RGBA" if channel in found})
        if layer in own:
            return ExrPicture(part, dict.fromkeys("RGB", own[layer]), is_data=True)
    if layer is None:
        raise MediaError(f"{path}: has no channels R, G and B; name another layer with --exr-layer; {told(known)}")
    raise MediaError(f"{path}: has no layer or channel {layer}; {told(known)}")


def full_name(part: Any, name: str, parts: int) -> str:
    """What a channel is called in the whole file: in one of several `parts`, the part's name stands before the names of
    channels that have no layer of their own."""
    of_part = str(part.header.get("name", "")) if parts > 1 else ""
    return f"{of_part}.{name}" if of_part and "." not in name else name


def layers_of(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The layers of a file: of each, the full names of its channels by their last parts. The main one is ""."""
    layers: dict[str, dict[str, str]] = {}
    for name in names:
        layer, _, last = name.rpartition(".")
        layers.setdefault(layer, {})[last] = name
    return layers


def told(names: Iterable[str]) -> str:
    """What to say of the names that there are."""
    known = sorted(names)
    return f"it has {', '.join(known)}" if known else "it has none"


def window_size(window: Any) -> tuple[int, int]:
    """Width and height of a window."""
    low, high = np.asarray(window[0], np.int64), np.asarray(window[1], np.int64)
    width, height = (high - low + 1).tolist()
    return width, height


def framed(pixels: npt.NDArray[np.float32], data: Any, display: Any) -> npt.NDArray[np.float32]:
    """The display window: black where there are no data, without the data beyond its edges."""
    width, height = window_size(display)
    left, top = (np.asarray(data[0], np.int64) - np.asarray(display[0], np.int64)).tolist()
    if (left, top) == (0, 0) and pixels.shape[:2] == (height, width):
        return pixels
    framed = np.zeros((height, width, pixels.shape[2]), np.float32)
    rows = slice(max(0, top), min(height, top + pixels.shape[0]))
    columns = slice(max(0, left), min(width, left + pixels.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        framed[rows, columns] = pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return framed
