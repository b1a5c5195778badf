"""Pictures as programs have them, and as loops take them.

Convention: a picture is RGB, a NumPy array (H, W, 3) or a torch tensor (3, H, W). Integers, `uint8` and `uint16`, use
their whole range; floats, `float32` and `float64`, are in [0, 1]. What comes in comes out: the kind of array, its dtype
and its device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.errors import SettingsError
from dreamvid.images.read import quantize
from dreamvid.runtime.frames import Frame

Picture = TypeVar("Picture", npt.NDArray[Any], Tensor)

_LEVELS = {"uint8": 255, "uint16": 65535}
_FLOATS = ("float32", "float64")
_ADVICE = "give RGB as a NumPy array (H, W, 3) or a torch tensor (3, H, W)"


@dataclass(frozen=True)
class ArrayKind:
    """What an array is, so that another can be made like it. `device` None: it is NumPy's."""

    dtype: str = "float32"
    device: torch.device | None = None

    def __str__(self) -> str:
        return self.dtype if self.device is None else f"{self.dtype} on {self.device}"

    @classmethod
    def of(cls, picture: object, what: str = "the picture") -> ArrayKind:
        """The kind of `picture`. Raises `SettingsError` where it is none."""
        if not isinstance(picture, (np.ndarray, Tensor)):
            raise SettingsError(f"{what} is a {type(picture).__name__}; {_ADVICE}")
        shape, kind = tuple(picture.shape), cls(str(picture.dtype).removeprefix("torch."))
        if isinstance(picture, Tensor):
            kind = cls(kind.dtype, picture.device)
        colors = shape[0] if isinstance(picture, Tensor) else shape[-1]
        if len(shape) != 3 or colors != 3 or not all(shape):
            raise SettingsError(f"{what} has the shape {shape}; {_ADVICE}")
        if kind.dtype not in (*_LEVELS, *_FLOATS):
            raise SettingsError(f"{what} has the dtype {kind.dtype}; use {', '.join((*_LEVELS, *_FLOATS))}")
        return kind

    def read(self, picture: npt.NDArray[Any] | Tensor, what: str = "the picture") -> Frame:
        """A copy of a picture of this kind. Raises `SettingsError` where floats are out of range."""
        pixels = picture.detach().cpu().permute(1, 2, 0).numpy() if isinstance(picture, Tensor) else picture
        frame = np.array(pixels, np.float32, order="C")
        if self.dtype in _LEVELS:
            frame /= np.float32(_LEVELS[self.dtype])
        elif not (frame.min() >= 0 and frame.max() <= 1):  # nor NaN
            raise SettingsError(f"{what} has values outside 0 to 1, or NaN; scale floats to [0, 1]")
        return frame

    def write(self, frame: Frame) -> Any:
        """A new picture of this kind."""
        if self.dtype in _LEVELS:
            pixels: npt.NDArray[Any] = quantize(frame, 8 if self.dtype == "uint8" else 16)
        else:
            pixels = frame.astype(self.dtype)  # a copy, whatever becomes of the frame
        if self.device is None:
            return pixels
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).to(self.device)


def read_picture(picture: npt.NDArray[Any] | Tensor, what: str) -> Frame:
    """A copy of any picture; one of a single color channel, NumPy (H, W) or torch (H, W), becomes gray.

    Raises `SettingsError`.
    """
    if isinstance(picture, (np.ndarray, Tensor)) and picture.ndim == 2:
        picture = (
            picture.expand(3, *picture.shape) if isinstance(picture, Tensor) else np.stack([picture] * 3, axis=-1)
        )
    return ArrayKind.of(picture, what).read(picture, what)


@dataclass(frozen=True, eq=False)
class ArrayFilm:
    """Frames of one kind and size, as `Film.dream` takes them; for one pass."""

    kind: ArrayKind
    width: int
    height: int
    rate: Fraction
    frames: Iterator[Frame]
    first_index: int = 0

    @classmethod
    def of(cls, first: npt.NDArray[Any] | Tensor, others: Iterable[Any], rate: Fraction) -> ArrayFilm:
        """The film of a `first` picture and those that follow. Raises `SettingsError` where it is no picture; for the
        others that is raised while they are iterated."""
        kind = ArrayKind.of(first, "frame 0")
        frame = kind.read(first, "frame 0")
        return cls(kind, frame.shape[1], frame.shape[0], rate, chain([frame], _read_alike(others, kind, frame.shape)))

    def __iter__(self) -> Iterator[Frame]:
        return self.frames


def _read_alike(pictures: Iterable[Any], kind: ArrayKind, shape: tuple[int, ...]) -> Iterator[Frame]:
    """Copies of the pictures, numbered from 1, which must be alike."""
    for number, picture in enumerate(pictures, start=1):
        what = f"frame {number}"
        own = ArrayKind.of(picture, what)
        if own != kind:
            raise SettingsError(f"{what} is {own}, but the first one is {kind}; give frames of one kind")
        frame = kind.read(picture, what)
        if frame.shape != shape:
            raise SettingsError(
                f"{what} is {frame.shape[1]}x{frame.shape[0]}, but the first one is {shape[1]}x{shape[0]}; give frames "
                "of one size"
            )
        yield frame
