"""Time that counts: beats, bars and sections, and what expressions are told of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dreamvid.audio.framing import RATE
from dreamvid.audio.signals import Signal, Steps

Times = NDArray[np.float64]
"""(n,) in seconds, ascending."""

COUNTED = ("bar", "bar_phase", "beat_phase", "section", "since_section")
"""What expressions may ask for."""

_NONE: Times = np.empty(0)
_SECTION = re.compile(r"section\s*([0-9]{1,6})", re.IGNORECASE)
_TINY = 1e-8  # seconds, by which times may be off by rounding


@dataclass(frozen=True, eq=False)
class Grid:
    """When the beats, bars and sections of a piece of music begin.

    Attributes:
        beats: each beat.
        bars: the first beat of each bar, which is one of `beats`.
        signature: such as `3/4`; None where there are no bars.
        sections: where each section begins.
        kinds: of each section, from 0: those that sound alike have the same number.
    """

    beats: Times = field(default_factory=lambda: _NONE)
    bars: Times = field(default_factory=lambda: _NONE)
    signature: str | None = None
    sections: Times = field(default_factory=lambda: _NONE)
    kinds: tuple[int, ...] = ()

    def within(self, delay: float, duration: float) -> Grid:
        """The grid `delay` seconds later, without beats and bars outside a film's sound, 0 to `duration`.

        All sections stay, so that their numbers do; the first may have begun before 0.
        """
        beats, bars = (times[(times >= 0) & (times < duration)] for times in (self.beats + delay, self.bars + delay))
        return replace(self, beats=beats, bars=bars, sections=self.sections + delay)

    def signals(self, names: Collection[str]) -> dict[str, Signal]:
        """What those of `COUNTED` that are in `names` say over time."""
        beats, bars, sections = (_on_hops(times) for times in (self.beats, self.bars, self.sections))
        made: dict[str, Signal] = {
            "bar": Count(bars, beats),
            "bar_phase": Phase(bars, beats),
            "beat_phase": Phase(beats, beats),
            "section": Steps(sections, np.array(self.kinds, np.float64), float(next(iter(self.kinds), 0))),
            "since_section": Since(sections),
        }
        return {name: made[name] for name in COUNTED if name in names}


NO_GRID = Grid()


def _on_hops(times: Times) -> Times:
    """Times as envelopes have them, so that a bar begins in the same frame as its beat."""
    return np.asarray(np.round(times * RATE) / RATE, np.float64)


def _place(times: Times, first: float, seconds: float) -> float:
    """How many of `times` have passed, counted from 0, with fractions between two of them.

    After the last they go on at the mean distance of all, as keys do. From `first` to the first of them it counts up
    from below 0, and it holds before.
    """
    last = len(times) - 1
    if last < 0:
        return 0.0
    if last == 0:
        return 0.0 if seconds >= times[0] - _TINY or first >= times[0] else -1.0
    seconds = max(seconds, first)
    if seconds < times[0]:
        return max(-1.0, float((seconds - times[0]) / (times[1] - times[0])))
    if seconds >= times[last]:
        return float(last + (seconds - times[last]) * last / (times[last] - times[0]))
    before = int(np.searchsorted(times, seconds, side="right")) - 1
    return float(before + (seconds - times[before]) / (times[before + 1] - times[before]))


class _Counter:
    """Counts some times; `beats` tell how early an upbeat begins."""

    def __init__(self, times: Times, beats: Times) -> None:
        self._times = times
        self._first = float(beats[0] if len(beats) else times[0]) if len(times) else 0.0

    def _around(self, seconds: float, frame_seconds: float) -> tuple[float, float]:
        """The place at the start of a frame, and just before its end."""
        start = _place(self._times, self._first, seconds + _TINY)
        end = _place(self._times, self._first, seconds + frame_seconds - _TINY) if frame_seconds else start
        return start, end


class Count(_Counter):
    """How many have begun, the first being 0; −1 in an upbeat before it."""

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """The number of the latest that begins while the frame is shown: it is seen in its own frame."""
        return float(np.floor(self._around(seconds, frame_seconds)[1]))


class Phase(_Counter):
    """How much of one has passed, from 0 to below 1."""

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """The phase when the frame is first shown; 0 where the next one begins while it is shown."""
        start, end = self._around(seconds, frame_seconds)
        if np.floor(end) > np.floor(start):
            return 0.0
        return max(0.0, _place(self._times, self._first, seconds) - float(np.floor(start)))


@dataclass(frozen=True, eq=False)
class Since:
    """Seconds since the latest of some times; 0 before the first."""

    times: Times

    def at(self, seconds: float, frame_seconds: float = 0.0) -> float:
        """As it is when the frame is first shown; 0 where the next one begins while it is shown."""
        until = seconds + frame_seconds - _TINY if frame_seconds else seconds + _TINY
        found = int(np.searchsorted(self.times, until, side="right")) - 1
        return max(0.0, float(seconds - self.times[found])) if found >= 0 else 0.0


def signature_of(beats: int) -> str:
    """The time signature of bars of so many beats."""
    return {2: "2/4", 3: "3/4", 4: "4/4", 6: "6/8"}.get(beats, f"{beats}/4")


def kinds_of(names: list[str]) -> tuple[int, ...]:
    """The numbers of sections: their own, or of names in the order in which they come."""
    numbers = [int(found[1]) if (found := _SECTION.fullmatch(name)) else name for name in names]
    numbers = [int(name) if isinstance(name, str) and re.fullmatch("[0-9]{1,6}", name) else name for name in numbers]
    if all(isinstance(number, int) for number in numbers):
        return tuple(number for number in numbers if isinstance(number, int))
    order = list(dict.fromkeys(names))
    return tuple(order.index(name) for name in names)


def count_bars(meters: Sequence[tuple[int, int, int]], quarter: int, end: int) -> tuple[list[int], list[int]]:
    """Return when bars and beats begin, in ticks from that of the first meter to before `end`.

    `meters` are (tick, beats in a bar, the part of a whole note that is one), in order, each of which begins a bar;
    `quarter` is the number of ticks of a quarter note. In compound time, such as 6/8, three of the unit are a beat.
    """
    bars: list[int] = []
    beats: list[int] = []
    for (tick, count, unit), stop in zip(meters, [*(one[0] for one in meters[1:]), end], strict=True):
        length = max(1, round(4 * quarter * count / unit))
        group = 3 if unit >= 8 and count > 3 and count % 3 == 0 else 1
        beat = max(1, round(4 * quarter * group / unit))
        for bar in range(tick, stop, length):
            bars.append(bar)
            beats += range(bar, min(bar + length, stop), beat)
    return bars, beats
