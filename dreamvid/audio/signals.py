"""What is known over time beside envelopes: values that hold until the next, and curves that move between theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-8  # seconds, by which times may be off by rounding


class Signal(Protocol):
    """A value at any time, on the clock of the picture."""

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """The value in a frame that is shown from `seconds` on for `frame_seconds`."""
        ...


@dataclass(frozen=True, eq=False)
class Steps:
    """A value that holds until the next one; `before` the first.

    Attributes:
        times: (n,) float64, ascending, in seconds.
        values: (n,) float64.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    before: float = 0.0

    @classmethod
    def of_hops(cls, curve: Sequence[float] | NDArray[np.floating], rate: int, delay: int = 0) -> Steps:
        """Those of a curve (hops,) that changes seldom, `delay` hops later."""
        values = np.asarray(curve, np.float64)
        changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
        return cls((changes + delay) / rate, values[changes], float(values[0]) if len(values) else 0.0)

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """The latest value that comes while the frame is shown: it is seen in its own frame."""
        # The end belongs to the next frame.
        last = seconds + frame_seconds - 2 * _TINY if frame_seconds else seconds
        found = int(np.searchsorted(self.times, last + _TINY, side="right")) - 1
        return float(self.values[found]) if found >= 0 else self.before


@dataclass(frozen=True, eq=False)
class Lines:
    """Straight lines between points; the first and the last value hold before and after.

    Attributes:
        times: (n,) float64, ascending, in seconds; at two equal ones the value jumps.
        values: (n,) float64.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:  # noqa: ARG002 - it moves by itself
        """The value at the moment at which the frame is first shown."""
        after = int(np.searchsorted(self.times, seconds + _TINY, side="right"))
        if after == 0 or after == len(self.times):
            return float(self.values[min(after, len(self.times) - 1)])
        (start, end), (low, high) = self.times[after - 1 : after + 1], self.values[after - 1 : after + 1]
        return float(low + (high - low) * max(0.0, (seconds - start) / (end - start)))


class Struck:
    """Notes: each is its velocity while it is held, and then fades. The loudest of those that sound counts."""

    def __init__(self, starts: Sequence[float], ends: Sequence[float], heights: Sequence[float], fade: float) -> None:
        """Of notes in any order: seconds, and a height each; `fade` is the time constant after their end."""
        order = np.argsort(np.asarray(starts, np.float64), kind="stable")
        self._starts = np.asarray(starts, np.float64)[order]
        self._ends = np.maximum(np.asarray(ends, np.float64)[order], self._starts)
        self._heights = np.asarray(heights, np.float64)[order]
        self._fade = fade
        self._latest = np.maximum.accumulate(self._ends)
        order = np.argsort(self._ends, kind="stable")
        self._ended = self._ends[order]
        # h · exp((end - t) / fade) is largest where ln h + end / fade is, whatever t.
        logarithms = np.log(np.maximum(self._heights[order], 1e-9)) + self._ended / (fade or 1.0)
        self._loudest = np.maximum.accumulate(logarithms)

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """The peak during the frame: a note is seen in its own frame, however short it is."""
        until = seconds + (frame_seconds - _TINY if frame_seconds else _TINY)
        last = int(np.searchsorted(self._starts, until, side="left"))
        first = int(np.searchsorted(self._latest[:last], seconds - _TINY, side="right"))
        sounding = slice(first, last)
        # One without length is heard in the frame in which it is struck.
        begins = self._starts[sounding] > seconds - _TINY
        heard = self._heights[sounding][(self._ends[sounding] > seconds + _TINY) | begins]
        peak = float(heard.max(initial=0.0))
        ended = int(np.searchsorted(self._ended, seconds + _TINY, side="right"))
        if ended and self._fade:
            peak = max(peak, math.exp(min(0.0, float(self._loudest[ended - 1]) - seconds / self._fade)))
        return peak
