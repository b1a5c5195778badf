"""Noise with the spectrum of photographs."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamvid.dream.pyramid import Size


def pink_noise(size: Size, seed: int = 0) -> Tensor:
    """Colored 1/f noise of `size`, (1, 3, H, W) in [0, 1]: the spectrum of photographs (Field 1987) and no content."""
    height, width = size
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    fy = torch.fft.fftfreq(height)[:, None] * height
    fx = torch.fft.rfftfreq(width)[None, :] * width
    cycles = (fy.square() + fx.square()).sqrt().clamp_min(1)
    pink = torch.fft.irfft2(torch.fft.rfft2(noise) / cycles, s=size)
    pink = (pink - pink.mean()) / pink.std()
    luma, red_blue, green = pink[:, 0:1], pink[:, 1:2], pink[:, 2:3]
    red, blue = luma + 0.5 * red_blue + 0.3 * green, luma - 0.5 * red_blue + 0.2 * green
    return (0.5 + 0.16 * torch.cat([red, luma - 0.5 * green, blue], dim=1)).clamp(0, 1)
