"""Holding brightness, contrast and color where they were, over thousands of frames that feed on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

_SECONDS = 0.1  # in which a deviation falls to 1/e
_TINY = 1e-6
_MOST_CONTRAST = 4.0


@dataclass(frozen=True, eq=False)
class Tone:
    """Mean and standard deviation of red, green and blue, each (1, 3, 1, 1)."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, picture: Tensor) -> Tone:
        """The tone of `picture`, (1, 3, H, W) in [0, 1]."""
        return cls(picture.mean((2, 3), keepdim=True), picture.std((2, 3), keepdim=True, unbiased=False))


def keep_tone(picture: Tensor, tone: Tone, seconds: float) -> Tensor:
    """Bring `picture`, (1, 3, H, W) in [0, 1], closer to `tone`, by as much as `seconds` of film allow.

    Each color is stretched about its mean and shifted: no structure is lost, and nothing is done to a picture
    that has the tone already.
    """
    share = 1 - math.exp(-seconds / _SECONDS)
    own = Tone.of(picture)
    contrast = (tone.deviation / own.deviation.clamp_min(_TINY)).clamp(1 / _MOST_CONTRAST, _MOST_CONTRAST)
    mean = own.mean.lerp(tone.mean, share)
    return ((picture - own.mean) * contrast.pow(share) + mean).clamp(0, 1)
