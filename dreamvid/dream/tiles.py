"""Tiles: a large picture's gradient, made in pieces that are the whole's.

A tile is an interior, which no other tile shares, and a halo around it: all that the interior's positions see. The
ascent starts at the interior's positions only, and what comes back to the pixels of interior and halo is added into one
gradient of the whole picture. So each position of the layer counts once and sees what it sees in the whole: up to the
rounding of sums, the result is the whole picture's gradient. At the picture's own border there is no halo, and the
network pads as ever.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dreamvid.config.types import SMALLEST_TILE
from dreamvid.dream.pyramid import Size

LARGEST_HALO = 256
"""Pixels. Only the deeper layers of inception_v3 reach further: 450 to 1100 in theory, next to nothing in fact."""


@dataclass(frozen=True)
class TileConstraints:
    """What a network asks of tiles.

    Attributes:
        strides: pixels from one position to the next in each tap's map; a tile begins at a multiple of all of them.
        before, after: the halo, in pixels.
        least: the smallest side of a tile with its halo, in pixels.
    """

    strides: tuple[int, ...]
    before: int
    after: int
    least: int

    @property
    def step(self) -> int:
        """The least common multiple of the strides: they are powers of two, or one."""
        return max(self.strides)


class Span(NamedTuple):
    """A tile along one side of the picture, in pixels: [start, stop) with its halo, [first, end) without."""

    start: int
    first: int
    end: int
    stop: int
    is_last: bool

    def positions(self, stride: int) -> slice:
        """The interior's positions in a map of the tile."""
        return self._positions_from(self.start, stride)

    def own_positions(self, stride: int) -> slice:
        """The same positions in the map of the whole picture."""
        return self._positions_from(0, stride)

    def _positions_from(self, start: int, stride: int) -> slice:
        return slice((self.first - start) // stride, None if self.is_last else (self.end - start) // stride)


class Tile(NamedTuple):
    """A tile of a picture."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Where it lies in the picture, with its halo: the last two indices."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def interior(self, tap_map: Tensor, stride: int) -> Tensor:
        """The view of the interior's positions in (N, C, h, w), the tile's map."""
        return tap_map[..., self.rows.positions(stride), self.columns.positions(stride)]

    def own(self, tap_map: Tensor, stride: int) -> Tensor:
        """The view of the same positions in (N, C, h, w), the map of the whole picture."""
        return tap_map[..., self.rows.own_positions(stride), self.columns.own_positions(stride)]


@dataclass(frozen=True)
class Tiling:
    """A picture cut into rows and columns of tiles."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __iter__(self) -> Iterator[Tile]:
        return (Tile(row, column) for row in self.rows for column in self.columns)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    @property
    def largest(self) -> int:
        """The pixels of the largest tile, with its halo."""
        return _longest(self.rows) * _longest(self.columns)

    def join(self, parts: list[Tensor]) -> Tensor:
        """One map out of the interiors of all tiles, in order."""
        across = len(self.columns)
        rows = [torch.cat(parts[row : row + across], 3) for row in range(0, len(parts), across)]
        return torch.cat(rows, 2)


class Overlay:
    """A map of a whole picture, to which the maps of its tiles are added, halos and all."""

    def __init__(self, size: Size, stride: int) -> None:
        """`size` is the picture's, `stride` the map's, in pixels."""
        self._stride = stride
        self._most = tuple(-(-side // stride) + 1 for side in size)
        self._sum: Tensor | None = None
        self._end = (0, 0)

    def add(self, tile: Tile, tap_map: Tensor) -> None:
        """Add (N, C, h, w), the map of a tile."""
        if self._sum is None:
            self._sum = tap_map.new_zeros((*tap_map.shape[:2], *self._most))
        top, left = tile.rows.start // self._stride, tile.columns.start // self._stride
        end = top + tap_map.shape[-2], left + tap_map.shape[-1]
        self._sum[..., top : end[0], left : end[1]] += tap_map
        self._end = max(self._end, end)

    def whole(self) -> Tensor:
        """The sum, (N, C, h, w), once all tiles are added: the last one, below and to the right, ends where it does."""
        assert self._sum is not None  # noqa: S101 - a picture has at least one tile
        return self._sum[..., : self._end[0], : self._end[1]]


@functools.lru_cache(maxsize=64)
def plan_tiles(size: Size, constraints: TileConstraints, pixels: float, side: int | None = None) -> Tiling:
    """The tiling of a picture of `size` that has the least to compute, of those whose tiles are small enough.

    Args:
        size: (height, width).
        grain: of the network.
        pixels: that a tile may have, halo included; where even the smallest has more, it is the smallest.
        side: the most pixels along a side of an interior.
    """
    choices = [_choices(length, constraints, side) for length in size]
    tilings = [Tiling(rows, columns) for rows in choices[0] for columns in choices[1]]
    small = [tiling for tiling in tilings if tiling.largest <= pixels]
    if not small:
        return min(tilings, key=lambda tiling: tiling.largest)
    return min(small, key=lambda tiling: (_total(tiling.rows) * _total(tiling.columns), len(tiling)))


def _choices(length: int, constraints: TileConstraints, side: int | None) -> list[tuple[Span, ...]]:
    """The ways to cut a side, each with interiors of one length as near as the strides allow."""
    most = max(1, length // max(SMALLEST_TILE, constraints.step))
    fewest = 1 if side is None else min(most, -(-length // side))
    step = constraints.step
    interiors = dict.fromkeys(-(-length // count // step) * step for count in range(fewest, most + 1))
    return [_cut(length, interior, constraints) for interior in interiors]


def _cut(length: int, interior: int, constraints: TileConstraints) -> tuple[Span, ...]:
    spans = []
    for first in range(0, length, interior):
        end = min(length, first + interior)
        start = max(0, min(first - constraints.before, length - constraints.least))
        start = start // constraints.step * constraints.step
        stop = min(length, max(end + constraints.after, start + constraints.least))
        spans.append(Span(start, first, end, stop, end == length))
    return tuple(spans)


def _longest(spans: tuple[Span, ...]) -> int:
    return max(span.stop - span.start for span in spans)


def _total(spans: tuple[Span, ...]) -> int:
    return sum(span.stop - span.start for span in spans)
