"""Several networks looking at one picture."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from dreamvid.models.network import Extractor


class Ensemble(nn.Module):
    """Extractors side by side, as one: all their taps, in their order.

    Attributes:
        taps: names of the layers, each as `network/layer`.
        channels: feature maps of each tap.
        strides, reach, pooled, gates: as an `Extractor`'s, of all parts together.
        minimum_side: the smallest side of a picture, in pixels, that suits them all.
    """

    def __init__(self, parts: Sequence[tuple[str, Extractor]]) -> None:
        """`parts` are networks' names and their extractors; each normalizes the picture in its own way."""
        super().__init__()
        self.parts = nn.ModuleList(part for _, part in parts)
        self.taps = tuple(f"{name}/{tap}" for name, part in parts for tap in part.taps)
        self.channels = tuple(channels for _, part in parts for channels in part.channels)
        self.strides = tuple(stride for _, part in parts for stride in part.strides)
        self.pooled = tuple(pooled for _, part in parts for pooled in part.pooled)
        starts = itertools.accumulate((len(part.taps) for _, part in parts), initial=0)
        self.gates = tuple(
            frozenset(start + gate for gate in gates)
            for start, (_, part) in zip(starts, parts, strict=False)
            for gates in part.gates
        )
        self.reach = (max(part.reach[0] for _, part in parts), max(part.reach[1] for _, part in parts))
        self.minimum_side = max(part.minimum_side for _, part in parts)
        self._extractors = [part for _, part in parts]
        self._heads = [(part, tap) for _, part in parts for tap in range(len(part.taps))]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the activations at each tap; see `Extractor.forward`."""
        return [tap for part in self.parts for tap in part(x)]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the map of each tap; see `Extractor.maps`."""
        return [tap_map for part in self._extractors for tap_map in part.maps(x)]

    def from_map(self, tap: int, tap_map: Tensor) -> Tensor:
        """Return the activation at a tap from its map; see `Extractor.from_map`."""
        part, number = self._heads[tap]
        return part.from_map(number, tap_map)
