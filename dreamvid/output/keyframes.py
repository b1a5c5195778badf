"""What a film in two passes keeps on disk while it is rendered: keyframes of its dream, and raw frames to be read
backward.

    keyframe-00000024-back.st    the dream at frame 24 as the backward pass left it
    keyframe-00000024-forth.st   the same as it was shown
    keyframe-00000212-goal.st    what a loop's end turns into at frame 212
    spool.raw                    the raw frames of a section, of 8 bits

A keyframe takes 4 bytes a pixel, and its raw picture, reduced, besides. A file that a journal counts is never
written over, and is left to the journal to delete.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.errors import MediaError
from dreamvid.output.snapshot import write_durably

_CACHED = 4  # keyframes in memory
_AGE_STEPS = 16  # to one frame: ages go up to 8 frames

Picture = npt.NDArray[np.uint8]


class KeyframeStore:
    """Keyframes in a folder: for each a residual, (1, 3, H, W), with the age of each pixel as a fourth channel perhaps,
    and a raw picture, (h, w, 3) uint8, perhaps.

    Residuals are rounded to 1/127 of their largest value: 33 dB below a dream of the usual strength.
    """

    def __init__(self, folder: Path, names: Iterable[str] = ()) -> None:
        """`names` are those that are in the folder already, and counted by a journal."""
        self._folder = folder
        self._names = dict.fromkeys(names)
        self._counted = set(self._names)
        self._cache: OrderedDict[str, dict[str, Tensor]] = OrderedDict()

    def count(self) -> tuple[str, ...]:
        """The files that a snapshot needs from now on; they are not deleted here any more."""
        self._counted.update(self._names)
        return tuple(self._names)

    def put(self, number: int, kind: str, memory: Tensor, picture: Picture | None = None) -> None:
        """Keep what is remembered of a frame. Raises `MediaError` where the disk is full."""
        from safetensors.torch import save

        residual = memory[0, :3]
        scale = residual.abs().max().clamp_min(1e-6) / 127
        tensors = {"residual": (residual / scale).round().to(torch.int8), "scale": scale.reshape(1)}
        if memory.shape[1] > 3:
            tensors["age"] = (memory[0, 3:] * _AGE_STEPS).round().to(torch.uint8)
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        if picture is not None:
            tensors["picture"] = torch.from_numpy(np.ascontiguousarray(picture))
        name = _name(number, kind)
        try:
            write_durably(self._folder / name, save(tensors))
        except OSError as error:
            raise _cannot_write(self._folder, error) from error
        self._names[name] = None
        self._remember(name, tensors)

    def memory(self, number: int, kind: str, device: torch.device) -> Tensor:
        """What is remembered of a frame, (1, 3 or 4, H, W) float32. Raises `MediaError` where the file is damaged."""
        tensors = self._load(_name(number, kind))
        residual = tensors["residual"].to(device).float() * tensors["scale"].to(device)
        if "age" not in tensors:
            return residual[None]
        return torch.cat([residual, tensors["age"].to(device).float() / _AGE_STEPS])[None]

    def picture(self, number: int, kind: str) -> Picture:
        """The raw picture of a frame, (h, w, 3) uint8. Raises `MediaError` likewise."""
        picture: Picture = self._load(_name(number, kind))["picture"].numpy()
        return picture

    def drop(self, number: int, kind: str) -> None:
        """Forget a frame, if it is kept."""
        name = _name(number, kind)
        self._cache.pop(name, None)
        if name in self._names:
            del self._names[name]
            if name not in self._counted:
                (self._folder / name).unlink(missing_ok=True)

    def _load(self, name: str) -> dict[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if name not in self._cache:
            try:
                self._remember(name, load_file(self._folder / name))
            except (OSError, SafetensorError) as error:
                raise MediaError(f"{self._folder / name}: is damaged ({error}); start over with --fresh") from error
        self._cache.move_to_end(name)
        return self._cache[name]

    def _remember(self, name: str, tensors: dict[str, Tensor]) -> None:
        self._cache[name] = tensors
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)


class FrameSpool:
    """Raw frames of one size on disk, to be read in any order; a context manager that deletes them in the end."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._path = folder / "spool.raw"
        self._shape = (height, width, 3)
        self._bytes = height * width * 3
        try:
            self._file = self._path.open("w+b")
        except OSError as error:
            raise _cannot_write(folder, error) from error
        self.count = 0

    def clear(self) -> None:
        """Begin anew."""
        self.count = 0
        self._file.seek(0)
        self._file.truncate()

    def append(self, frame: npt.NDArray[np.float32]) -> None:
        """Add a frame, (H, W, 3) in [0, 1]; alpha is left out. Raises `MediaError` where the disk is full."""
        pixels = (np.clip(frame[..., :3], 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        try:
            self._file.seek(self.count * self._bytes)
            self._file.write(pixels.tobytes())
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self._path.parent, error) from error
        self.count += 1

    def read(self, number: int) -> npt.NDArray[np.float32]:
        """A frame, (H, W, 3) float32 in [0, 1]."""
        self._file.seek(number * self._bytes)
        pixels = np.frombuffer(self._file.read(self._bytes), np.uint8).reshape(self._shape)
        return pixels.astype(np.float32) / np.float32(255)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _name(number: int, kind: str) -> str:
    return f"keyframe-{number:08}-{kind}.st"


def _cannot_write(folder: Path, error: OSError) -> MediaError:
    return MediaError(
        f"{folder}: cannot be written ({error.strerror}); free up space and run the same command again"
    )
