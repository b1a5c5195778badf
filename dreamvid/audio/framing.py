"""A sound that comes in blocks, cut into the windows around its hops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from dreamvid.audio.decode import SAMPLE_RATE, Samples

RATE = 100
"""Hops per second: everything is measured each 10 ms."""
HOP = SAMPLE_RATE // RATE  # samples


class Meter(Protocol):
    """Measures a sound of which it sees one block after the other."""

    def take(self, samples: Samples) -> None:
        """See the next samples, any number of them."""

    def end(self) -> None:
        """There are no more."""


def run_meters(blocks: Iterable[Samples], meters: Iterable[Meter]) -> int:
    """Show a sound to some meters; return how many samples it has."""
    meters, count = list(meters), 0
    for block in blocks:
        count += len(block)
        for meter in meters:
            meter.take(block)
    for meter in meters:
        meter.end()
    return count


def count_hops(samples: int) -> int:
    """The number of hops of so many samples; hop k stands for the time k / RATE."""
    return samples // HOP + 1


def extend(samples: Samples, count: int) -> Samples:
    """Return the samples with `count` more before them: mirrored and turned over, as a tone is; silence where there
    are too few."""
    reach = min(count, len(samples) - 1)
    return np.pad(np.pad(samples, (reach, 0), mode="reflect", reflect_type="odd"), (count - reach, 0))


class Framer:
    """Gives the windows of the hops, in chunks; a window of hop k begins `before` samples before the hop."""

    def __init__(self, window: int, before: int, chunk: int, *, mirrored: bool = False) -> None:
        """`chunk` is how many hops are given at a time. `mirrored`: the sound before the start is `extend`'s, not
        silence; after the end there is silence."""
        self._window, self._before, self._chunk = window, before, chunk
        self._mirrored = mirrored
        self._kept: list[Samples] = []  # from sample `_first` on
        self._first = 0
        self._seen = 0
        self._hop = 0

    @property
    def seen(self) -> int:
        """How many samples there were so far."""
        return self._seen

    def take(self, samples: Samples) -> Iterator[Samples]:
        """Give the windows, (hops, window), of the hops that are complete now; a view, to be used at once."""
        self._seen += len(samples)
        self._kept.append(samples)
        if self._seen > self._window:
            yield from self._give(self._seen - self._window + self._before, whole=True)

    def end(self) -> Iterator[Samples]:
        """Give what is left, when all samples were there."""
        if self._seen:
            self._begin()
            self._kept.append(np.zeros(2 * self._window, np.float32))
            yield from self._give((count_hops(self._seen) - 1) * HOP, whole=False)

    def _begin(self) -> None:
        """Put what comes before the start in its place, unless it is there."""
        if self._first == 0 and self._hop == 0 and self._before:
            joined = np.concatenate(self._kept)
            before = extend(joined, self._before) if self._mirrored else np.pad(joined, (self._before, 0))
            self._kept, self._first = [before], -self._before

    def _give(self, last: int, *, whole: bool) -> Iterator[Samples]:
        """Give the windows of the hops up to sample `last`, in chunks of which the last one need not be `whole`."""
        left = last // HOP + 1 - self._hop
        if left < (self._chunk if whole else 1):
            return
        self._begin()
        joined = np.concatenate(self._kept)
        while left >= (self._chunk if whole else 1):
            count = min(self._chunk, left)
            begin = self._hop * HOP - self._before - self._first
            part = joined[begin : begin + (count - 1) * HOP + self._window]
            yield np.lib.stride_tricks.sliding_window_view(part, self._window)[::HOP]
            self._hop += count
            left -= count
        begin = self._hop * HOP - self._before - self._first
        self._first += begin
        self._kept = [joined[begin:].copy()]


class WindowMeter(ABC):
    """A `Meter` that measures the windows of the hops."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def take(self, samples: Samples) -> None:
        """See the next samples."""
        for windows in self._framer.take(samples):
            self._measure(windows)

    def end(self) -> None:
        """There are no more."""
        for windows in self._framer.end():
            self._measure(windows)

    @abstractmethod
    def _measure(self, windows: Samples) -> None:
        """Measure the next windows, (hops, window)."""
