"""From pixels to rays and back: the pinhole camera without distortion."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width, in pixels."""

DEFAULT_FOV = 60.0
"""Degrees from the left edge to the right one: about a 31 mm lens on full frame."""


class Lens(NamedTuple):
    """A pinhole camera. `focal` in pixels; (x, y) is the optical axis in pixel coordinates.

    Convention: pixel centers are whole numbers, x to the right, y down. A ray is (x, y, 1) in camera axes: x right,
    y down, z forward, right-handed, as in OpenCV.
    """

    focal: float
    x: float
    y: float

    @classmethod
    def of(cls, fov: float, size: Size) -> Lens:
        """The lens that sees `fov` degrees across the width of a picture of `size`, its axis in the middle."""
        height, width = size
        return cls(width / 2 / math.tan(math.radians(fov) / 2), width / 2 - 0.5, height / 2 - 0.5)

    @property
    def matrix(self) -> Tensor:
        """From rays to pixels, (3, 3) float64."""
        return torch.tensor([[self.focal, 0, self.x], [0, self.focal, self.y], [0, 0, 1]], dtype=torch.float64)

    def rays(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The rays of pixels: x / z and y / z."""
        return (x - self.x) / self.focal, (y - self.y) / self.focal

    def rays_of(self, x: float, y: float) -> tuple[float, float]:
        """The ray of one place."""
        return (x - self.x) / self.focal, (y - self.y) / self.focal

    def pixels(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The pixels of rays."""
        return x * self.focal + self.x, y * self.focal + self.y


def horizontal_fov(vertical: float, size: Size) -> float:
    """The degrees across the width of a picture of `size` that is `vertical` degrees high."""
    height, width = size
    return math.degrees(2 * math.atan(math.tan(math.radians(vertical) / 2) * width / height))


def pixel_grid(size: Size) -> tuple[Tensor, Tensor]:
    """The x and y of all pixels, (H, W) float64."""
    height, width = size
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    return x, y
