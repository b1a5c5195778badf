"""Putting a residual onto a picture: the one place where a dream meets the display's range."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


def compose(picture: Tensor, residual: Tensor, *, keep_color: bool = False, mask: Tensor | None = None) -> Tensor:
    """Return `picture` with `residual` added, (N, 3, H, W) in [0, 1].

    Args:
        picture: (N, 3, H, W) RGB in [0, 1].
        residual: the same shape, in [-1, 1].
        keep_color: only the residual's luma is added, to red, green and blue alike and no further than all three
            have room, so that the colour differences stay as they were.
        mask: (N, 1, H, W) in [0, 1]; where it is 0 the picture comes back bit for bit.
    """
    if keep_color:
        luma = (residual * _luma_weights(residual.device, residual.dtype)).sum(1, keepdim=True)
        darker, brighter = -picture.amin(1, keepdim=True), 1 - picture.amax(1, keepdim=True)
        dream = picture + luma.clamp(min=darker, max=brighter)
    else:
        dream = picture + residual
    dream = dream.clamp(0, 1)
    return dream if mask is None else torch.lerp(picture, dream, mask)


@functools.cache
def _luma_weights(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Made once: a step that is recorded on a GPU can copy nothing from the host."""
    return torch.tensor(_LUMA, device=device, dtype=dtype).view(1, 3, 1, 1)
