"""Timecode, as editing programs number frames: hours, minutes, seconds, frames (SMPTE ST 12-1).

Timecode counts frames and does not measure time: at 24000/1001 frames per second a "second" has 24 numbers, and an hour
of them lasts 3.6 s longer than one on the clock. Drop-frame timecode, at 29.97 and 59.94, makes up for that: at the
start of every minute but each tenth, the first 2 (or 4) numbers are left out. No frame is dropped, only numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

_DROPPED = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers left out in each minute but the tenth
_TIMECODE = re.compile(r"(\d{1,3})[:;](\d\d)[:;](\d\d)[:;](\d{2,3})", re.ASCII)
_STORED = re.compile(r"(\d{1,3})[:;](\d\d)[:;](\d\d)([:;.])(\d{1,3})", re.ASCII)  # as files have it
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


@dataclass(frozen=True)
class ClipTimecode:
    """How the frames of a clip or a film are numbered.

    Attributes:
        frame: the number of its first frame, counted from 00:00:00:00.
        rate: in frames per second.
        drop: whether it is drop-frame timecode.
        reel: the name of the tape or card that it comes from, by which editing programs find it again.
    """

    frame: int
    rate: Fraction
    drop: bool = False
    reel: str | None = None

    @classmethod
    def parse(cls, text: str, rate: Fraction, reel: str | None = None) -> Self:
        """From the timecode of the first frame. Raises `ValueError` where there is none such at `rate`."""
        drop = ";" in text
        return cls(parse_timecode(text, rate) % _frames_of_a_day(rate, drop=drop), rate, drop, reel)

    @classmethod
    def stored(cls, text: str, rate: Fraction, *, counted: int | None = None, reel: str | None = None) -> Self | None:
        """From the text in a file of `rate` frames per second; None where it makes no sense there.

        A file of 50 frames per second may be numbered at 25. `counted` is the text's number in frames where the file
        has that, too: it tells at which rate.
        """
        found = _STORED.fullmatch(text.strip())
        if found is None:
            return None
        hours, minutes, seconds, mark, frames = found.groups()
        code = f"{hours}:{minutes}:{seconds}{':' if mark == ':' else ';'}{frames:>02}"
        read = []
        for own in (rate, rate / 2, rate * 2):
            try:
                read.append(cls.parse(code, own, reel))
            except ValueError:
                continue
        chosen = next((one for one in read if one.frame == counted), next(iter(read), None))
        return None if chosen is None else chosen.at_rate(rate)

    def after(self, frames: int) -> Self:
        """That of a film which begins so many frames later. After 23:59:59 comes 00:00:00."""
        return replace(self, frame=(self.frame + frames) % _frames_of_a_day(self.rate, drop=self.drop))

    def at_rate(self, rate: Fraction) -> Self:
        """The same time of day at another rate: hours, minutes and seconds stay, and the frame number is scaled."""
        if rate == self.rate:
            return self
        drop = self.drop and drops_numbers(rate)
        label, numbers = _with_gaps(self.frame, self.rate, drop=self.drop), math.ceil(self.rate)
        seconds, number = divmod(label, numbers)
        number = number * math.ceil(rate) // numbers
        minutes, second = divmod(seconds, _SECONDS_PER_MINUTE)
        if drop and minutes % 10 and second == 0:
            number = max(number, _dropped(rate) or 0)
        frame = seconds * math.ceil(rate) + number
        return replace(self, frame=_without_gaps(frame, minutes, rate, drop=drop), rate=rate, drop=drop)

    def index_of(self, text: str, frames: int) -> int:
        """Which frame of a clip of so many a timecode means, counted from 0; it may lie after the last.

        Digits between colons are read as the clip's own kind, drop-frame or not. Raises `ValueError`, with a reason for
        people, where it means none.
        """
        if ";" in text and not self.drop:
            raise ValueError(f"'{text}' is a drop-frame timecode, but the clip's, which begins at {self}, is not")
        index = parse_timecode(text, self.rate, drop=self.drop) - self.frame
        if index < 0 and index + _frames_of_a_day(self.rate, drop=self.drop) < frames:  # the clip runs over midnight
            index += _frames_of_a_day(self.rate, drop=self.drop)
        if index < 0:
            raise ValueError(
                f"'{text}' lies before the clip's first frame, which has the timecode {self}; give one from there to "
                f"{self.after(frames - 1)}, or seconds from the clip's beginning"
            )
        return index

    def __str__(self) -> str:
        return format_timecode(self.frame, self.rate, drop=self.drop)


def timecode_of(frame: int, rate: Fraction, clip: ClipTimecode | None) -> str:
    """The timecode of a clip's frame, which has the number `frame` from 0 on: the `clip`'s own, or counted from 0."""
    return format_timecode(frame, rate) if clip is None else str(clip.after(frame))


def counts_frames(rate: Fraction) -> bool:
    """Whether timecode can number frames of this rate: a whole number a second, or 1000/1001 of it."""
    numbers = math.ceil(rate)
    return any(abs(rate / exact - 1) < _NEAR for exact in (numbers, Fraction(numbers * 1000, 1001)))


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
    seconds, frames = divmod(_with_gaps(frame, rate, drop=drop), math.ceil(rate))
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
    if drop and minutes % 10 and seconds == 0 and frames < (dropped or 0):
        raise ValueError(f"'{text}' does not exist in drop-frame timecode: this minute starts at frame {dropped:02}")
    return _without_gaps((minutes * _SECONDS_PER_MINUTE + seconds) * numbers + frames, minutes, rate, drop=drop)


def _frames_of_a_day(rate: Fraction, *, drop: bool) -> int:
    return parse_timecode(f"24:00:00{';' if drop else ':'}00", rate)


def _without_gaps(number: int, minutes: int, rate: Fraction, *, drop: bool) -> int:
    """How many frames come before one, of the numbers that do; `minutes` have begun since 00:00:00:00."""
    dropped = (_dropped(rate) or 0) if drop else 0
    return number - dropped * (minutes - minutes // 10)


def _with_gaps(frame: int, rate: Fraction, *, drop: bool) -> int:
    """How many numbers, those left out among them, come before that of a frame."""
    if not drop:
        return frame
    numbers, dropped = math.ceil(rate), _dropped(rate) or 0
    minute = _SECONDS_PER_MINUTE * numbers - dropped
    tens, rest = divmod(frame, 10 * minute + dropped)  # each tenth minute is whole
    short_minutes = max(0, rest - dropped) // minute
    return frame + dropped * (9 * tens + short_minutes)


def _named(rate: Fraction) -> str:
    return f"{float(rate):.5g}"
