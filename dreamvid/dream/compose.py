"""Putting a residual onto a picture: the one place where a dream meets the display's range."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamvid.dream.color import luma


def compose(picture: Tensor, residual: Tensor, *, keep_color: bool = False, mask: Tensor | None = None) -> Tensor:
    """Return `picture` with `residual` added, (N, 3, H, W) in [0, 1].

    Args:
        picture: (N, 3, H, W) RGB in [0, 1].
        residual: the same shape, in [-1, 1].
        keep_color: only the residual's luma is added, to red, green and blue alike and no further than all three
            have room, so that the color differences stay as they were.
        mask: (N, 1, H, W) in [0, 1]; where it is 0 the picture comes back bit for bit.
    """
    if keep_color:
        darker, brighter = -picture.amin(1, keepdim=True), 1 - picture.amax(1, keepdim=True)
        dream = picture + luma(residual).clamp(min=darker, max=brighter)
    else:
        dream = picture + residual
    dream = dream.clamp(0, 1)
    return dream if mask is None else torch.lerp(picture, dream, mask)

