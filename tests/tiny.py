"""A network small enough for tests: two fixed random convolutions with the interface of an extractor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class TinyExtractor:
    """Two taps, 8 channels each, strides 1 and 2, and 4 scores, made of the mean of the second.

    `scale` multiplies the first tap; `calls` counts the passes.
    """

    minimum_side = 8

    def __init__(self, taps: tuple[str, ...] = ("first",), scale: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(7)
        self.taps = taps
        self.scale = scale
        self.calls = 0
        self.strides = tuple({"first": 1, "second": 2, "scores": 2}[tap] for tap in taps)
        self.pooled = tuple(tap == "scores" for tap in taps)
        self.gates = tuple(_gates(taps, tap) for tap in range(len(taps)))
        self.reach = (3, 2) if set(taps) - {"first"} else (2, 2)
        self._first = torch.randn(8, 3, 5, 5, generator=generator) / 8
        self._second = torch.randn(8, 8, 3, 3, generator=generator) / 8
        self._scores = torch.randn(4, 8, generator=generator)

    def __call__(self, image: Tensor) -> list[Tensor]:
        return [self.from_map(tap, tap_map) for tap, tap_map in enumerate(self.maps(image))]

    def from_map(self, tap: int, tap_map: Tensor) -> Tensor:
        return F.softplus(tap_map.mean((2, 3)) @ self._scores.T.to(tap_map)) if self.pooled[tap] else tap_map

    def maps(self, image: Tensor) -> list[Tensor]:
        self.calls += 1
        first = self.scale * F.relu(F.conv2d(image - 0.5, self._first.to(image), padding=2))
        second = F.relu(F.conv2d(first / self.scale, self._second.to(image), stride=2, padding=1))
        named = {"first": first, "second": second, "scores": second}
        return [named[tap] for tap in self.taps]


def _gates(taps: tuple[str, ...], tap: int) -> frozenset[int]:
    """"scores" is made of the map "second", which is made of "first"."""
    depths = [min(1, ("first", "second", "scores").index(name)) for name in taps]
    return frozenset(
        other for other, depth in enumerate(depths) if (depth, other) < (depths[tap], tap) and other != tap
    )


def noise(height: int, width: int, seed: int = 0, low: float = 0.3, high: float = 0.7) -> Tensor:
    """A smooth random picture, (1, 3, height, width) in [low, high]."""
    small = torch.rand(1, 3, height // 4 + 2, width // 4 + 2, generator=torch.Generator().manual_seed(seed))
    return low + (high - low) * F.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)
