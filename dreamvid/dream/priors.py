"""Priors on the picture itself, as gradients to descend: what a step is held back by.

Their unit is the dream's own: the dream pushes a pixel by 1 on average, before `step` makes 8-bit levels of it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_LEVEL = 1.0 / 255.0


def total_variation_gradient(image: Tensor) -> Tensor:
    """The gradient of  sum sqrt(dx² + dy² + eps²),  per color channel; shape (N, 3, H, W), values within ±4.

    dx and dy are forward differences, 0 past the border; eps is one 8-bit level, so that flat areas are left in
    peace. Rudin, Osher & Fatemi 1992.
    """
    dx = F.pad(image[..., :, 1:] - image[..., :, :-1], (0, 1))
    dy = F.pad(image[..., 1:, :] - image[..., :-1, :], (0, 0, 0, 1))
    length = (dx.square() + dy.square() + _LEVEL**2).sqrt()
    dx, dy = dx / length, dy / length
    return F.pad(dx, (1, 0))[..., :-1] - dx + F.pad(dy, (0, 0, 1, 0))[..., :-1, :] - dy


def source_pull(image: Tensor, source: Tensor) -> Tensor:
    """The gradient of  ½ ||image - source||²,  in 8-bit levels."""
    return (image - source) / _LEVEL
