"""How far away things are: pictures and films of depths, and what their values mean.

Convention: a picture or film of integers says how near things are, white the nearest, black the farthest, in inverse
distance between the two; `invert` turns it round. An EXR says how far away they are, in units along the optical axis.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.images.exr import read_exr_distances
from dreamvid.runtime.frames import to_frame
from dreamvid.space.depth_model import DepthModel
from dreamvid.space.relief import sharpen_edges

NEAR, FAR = 0.5, 2.0
"""Units to what is white and to what is black in a picture of depths, if nobody says; between them, on the scale of
inverse distance, lies 0.8."""

_ENDLESS = 1e9  # units; what infinity is taken for where it is mixed with other distances
_SEQUENCE_RATE = Fraction(24)  # of numbered pictures, as elsewhere

Plane = npt.NDArray[np.float32]


class Pictures(Protocol):
    """A picture (`rate` None) or film that is asked for by time."""

    @property
    def rate(self) -> Fraction | None: ...
    def at(self, seconds: Fraction) -> Plane | None: ...


@dataclass(frozen=True)
class DepthScale:
    """What depths mean.

    Attributes:
        near, far: units to what is nearest and to what is farthest; None: not said.
        invert: whether black is the nearest in pictures of integers.
    """

    near: float | None = None
    far: float | None = None
    invert: bool = False

    @property
    def nearest(self) -> float:
        """Units to what is white, or black if it is inverted."""
        return NEAR if self.near is None else self.near

    @property
    def farthest(self) -> float:
        """Units to the opposite."""
        return FAR if self.far is None else self.far

    def distance_to_nearness(self, distance: Plane) -> Plane:
        """Distances in units as inverse distances; where there is none, or it is infinite, 0."""
        return np.divide(1, distance, out=np.zeros_like(distance), where=distance > 0)

    def level_to_nearness(self, level: Plane) -> Plane:
        """Values in [0, 1] of a picture, 1 being the nearest if it is not inverted, as inverse distances."""
        level = 1 - level if self.invert else level
        return (1 / self.farthest + level * (1 / self.nearest - 1 / self.farthest)).astype(np.float32)


class DepthSource(ABC):
    """Depths that go along with a film, by its time.

    Attributes:
        in_units: whether they are distances in units; else only what is nearer than what is known.
    """

    in_units: bool = False

    def __init__(self, scale: DepthScale, size: tuple[int, int]) -> None:
        """`size` is the (height, width) of what they belong to."""
        self.scale, self.size = scale, size

    @property
    @abstractmethod
    def rate(self) -> Fraction | None:
        """Frames per second; None: one picture."""

    @abstractmethod
    def nearness_at(self, seconds: Fraction) -> Tensor | None:
        """Inverse distances, (H, W) float64; None where they are still those that were given last."""

    @abstractmethod
    def depth_at(self, seconds: Fraction, picture: Tensor | None = None) -> Tensor | None:
        """Depth, (H, W) float32: 0 at what is nearest, 1 at what is farthest; None as above.

        Of integers 1 less their value, of distances the share of the way from `near` to `far`, which must be known.
        `picture` is what they belong to; it need not be known here.
        """


class PictureDepth(DepthSource):
    """Depths as a picture or film of integers."""

    def __init__(self, pictures: Pictures, scale: DepthScale, size: tuple[int, int]) -> None:
        super().__init__(scale, size)
        self._pictures = pictures

    @property
    def rate(self) -> Fraction | None:
        return self._pictures.rate

    def nearness_at(self, seconds: Fraction) -> Tensor | None:
        level = self._level(seconds)
        if level is None:
            return None
        return sharpen_edges(torch.from_numpy(self.scale.level_to_nearness(level)).double())

    def depth_at(self, seconds: Fraction, picture: Tensor | None = None) -> Tensor | None:  # noqa: ARG002
        level = self._level(seconds)
        if level is None:
            return None
        return torch.from_numpy(level if self.scale.invert else 1 - level)

    def _level(self, seconds: Fraction) -> Plane | None:
        picture = self._pictures.at(seconds)
        if picture is None:
            return None
        gray = picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
        return fit_depth(np.asarray(gray, np.float32), self.size)


class ExrDepth(DepthSource):
    """Distances in EXR files, one for all times or numbered ones."""

    in_units = True

    def __init__(self, paths: list[Path], scale: DepthScale, size: tuple[int, int], *, loop: bool = False) -> None:
        """After the last of several files the first follows, with `loop`, or the last one stays. Raises `MediaError`
        where the first cannot be read."""
        super().__init__(scale, size)
        self._paths, self._loop = paths, loop
        self._given: int | None = None
        self.shape = read_exr_distances(paths[0]).shape

    @property
    def rate(self) -> Fraction | None:
        return _SEQUENCE_RATE if len(self._paths) > 1 else None

    def nearness_at(self, seconds: Fraction) -> Tensor | None:
        distance = self._distance(seconds)
        if distance is None:
            return None
        return sharpen_edges(torch.from_numpy(self.scale.distance_to_nearness(distance)).double())

    def depth_at(self, seconds: Fraction, picture: Tensor | None = None) -> Tensor | None:  # noqa: ARG002
        distance = self._distance(seconds)
        if distance is None:
            return None
        if self.scale.near is None or self.scale.far is None:
            raise ValueError("distances become depth between `near` and `far`")
        distance = np.where(distance > 0, distance, np.inf)
        share = np.clip((distance - self.scale.near) / (self.scale.far - self.scale.near), 0, 1)
        return torch.from_numpy(share.astype(np.float32))

    def _distance(self, seconds: Fraction) -> Plane | None:
        wanted = math.floor(seconds * _SEQUENCE_RATE)
        count = len(self._paths)
        wanted = wanted % count if self._loop else min(wanted, count - 1)
        if wanted == self._given:
            return None
        self._given = wanted
        return fit_depth(read_exr_distances(self._paths[wanted]), self.size)


class ModeledDepth:
    """Depth as a model estimates it from each picture."""

    def __init__(self, kind: type[DepthModel], device: str) -> None:
        """The model is made when it is first asked: what it needs may not be downloaded yet."""
        self._kind, self._device = kind, device
        self._model: DepthModel | None = None

    def depth_at(self, seconds: Fraction, picture: Tensor | None) -> Tensor | None:  # noqa: ARG002
        """Depth, (H, W) float32: 0 at what is nearest in `picture`, (1, 3, H, W), 1 at what is farthest."""
        if picture is None:
            raise ValueError("a model estimates the depth of a picture")
        if self._model is None:
            self._model = self._kind(self._device)
        level = self._model.nearness(to_frame(picture))
        return torch.from_numpy(1 - fit_depth(level, (picture.shape[-2], picture.shape[-1])))


def fit_depth(plane: Plane, size: tuple[int, int]) -> Plane:
    """Bring depths to (height, width) `size`. Where they shrink no two are mixed: there is nothing between an edge's
    two sides."""
    height, width = size
    if plane.shape == size:
        return np.ascontiguousarray(plane, np.float32)
    shrinks = width * height < plane.size
    method = cv2.INTER_NEAREST_EXACT if shrinks else cv2.INTER_LINEAR
    finite = np.where(np.isfinite(plane), plane, np.float32(_ENDLESS))
    return np.asarray(cv2.resize(finite, (width, height), interpolation=method), np.float32)
