"""Octaves: the sizes a picture is dreamed at, and the resampling between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

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


COARSEST_SIDE = 128
"""The short side, in pixels, of the coarsest octave where octaves follow the picture's size: whatever that is, the
largest things take the same share of the picture."""


def following_octave_sizes(size: Size, scale: float) -> list[Size]:
    """As many octaves as lead from a short side of `COARSEST_SIDE` to `size`, each about `scale` times the one before.

    The steps between them are equal and such that both ends are met. A picture no larger than that has one octave.
    """
    side = min(size)
    if side <= COARSEST_SIDE:
        return [size]
    steps = max(1, round(math.log(side / COARSEST_SIDE) / math.log(scale)))
    return octave_sizes(size, steps + 1, (side / COARSEST_SIDE) ** (1 / steps))


def absolute_octave_sizes(size: Size, short_sides: Sequence[int]) -> list[Size]:
    """The sizes whose short side is each of `short_sides` (rising; 0: `size` itself), coarse to fine.

    Those as large as the picture or larger are one: the picture's own size. So a small picture is dreamed at the
    first of the octaves that a large one is dreamed at, and a large one at no more than these.
    """
    sizes: list[Size] = []
    for side in short_sides:
        if side == 0 or side >= min(size):
            return [*sizes, size]
        factor = side / min(size)
        sizes.append((max(1, round(size[0] * factor)), max(1, round(size[1] * factor))))
    return sizes


def resize(image: Tensor, size: Size) -> Tensor:
    """Resample `image` (N, C, H, W) to `size`, antialiased when it shrinks.

    Convention: pixel centers at half-integers (`align_corners=False`), bicubic both ways: a residual that is
    handed from octave to octave stays as sharp as the sampling theorem lets it.
    """
    if image.shape[-2:] == torch.Size(size):
        return image
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)
