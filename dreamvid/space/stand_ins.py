"""What stands in for what has just come into a picture, until it has been dreamed."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from dreamvid.space.relief import EDGE, Shape

_SOFTNESS = 1.0  # px, the deviation of the blur of what stands in for new pixels
_SOFT_REACH = 2  # px
_AGREEMENT = 0.7  # of a strip's directions, from which on it has one
_LEAST_SHIFT = 1 / 10  # of the short side: less would be seen as a lattice
_SHIFT_STEP = 4  # px: it stays the same from frame to frame
_LEAST_STRIP = 4  # px


class StandIns(NamedTuple):
    """What stands in for new pixels.

    Attributes:
        source: (H, W) int64, the pixel, counted row by row, whose content each one gets.
        scattered: (H, W) bool, whether that comes from another direction than for its neighbors.
    """

    source: Tensor
    scattered: Tensor


def shift_strips(shape: Shape, nearness: Tensor, new: Tensor) -> StandIns:
    """Stand in for `new` pixels, (H, W) bool, by what is as far away as for all of their strip.

    `shape` says where the settled picture is, of which `source` is the mirrored one. That is right for a strip that
    lies directly beside it. When the next one comes in, the strips before it are not settled yet; a mirror far away
    would turn each strip round by itself, and what should go on from one to the next would be torn at each joint.
    """
    height, width = new.shape
    source = shape.source.clone()
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    count, labels = cv2.connectedComponents(new.numpy().astype(np.uint8), connectivity=8)
    numbers = torch.from_numpy(labels).long()[new]
    # The mirror is halfway between a pixel and its source.
    away = torch.stack([x[new] - source[new] % width, y[new] - source[new] // width]).double()
    distance = away.norm(dim=0)
    sizes = torch.zeros(count, dtype=torch.float64).index_add_(0, numbers, torch.ones_like(distance))
    sums = torch.zeros(count, 2, dtype=torch.float64).index_add_(0, numbers, (away / distance.clamp_min(1)).T)
    direction = sums / sizes.clamp_min(1)[:, None]
    agreement = direction.norm(dim=1)
    mean = torch.zeros(count, dtype=torch.float64).index_add_(0, numbers, distance) / sizes.clamp_min(1)
    nearest = torch.full((count,), math.inf, dtype=torch.float64).scatter_reduce_(0, numbers, distance, "amin")
    length = mean.clamp_min(_LEAST_SHIFT * min(height, width)) / _SHIFT_STEP
    shift = (direction / agreement.clamp_min(1e-9)[:, None] * length[:, None]).round() * _SHIFT_STEP
    goes = (agreement > _AGREEMENT) & (nearest > 4) & (sizes >= _LEAST_STRIP)
    from_x, from_y = x[new] - shift[numbers, 0].long(), y[new] - shift[numbers, 1].long()
    inside = (from_x >= 0) & (from_x < width) & (from_y >= 0) & (from_y < height)
    place = from_y.clamp(0, height - 1) * width + from_x.clamp(0, width - 1)
    fits = inside & goes[numbers] & shape.known.flatten()[place]
    fits &= nearness.flatten()[place] <= EDGE * nearness[new]
    source[new] = torch.where(fits, place, source[new])
    scattered = new.clone()
    scattered[new] = ~fits
    return StandIns(source, scattered)


def soften(picture: Tensor, nearness: Tensor, new: Tensor) -> Tensor:
    """Blur the `new` pixels, (H, W) bool, of `picture`, (1, 3, H, W), with what is not nearer than they are.

    What stands in for them comes from here and there, a pixel at a time; unless it is blurred, outlines that move leave
    dots behind. Nothing of what stands before them gets in.
    """
    height, width = new.shape
    row, column = new.nonzero(as_tuple=True)
    near = EDGE * nearness[row, column]
    total = torch.zeros(picture.shape[1], len(row), dtype=picture.dtype, device=picture.device)
    weights = torch.zeros(len(row), dtype=picture.dtype, device=picture.device)
    for down, across in product(range(-_SOFT_REACH, _SOFT_REACH + 1), repeat=2):
        y, x = (row + down).clamp(0, height - 1), (column + across).clamp(0, width - 1)
        share = math.exp(-(down**2 + across**2) / (2 * _SOFTNESS**2))
        weight = (share * (nearness[y, x] <= near)).to(weights)
        y, x = y.to(picture.device), x.to(picture.device)
        total += weight * picture[0, :, y, x]
        weights += weight
    softened = picture.clone()
    softened[0, :, row.to(picture.device), column.to(picture.device)] = total / weights
    return softened
