"""Pictures as spectra: the coordinates in which pictures are drawn from nothing.

Gradient ascent on pixels draws grain, because neighboring pixels of a photograph go together and so do its colors.
In coordinates that are independent in photographs, the same steps draw shapes. Olah, Mordvintsev & Schubert 2017
("Feature Visualization", Distill) call this preconditioning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dreamvid.dream.color import color_matrix
from dreamvid.dream.pyramid import Size

_LONGEST_WAVE = 160.0
"""Pixels. Longer waves get no further preference: a large picture is drawn like a small one, only with more on it."""

_MARGIN = 8
"""Pixels drawn beyond each border and cut off: spectra are those of pictures whose opposite borders meet."""

_FAINT = 0.3
"""RMS of the noise at the start, before the sigmoid: a contrast of a fourteenth of the display's range."""


class FourierPictures:
    """N pictures of any one size, each as the spectrum of its three independent colors.

    A picture is  sigmoid(A · irfft2(gain · c)).  The gain falls as 1/f^power, scaled so that unit-normal coefficients
    make a picture of RMS 1 before the sigmoid whatever its size; A takes the axes above to RGB and keeps that RMS.

    Attributes:
        size: (H, W).
        coefficients: c, (N, 3, K, L, 2), real and imaginary parts, float32, for a canvas somewhat larger than the
            picture: the leaf to be optimized.
    """

    def __init__(
        self, size: Size, noises: Sequence[torch.Generator], *, power: float, device: torch.device | str = "cpu"
    ) -> None:
        """Begin with faint noise of spectrum 1/f^power, one picture for each of `noises` (generators on the CPU)."""
        self.size = size
        self._canvas = (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN)
        self._gain = spectral_gain(self._canvas, power).to(device)
        self._colors = color_matrix().to(device)
        shape = (3, *self._gain.shape, 2)
        start = torch.stack([torch.randn(shape, generator=noise) for noise in noises]) * _FAINT
        self.coefficients = start.to(device).requires_grad_(True)

    def render(self) -> Tensor:
        """The pictures, (N, 3, H, W) RGB in (0, 1); gradients flow to the coefficients."""
        planes = torch.fft.irfft2(torch.view_as_complex(self.coefficients) * self._gain, s=self._canvas)
        planes = planes[..., _MARGIN : _MARGIN + self.size[0], _MARGIN : _MARGIN + self.size[1]]
        pictures: Tensor = torch.einsum("rc,nchw->nrhw", self._colors, planes).sigmoid()
        return pictures


def spectral_gain(size: Size, power: float) -> Tensor:
    """Gain (H, W // 2 + 1) over the real FFT's frequencies: 1/f^power, level below the lowest that is preferred."""
    height, width = size
    fy = torch.fft.fftfreq(height)[:, None]
    fx = torch.fft.rfftfreq(width)[None, :]
    lowest = max(1 / min(size), 1 / _LONGEST_WAVE)
    gain = (fy.square() + fx.square()).sqrt().clamp_min(lowest).pow(-power)
    twice = torch.full((width // 2 + 1,), 2.0)  # the half of the spectrum that is not stored
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    # A coefficient of unit-normal real and imaginary part has a variance of 2.
    variance = 2 * (gain.square() * twice).sum() / (height * width) ** 2
    scaled: Tensor = gain / math.sqrt(float(variance))
    return scaled
