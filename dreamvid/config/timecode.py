"""Timecode, as editing programs number frames: hours, minutes, seconds, frames (SMPTE ST 12-1).

Timecode counts frames and does not measure time: at 24000/1001 frames per second a "second" has 24 numbers, and an hour
of them lasts 3.6 s longer than one on the clock. Drop-frame timecode, at 29.97 and 59.94, makes up for that: at the
start of every minute but each tenth, the first 2 (or 4) numbers are left out. No frame is dropped, only numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

_DROPPED = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers left out in each minute but the tenth
_TIMECODE = re.compile(r"(\d{1,3})[:;](\d\d)[:;](\d\d)[:;](\d{2,3})", re.ASCII)
_NEAR = Fraction(1, 10_000)
_MINUTES_PER_HOUR = 60
_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Timecode:
    """A timecode whose frames cannot be counted yet: that takes the rate of the clip that it belongs to."""

    text: str

    def seconds(self, rate: Fraction) -> Fraction:
        """When its frame is first shown. Raises `ValueError` where there is no such timecode at `rate`."""
        return parse_timecode(self.text, rate) / rate

    def __str__(self) -> str:
        return self.text


def drops_numbers(rate: Fraction) -> bool:
    """Whether frames of this rate are by custom numbered in drop-frame timecode."""
    return _dropped(rate) is not None


def _dropped(rate: Fraction) -> int | None:
    """How many numbers a minute leaves out; None where no frames of this rate are numbered so. People write 29.97."""
    return next((count for exact, count in _DROPPED.items() if abs(rate / exact - 1) < _NEAR), None)


def is_timecode(text: str) -> bool:
    """Whether a text has the form of a timecode: `00:00:02:04`, or with a `;` for drop-frame."""
    return _TIMECODE.fullmatch(text) is not None


def format_timecode(frame: int, rate: Fraction, *, drop: bool | None = None) -> str:
    """The timecode of a frame, counted from 00:00:00:00 on; drop-frame has a `;` before its last part.

    frame: 0 or more; hours go on past 24. rate: in frames per second. drop: None stands for what is custom at the rate;
    True asks for 29.97 or 59.94.
    """
    drop = drops_numbers(rate) if drop is None else drop
    numbers = math.ceil(rate)
    if drop:
        frame = _with_gaps(frame, numbers, _dropped(rate) or 0)
    seconds, frames = divmod(frame, numbers)
    minutes, seconds = divmod(seconds, _SECONDS_PER_MINUTE)
    hours, minutes = divmod(minutes, _MINUTES_PER_HOUR)
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frames:02}"


def parse_timecode(text: str, rate: Fraction, *, drop: bool = False) -> int:
    """The frame of a timecode, counted from 00:00:00:00. It is read as drop-frame with `drop`, or if it has a `;`.

    Raises `ValueError`, with a reason for people, where it is none, or none at this rate (frames per second).
    """
    found = _TIMECODE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a timecode such as 00:00:02:04")
    hours, minutes, seconds, frames = map(int, found.groups())
    drop = drop or ";" in text
    numbers = math.ceil(rate)
    if minutes >= _MINUTES_PER_HOUR or seconds >= _SECONDS_PER_MINUTE:
        raise ValueError(f"'{text}' is not a valid timecode: minutes and seconds go up to 59")
    dropped = _dropped(rate)
    if drop and dropped is None:
        raise ValueError(f"'{text}' is a drop-frame timecode, for 29.97 or 59.94 frames per second, not {_named(rate)}")
    if frames >= numbers:
        raise ValueError(
            f"'{text}' does not exist at {_named(rate)} frames per second: the last frame number is {numbers - 1:02}"
        )
    minutes += hours * _MINUTES_PER_HOUR
    count = (minutes * _SECONDS_PER_MINUTE + seconds) * numbers + frames
    if not drop or dropped is None:
        return count
    if minutes % 10 and seconds == 0 and frames < dropped:
        raise ValueError(f"'{text}' does not exist in drop-frame timecode: this minute starts at frame {dropped:02}")
    return count - dropped * (minutes - minutes // 10)


def _with_gaps(frame: int, numbers: int, dropped: int) -> int:
    """How many numbers, those left out among them, come before that of a frame."""
    minute = _SECONDS_PER_MINUTE * numbers - dropped
    tens, rest = divmod(frame, 10 * minute + dropped)  # each tenth minute is whole
    short_minutes = max(0, rest - dropped) // minute
    return frame + dropped * (9 * tens + short_minutes)


def _named(rate: Fraction) -> str:
    return f"{float(rate):.5g}"
