"""Octaves: the sizes a picture is dreamed at, and the resampling between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
"""(height, width) in pixels."""


def octave_sizes(size: Size, octaves: int, scale: float) -> list[Size]:
    """The sizes of all octaves, coarse to fine; the last is `size` itself.

    Octave k (counted from the finest) has sides `round(side / scale**k)`, never below one pixel.
    """
    height, width = size
    return [
        (max(1, round(height / scale**k)), max(1, round(width / scale**k)))
        for k in reversed(range(octaves))
    ]


def resize(image: Tensor, size: Size) -> Tensor:
    """Resample `image` (N, C, H, W) to `size`, antialiased when it shrinks.

    Convention: pixel centres at half-integers (`align_corners=False`), bicubic both ways: a residual that is
    handed from octave to octave stays as sharp as the sampling theorem lets it.
    """
    if image.shape[-2:] == torch.Size(size):
        return image
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)
