"""A sound that comes in blocks, cut into the windows around its hops."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from scipy.signal import firwin

from dreamvid.audio.decode import SAMPLE_RATE, Samples

RATE = 100
"""Hops per second: everything is measured each 10 ms."""
HOP = SAMPLE_RATE // RATE  # samples
_KEPT_AT_ONCE = 32  # samples that a decimator keeps of a block


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

    def __init__(self, window: int, before: int, chunk: int, *, mirrored: bool = False, hop: int = HOP) -> None:
        """`chunk` is how many hops are given at a time. `mirrored`: the sound before the start is `extend`'s, not
        silence; after the end there is silence. `hop` is in samples of the sound as it is given."""
        self._window, self._before, self._chunk, self._hop_length = window, before, chunk, hop
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
            yield from self._give(self._seen // self._hop_length * self._hop_length, whole=False)

    def _begin(self) -> None:
        """Put what comes before the start in its place, unless it is there."""
        if self._first == 0 and self._hop == 0 and self._before:
            joined = np.concatenate(self._kept)
            before = extend(joined, self._before) if self._mirrored else np.pad(joined, (self._before, 0))
            self._kept, self._first = [before], -self._before

    def _give(self, last: int, *, whole: bool) -> Iterator[Samples]:
        """Give the windows of the hops up to sample `last`, in chunks of which the last one need not be `whole`."""
        left = last // self._hop_length + 1 - self._hop
        if left < (self._chunk if whole else 1):
            return
        self._begin()
        joined = np.concatenate(self._kept)
        while left >= (self._chunk if whole else 1):
            count = min(self._chunk, left)
            begin = self._hop * self._hop_length - self._before - self._first
            part = joined[begin : begin + (count - 1) * self._hop_length + self._window]
            yield np.lib.stride_tricks.sliding_window_view(part, self._window)[:: self._hop_length]
            self._hop += count
            left -= count
        begin = self._hop * self._hop_length - self._before - self._first
        self._first += begin
        self._kept = [joined[begin:].copy()]


class Decimator:
    """Keeps every `factor`th sample of a sound, without what such a raster cannot hold.

    A low-pass comes before it, by a Hamming window, 50 dB. Sample k of what it gives stands for sample `factor` · k;
    it gives as many as fit whole, but at least one.
    """

    def __init__(self, factor: int, passed: float, stopped: float | None = None) -> None:
        """What lies below `passed` Hz stays as it is, what lies above `stopped` goes; None: as much as must, lest it be
        heard below `passed`. `factor` divides `HOP`."""
        stopped = SAMPLE_RATE / factor - passed if stopped is None else stopped
        taps = 2 * math.ceil(1.65 * SAMPLE_RATE / (stopped - passed)) + 1
        kernel = firwin(taps, (passed + stopped) / 2, fs=SAMPLE_RATE)
        # A block of samples, and what lies around it, becomes a block of kept ones: a product of matrices.
        self._block = factor * _KEPT_AT_ONCE
        self._matrix = np.zeros((self._block + taps - factor, _KEPT_AT_ONCE), np.float32)
        for column in range(_KEPT_AT_ONCE):
            self._matrix[factor * column : factor * column + taps, column] = kernel
        self._factor, self._half = factor, taps // 2
        self._left = np.empty(0, np.float32)
        self._begun = False
        self._seen, self._given = 0, 0

    def take(self, samples: Samples) -> Samples:
        """See the next samples; return those that can be given now."""
        self._seen += len(samples)
        self._left = np.concatenate([self._left, samples])
        return self._give() if self._seen > self._half else np.empty(0, np.float32)

    def end(self) -> Samples:
        """There are no more: return what is left."""
        if not self._seen:
            return self._left
        self._begin()
        self._left = np.pad(self._left, (0, len(self._matrix) + self._block), mode="edge")
        before = self._given
        return self._give()[: max(1, self._seen // self._factor) - before]

    def _begin(self) -> None:
        if not self._begun:
            self._left, self._begun = extend(self._left, self._half), True

    def _give(self) -> Samples:
        self._begin()
        if len(self._left) < len(self._matrix):
            return np.empty(0, np.float32)
        blocks = np.lib.stride_tricks.sliding_window_view(self._left, len(self._matrix))[:: self._block]
        made = (np.ascontiguousarray(blocks) @ self._matrix).ravel()
        self._left = self._left[len(blocks) * self._block :]
        self._given += len(made)
        return made


class WindowMeter(ABC):
    """A `Meter` that measures the windows of the hops."""

    def __init__(self, framer: Framer, decimator: Decimator | None = None) -> None:
        """With a `decimator` the windows are of what that makes of the sound."""
        self._framer, self._decimator = framer, decimator

    def take(self, samples: Samples) -> None:
        """See the next samples."""
        for windows in self._framer.take(samples if self._decimator is None else self._decimator.take(samples)):
            self._measure(windows)

    def end(self) -> None:
        """There are no more."""
        if self._decimator is not None:
            for windows in self._framer.take(self._decimator.end()):
                self._measure(windows)
        for windows in self._framer.end():
            self._measure(windows)

    @abstractmethod
    def _measure(self, windows: Samples) -> None:
        """Measure the next windows, (hops, window)."""
