"""When each frame of a film is due, and the rate that follows from it.

The time of every packet of the picture comes from ffmpeg's framecrc output, a table for machines: from the same ffmpeg
that decodes, which mends a clock that jumps on its way. Nothing is decoded for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

_NTSC = tuple(Fraction(base * 1000, 1001) for base in (12, 15, 24, 30, 48, 60, 120))
STANDARD_RATES = tuple(sorted((*_NTSC, *map(Fraction, (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120, 240)))))
_ROUNDING = 0.006  # some files hold their rate with two decimals
_SURE = Fraction(1, 10_000)
_FALLBACK_RATE = Fraction(25)  # of a single frame without any timing: what ffmpeg assumes, too

_KEY_FLAG, _DISCARD_FLAG = 1, 4
_NO_TIME = -(2**63)


@dataclass(frozen=True, eq=False)
class Timing:
    """When the frames that are shown are due: `ticks`, int64 of shape (frames,), in order, of `base` seconds each."""

    ticks: npt.NDArray[np.int64]
    base: Fraction
    tail: int
    """How many ticks the last frame lasts."""
    sure: bool
    """Whether the file itself says when its frames are shown, and not only in which order they are decoded."""

    @property
    def first(self) -> Fraction:
        """When the first frame is due, in seconds."""
        return int(self.ticks[0]) * self.base

    @property
    def duration(self) -> Fraction:
        """From the first frame to the end of the last, in seconds."""
        return (int(self.ticks[-1] - self.ticks[0]) + self.tail) * self.base

    @cached_property
    def longest_gap(self) -> Fraction:
        """The most seconds between one frame and the next."""
        steps = np.diff(self.ticks.astype(object))  # damage makes some that no int64 holds
        return max(int(steps.max()) if len(steps) else 0, 0) * self.base

    def choose_rate(self, told: Sequence[Fraction]) -> tuple[Fraction, bool]:
        """Return the constant rate to read at, and whether the clip's own rate varies.

        The rate is constant if every frame lies within half a frame of its place on the grid: then each frame
        appears exactly once. `told` are the rates that the file names, which may be rounded.
        """
        snapped = [rate for value in told for rate in STANDARD_RATES if abs(value - rate) < _ROUNDING]
        times, base = self.ticks, self.base
        steps = np.diff(times)
        if not len(steps) or times[-1] == times[0]:
            measured = 1 / (self.tail * base) if self.tail > 0 else _FALLBACK_RATE
            return next(iter([*snapped, *told]), measured), False
        span = int(times[-1] - times[0])
        mean = len(steps) / (span * base)
        exact = [mean] if (steps == steps[0]).all() else []
        # Long enough a clip tells 23.976 from 24 by its time stamps; a short one in milliseconds does not.
        sure = [rate for rate in STANDARD_RATES if span > 20_000 and abs(mean / rate - 1) < _SURE]
        seconds = (times - times[0]) * float(base)
        for rate in (*sure, *snapped, *exact, *told, mean.limit_denominator(1001)):
            if np.abs(seconds * float(rate) - np.arange(len(times))).max() < 0.5:
                return rate, False
        # The faster of the usual steps: where half the clip is slow, the other half's motion should survive.
        typical = 1 / (max(1, int(np.quantile(steps, 0.25, method="lower"))) * base)
        near = [rate for rate in (*snapped, *STANDARD_RATES) if abs(rate / typical - 1) < Fraction(1, 20)]
        if not any(rate in snapped for rate in near):
            near.sort(key=lambda rate: abs(rate - typical))
        return (near[0] if near else typical.limit_denominator(1001)), True


def read_timing(table: str) -> Timing | None:
    """Return the times in ffmpeg's framecrc `table` of one stream; None where it lists no frame that is shown."""
    rows = []
    for line in table.splitlines():
        if line.startswith("0,"):
            columns = [column.strip() for column in line.split(",")]
            flags = next((int(item[2:], 16) for item in columns if item.startswith("F=")), _KEY_FLAG)
            if not flags & _DISCARD_FLAG:  # an edit list hides these
                rows.append((int(columns[1]), int(columns[2]), int(columns[3])))
    if not rows:
        return None
    decoded, shown, lasts = np.array(rows, dtype=np.int64).T
    sure = not (shown == _NO_TIME).any()
    times = shown if sure else decoded  # a bare elementary stream has no times of its own
    last = int(lasts[times.argmax()])
    times = np.sort(times)
    found = re.search(r"^#tb 0: (\d+)/(\d+)", table, re.MULTILINE)
    base = Fraction(int(found[1]), int(found[2])) if found else Fraction(1)
    tail = last if last > 0 or len(times) < 2 else int(np.median(np.diff(times)))
    return Timing(times, base, tail, sure)
