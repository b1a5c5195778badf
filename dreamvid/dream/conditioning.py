"""Conditioning of the image gradient: which spatial frequencies a step is made of.

The raw gradient of a convolutional network is dominated by fine grain. Steps whose spectrum resembles that of
natural pictures build large connected shapes instead. Every function keeps the shape (N, 3, H, W) and dtype float32.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream.pyramid import Size, resize

_TINY = 1e-12


_LOWEST_CYCLES = 3.0
"""Frequencies below this many cycles along the short side are rolled off to nothing at zero: they would tint, brighten
or darken whole regions (measured on three photographs: mean luma -11/255 with them, +3/255 without)."""


@functools.lru_cache(maxsize=32)
def spectral_gain(size: Size, power: float, device: torch.device | str = "cpu") -> Tensor | None:
    """Gain (H, W // 2 + 1) over the real FFT's frequencies: f² up to `_LOWEST_CYCLES`, then falling as 1/f^power.

    None for a power of 0, which leaves the spectrum alone.
    """
    if power == 0:
        return None
    height, width = size
    fy = torch.fft.fftfreq(height, device=device)[:, None]
    fx = torch.fft.rfftfreq(width, device=device)[None, :]
    relative = (fy.square() + fx.square()).sqrt() * (min(size) / _LOWEST_CYCLES)
    gain: Tensor = relative.clamp(max=1).square() * relative.clamp(min=1).pow(-power)
    return gain


def tilt_spectrum(gradient: Tensor, gain: Tensor | None) -> Tensor:
    """Multiply the gradient's spectrum by `spectral_gain`: 1/f^power, where 1 gives every octave band equal steps.

    The 1/f amplitude spectrum is that of natural pictures (Field 1987); Olah et al. 2017 ("Feature
    Visualization", Distill) call steps in such a space preconditioned.
    """
    if gain is None:
        return gradient
    tilted: Tensor = torch.fft.irfft2(torch.fft.rfft2(gradient) * gain, s=gradient.shape[-2:])
    return tilted


def blur(gradient: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian of `sigma` pixels, mirrored at the borders; 0 leaves the gradient alone."""
    if sigma == 0:
        return gradient
    channels, height, width = gradient.shape[-3:]
    for axis, length in ((2, height), (3, width)):
        radius = min(math.ceil(3 * sigma), length - 1)
        offsets = torch.arange(-radius, radius + 1, device=gradient.device, dtype=gradient.dtype)
        kernel = (-0.5 * (offsets / sigma).square()).exp()
        kernel = (kernel / kernel.sum()).view(1, 1, -1, 1) if axis == 2 else (kernel / kernel.sum()).view(1, 1, 1, -1)
        margins = (0, 0, radius, radius) if axis == 2 else (radius, radius, 0, 0)
        padded = F.pad(gradient, margins, mode="reflect")
        gradient = F.conv2d(padded, kernel.expand(channels, 1, -1, -1), groups=channels)
    return gradient


def normalize_bands(gradient: Tensor, levels: int) -> Tensor:
    """Split the gradient into `levels` Laplacian bands and give each the same standard deviation; 0: leave it alone.

    Burt & Adelson 1983 for the pyramid; its use on dreams is from the TensorFlow DeepDream tutorial of 2015. The
    pyramid stops early when a side falls below 4 pixels.
    """
    if levels == 0:
        return gradient
    bands: list[Tensor] = []
    low = gradient
    for _ in range(levels - 1):
        height, width = low.shape[-2:]
        if min(height, width) < 4:
            break
        lower = resize(low, ((height + 1) // 2, (width + 1) // 2))
        bands.append(low - resize(lower, (height, width)))
        low = lower
    bands.append(low)
    total = torch.zeros_like(bands[-1])
    for band in reversed(bands):
        normal = band / band.square().mean().sqrt().clamp_min(_TINY)
        total = resize(total, (band.shape[-2], band.shape[-1])) + normal
    return total
