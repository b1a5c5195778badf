"""Random crops, flips and colors, and the adversarial step: batches in, batches out.

Every function takes its randomness from a CPU generator, so a seed means the same pictures on every device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Rotations about the gray axis (1, 1, 1): the generator matrix of Rodrigues' formula, and the projection on gray.
_CROSS = ((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))
_HUE_RADIANS = 0.25  # standard deviation
_SATURATION = (0.3, 1.4)
_GREY_SHARE = 0.15
_BRIGHTNESS = _CONTRAST = 0.3
_ASPECT = 0.25  # a crop's width to height: exp(-0.25) to exp(0.25)


def random_crops(
    pictures: Tensor, size: int, generator: torch.Generator, *, area: float = 0.5, flip: bool = True
) -> Tensor:
    """Cut a random part out of each picture and resize it to `size` x `size`.

    Args:
        pictures: (N, 3, S, S) float.
        area: the smallest share of the picture's area to keep; the largest is all of it.
        flip: mirror half of them left to right.
    """
    count, _, height, _ = pictures.shape
    if height >= 2 * size:  # sampling would skip pixels: shrink with a proper filter first
        side = max(size, round(size * 8 / 7))
        pictures = F.interpolate(pictures, size=(side, side), mode="bilinear", antialias=True)
    share = _uniform(count, area, 1, generator).sqrt()
    aspect = _uniform(count, -_ASPECT / 2, _ASPECT / 2, generator).exp()
    width, height_share = (share * aspect).clamp(max=1), (share / aspect).clamp(max=1)
    center_x = _uniform(count, -1, 1, generator) * (1 - width)
    center_y = _uniform(count, -1, 1, generator) * (1 - height_share)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0) if flip else 1.0
    transform = torch.zeros(count, 2, 3)
    transform[:, 0, 0], transform[:, 0, 2] = width * mirror, center_x
    transform[:, 1, 1], transform[:, 1, 2] = height_share, center_y
    grid = F.affine_grid(transform.to(pictures.device), [count, 3, size, size], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def random_colors(pictures: Tensor, generator: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """Change hue (a rotation about the gray axis), saturation, brightness and contrast of each picture.

    A network that cannot rely on color has to learn shape, and dreams of shapes instead of color blobs.

    Args:
        pictures: (N, 3, H, W) float in [0, 1]; so is the result.
        strength: 0 changes nothing, 1 is the recipe of dreamnet.
    """
    if strength == 0:
        return pictures
    count = len(pictures)
    mix = color_matrices(count, generator, strength=strength).to(pictures.device)
    gain = _around_one(count, _BRIGHTNESS * strength, generator).to(pictures.device)
    contrast = _around_one(count, _CONTRAST * strength, generator).to(pictures.device)
    mixed = torch.einsum("nij,njhw->nihw", mix * gain, pictures)
    mean = mixed.mean((1, 2, 3), keepdim=True)
    return ((mixed - mean) * contrast[..., None] + mean).clamp(0, 1)


def color_matrices(count: int, generator: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """Return (count, 3, 3) matrices of random hue and saturation. All of them leave gray as it is."""
    cross = torch.tensor(_CROSS) / math.sqrt(3)
    gray, unit = torch.full((3, 3), 1 / 3), torch.eye(3)
    angle = (torch.randn(count, generator=generator) * _HUE_RADIANS * strength)[:, None, None]
    rotation = unit + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    low, high = (1 + (bound - 1) * strength for bound in _SATURATION)
    saturation = _uniform(count, max(low, 0), high, generator)
    saturation[torch.rand(count, generator=generator) < _GREY_SHARE * strength] = 0
    return (gray + saturation[:, None, None] * (unit - gray)) @ rotation


def _around_one(count: int, spread: float, generator: torch.Generator) -> Tensor:
    return _uniform(count, max(0, 1 - spread), 1 + spread, generator)[:, None, None]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)
