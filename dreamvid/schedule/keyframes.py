"""Values tied to moments, and what lies between them: of numbers, layers or anything else.

    0:(1.0), 60:(1.5)                        Deforum's: the value at frame 0 and at frame 60, a straight line between
    0:(1), 2.5s:(0.4), 1:02.5s:(2)           seconds; minutes and seconds. The same at any frame rate
    b0:(1)step, b16:(3)ease, b32.5:(1)       beats of the sound, the first is b0
    bar0:(1), bar8:(2), section2:(3)         its bars and sections, the first are bar0 and section0
    ease 0:(1), 24:(2), 48:(1)linear         one way to move for all, unless a key says otherwise
    0s:(inception3b), 8s:(inception4d)       what is no number is cross-faded

    0:(0)bezier(0.3,0,0,1), 24:(1)loop       a curve of your own; again and again

The word after a value says how the value moves on from this key to the next: see `dreamvid.schedule.moves`. No colon
follows the word in front, so that the whole is plain text in YAML. Parentheses may be left out around plain numbers:
`0:1, 60:1.5ease`. Keys may come in any order and be of different kinds. Before the first key its value holds, and after
the last its own. Where keys of different kinds fall on one moment, seconds win over frames, beats over seconds, bars
over beats and sections over bars.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Literal, NamedTuple, TypeVar, get_args

from dreamvid.errors import DreamvidError, SettingsError, printable
from dreamvid.schedule.fault import Fault
from dreamvid.schedule.moment import Moment
from dreamvid.schedule.moves import TEXT, WORDS, Knot, Loop, Move, parse_move, share_of, smooth_between
from dreamvid.schedule.parser import NUMBER

T = TypeVar("T")

Unit = Literal["frame", "second", "beat", "bar", "section"]
"""What keys are counted in, in the order in which keys are kept."""

MAX_TEXT = 100_000  # characters; tools write a key for each frame of a song

_MUSICAL: tuple[Unit, ...] = ("beat", "bar", "section")
_UNITS: tuple[Unit, ...] = get_args(Unit)

_KEY = re.compile(
    r"(?:(?P<clock>(?:[0-9]+:){0,2})(?P<second>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)s"
    r"|bar(?P<bar>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"|section(?P<section>[0-9]+)"
    r"|b(?P<beat>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"|(?P<frame>[0-9]+(?:\.[0-9]*)?))\s*:"
)
_BEFORE_START = re.compile(r"(?:b|bar|section)?-")
_PREFIX = re.compile(
    rf"(?P<move>(?:{'|'.join(WORDS)}|hold)|bezier\s*\([^()]{{0,200}}\))\s+(?=(?:b|bar|section)?[0-9.])"
)
_OPENING = re.compile(r"\s*\(")
_PARENTHESIS = re.compile(r"[()]")
_NUMBER = re.compile(rf"\s*(?P<value>[-+]?{NUMBER})")
_WORD = re.compile(rf"\s*(?P<word>{TEXT})")
_SPACE = re.compile(r"\s*")
_COMMA = re.compile(r"\s*(?:,\s*|\Z)")


@dataclass(frozen=True, slots=True)
class KeyTime:
    """Where a key lies: so many frames, seconds, beats, bars or sections from the start.

    `number` has at most nine decimals.
    """

    unit: Unit
    number: Fraction

    def seconds(self, moment: Moment) -> Fraction:
        """Its time in the film, exactly. Raises `SettingsError` for a beat, bar or section that the sound does
        not have.

        Frames are counted from the frame of `moment`. Beats and bars between two of the sound are
        interpolated, and those after its last follow at the mean distance of all.
        """
        if self.unit == "second":
            return self.number
        if self.unit == "frame":
            return Fraction(moment.seconds) + (self.number - moment.frame) / Fraction(moment.fps)
        return self._seconds_in_music(moment)

    def _seconds_in_music(self, moment: Moment) -> Fraction:
        times = _times_of(self.unit, moment)
        if not times:
            raise SettingsError(
                f"the key {self} counts {self.unit}s, but none are known; provide a sound that has some with --react "
                "SONG"
            )
        last = len(times) - 1
        if self.number > last:
            if self.unit == "section":
                raise SettingsError(f"the key {self} is beyond the sound's last section, section{last}")
            if last == 0:
                raise SettingsError(f"the key {self} counts {self.unit}s, but the sound has only one")
            first, end = Fraction(times[0]), Fraction(times[last])
            return end + (self.number - last) * (end - first) / last
        below = int(self.number)
        start = Fraction(times[below])
        return start + (self.number - below) * (Fraction(times[min(below + 1, last)]) - start)

    def __str__(self) -> str:
        whole, decimals = divmod(int(self.number * 10**9), 10**9)
        shown = f"{whole}.{decimals:09}".rstrip("0").rstrip(".")
        if self.unit in ("bar", "section"):
            return f"{self.unit}{shown}"
        return {"frame": shown, "second": f"{shown}s", "beat": f"b{shown}"}[self.unit]


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """A value, when it holds, and how it moves on to the next."""

    time: KeyTime
    value: T
    move: Move = "linear"


class Mix(NamedTuple, Generic[T]):
    """Two values and the share of the second in the mix, 0..1. At a key, and where a value holds, it is 0."""

    before: T
    after: T
    share: float


@dataclass(frozen=True)
class Keyframes(Generic[T]):
    """At least one key, no two of the same time, sorted by kind and number. `str` is a text that is read as equal."""

    keys: tuple[Key[T], ...]

    @classmethod
    def hold(cls, value: T) -> Keyframes[T]:
        """One value forever."""
        return cls((Key(KeyTime("frame", Fraction(0)), value),))

    @property
    def counted(self) -> frozenset[str]:
        """What of the music keys count: `beats`, `bars` or `sections`."""
        return frozenset(f"{key.time.unit}s" for key in self.keys if key.time.unit in _MUSICAL)

    def between(self, moment: Moment) -> Mix[T]:
        """The values around a moment and how far it is from the first to the second.

        Raises `SettingsError` where keys count beats and the moment knows of none.
        """

        keys, place, now = self._locate(moment)
        before, after = keys[max(place, 0)], keys[min(place + 1, len(keys) - 1)]
        if before is after or before.move == "step":
            return Mix(before.value, after.value, 0.0)
        start, end = before.time.seconds(moment), after.time.seconds(moment)
        return Mix(before.value, after.value, share_of(before.move, (now - start) / (end - start)))

    def smooth_at(self, moment: Moment, evaluate: Callable[[T], float]) -> float | None:
        """The value at a moment where it moves smoothly through the keys; None where it does not. As `between`."""
        keys, place, now = self._locate(moment)
        if not 0 <= place < len(keys) - 1 or keys[place].move != "smooth":
            return None
        knots: list[Knot | None] = []
        for number in range(place - 1, place + 3):
            key = keys[number] if 0 <= number < len(keys) else None
            knots.append(None if key is None else Knot(float(key.time.seconds(moment)), evaluate(key.value)))
        before, start, end, after = knots
        if start is None or end is None:
            raise ValueError("a moment between two keys has both")
        return smooth_between(
            None if before is None or before.time == start.time else before,
            start,
            end,
            None if after is None or after.time == end.time else after,
            float(now),
        )

    def _locate(self, moment: Moment) -> tuple[Sequence[Key[T]], int, Fraction]:
        """The keys in order, the number of the last one that was passed (-1: none), and the time, which in a loop is
        that of an earlier round."""

        def seconds(key: Key[T]) -> Fraction:
            return key.time.seconds(moment)

        # Of one kind they are in order already, and with thousands of keys it matters not to look at each.
        alike = self.keys[0].time.unit == self.keys[-1].time.unit
        keys = self.keys if alike else sorted(self.keys, key=seconds)
        now = Fraction(moment.seconds)
        passed = bisect_right(keys, now, key=seconds)
        if passed > 1 and isinstance(loop := keys[passed - 1].move, Loop):
            first = max(0, passed - 1 - loop.steps) if loop.steps else 0
            begin, end = keys[first].time, keys[passed - 1].time
            if begin.unit == end.unit and begin.unit in ("beat", "bar"):  # as many in each round, however long they are
                number = loop.place(_beat_at(now, _times_of(begin.unit, moment)), begin.number, end.number)
                now = KeyTime(begin.unit, number).seconds(moment)
            elif begin.seconds(moment) < end.seconds(moment):
                now = loop.place(now, begin.seconds(moment), end.seconds(moment))
            passed = min(bisect_right(keys, now, key=seconds), passed - 1)
        return keys, passed - 1, now

    def __str__(self) -> str:
        if len(self.keys) == 1:
            return str(self.keys[0].value)
        moves = {key.move for key in self.keys}
        common = moves.pop() if len(moves) == 1 else "linear"
        shown = (f"{key.time}:({key.value}){key.move if key.move != common else ''}" for key in self.keys)
        return f"{common} " * (common != "linear") + ", ".join(shown)


def _times_of(unit: Unit, moment: Moment) -> Sequence[float]:
    """When the beats, bars or sections begin."""
    return {"beat": moment.beat_times, "bar": moment.bar_times, "section": moment.section_times}.get(unit, ())


def _beat_at(now: Fraction, beats: Sequence[float]) -> Fraction:
    """How many beats or bars there have been at a time after the first, as `KeyTime` counts them."""
    last = len(beats) - 1
    below = min(bisect_right(beats, now), last) - 1
    if now >= beats[last]:
        first, end = Fraction(beats[0]), Fraction(beats[last])
        return last + (now - end) * last / (end - first)
    start, end = Fraction(beats[below]), Fraction(beats[below + 1])
    return below + (now - start) / (end - start)


def has_keys(text: str) -> bool:
    """Whether `text` begins as keyframes do: with a time and a parenthesis, `0s:(`."""
    reader = _Reader(text)
    reader.take(_PREFIX)
    return bool(reader.take(_KEY) and reader.take(_OPENING))


def parse_keyframes(text: str, parse_value: Callable[[str], T]) -> Keyframes[T]:
    """The keyframes that `text` gives, each value as `parse_value` reads what stands in its parentheses.

    `parse_value` may raise `Fault`, whose place is then marked in the whole text, `ValueError` or `DreamvidError`.
    The time of a single key does not matter and is dropped.
    Raises `SettingsError` in one line that marks the place.
    """
    try:
        if len(text) > MAX_TEXT:
            raise Fault(f"keyframes may have at most {MAX_TEXT} characters", 0, len(text))
        keys = _Reader(text).read_keys(parse_value)
    except Fault as fault:
        raise SettingsError(fault.shown_in(text)) from None
    if len(keys) == 1:
        return Keyframes.hold(keys[0].value)
    return Keyframes(tuple(sorted(keys, key=lambda key: (_UNITS.index(key.time.unit), key.time.number))))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = len(text) - len(text.lstrip())

    def read_keys(self, parse_value: Callable[[str], T]) -> list[Key[T]]:
        prefix = self.take(_PREFIX)
        common = self._parse_move(prefix, "move") if prefix else None
        keys: dict[KeyTime, Key[T]] = {}
        while self._position < len(self._text) or not keys:
            time = self._read_time(keys)
            value = self._read_value(parse_value)
            keys[time] = Key(time, value, self._read_move(common or "linear"))
            self._read_comma()
        return list(keys.values())

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go past what matches here, if anything does."""
        found = pattern.match(self._text, self._position)
        if found:
            self._position = found.end()
        return found

    def _read_time(self, known: Collection[KeyTime]) -> KeyTime:
        start = self._position
        if before := self.take(_BEFORE_START):
            raise Fault("a key cannot be before the start", *before.span())
        found = self.take(_KEY)
        if not found:
            raise Fault(
                "expected a key: a frame 48:, seconds 2.5s: or 1:02.5s:, a beat b16:, bar8: or section2:",
                start,
                start + 1,
            )
        time = _make_time(found)
        if time in known:
            raise Fault(f"the key {time} is given twice", *found.span())
        return time

    def _read_value(self, parse_value: Callable[[str], T]) -> T:
        opening = self.take(_OPENING)
        if opening:
            start, end = opening.end(), self._find_closing(opening.end())
            self._position = end + 1
        else:
            number = self.take(_NUMBER)
            if not number:
                raise Fault("expected a value in parentheses: 48:(1.5)", self._position, self._position + 1)
            start, end = number.span("value")
        try:
            return parse_value(self._text[start:end])
        except Fault as fault:
            raise fault.moved(start) from None
        except (ValueError, DreamvidError) as error:
            raise Fault(printable(str(error)), start, end) from error

    def _find_closing(self, start: int) -> int:
        depth = 1
        for parenthesis in _PARENTHESIS.finditer(self._text, start):
            depth += 1 if parenthesis[0] == "(" else -1
            if depth == 0:
                return parenthesis.start()
        raise Fault("this parenthesis is never closed", start - 1, start)

    def _read_move(self, common: Move) -> Move:
        found = self.take(_WORD)
        if not found:
            return common
        return self._parse_move(found, "word")

    def _parse_move(self, found: re.Match[str], group: str) -> Move:
        try:
            return parse_move(found[group])
        except ValueError as error:
            raise Fault(str(error), *found.span(group)) from None

    def _read_comma(self) -> None:
        if not self.take(_COMMA):
            self.take(_SPACE)
            raise Fault(
                "expected a comma; a value that is not a plain number needs parentheses, and a time needs an s: "
                "1:02.5s:(1)",
                self._position,
                self._position + 1,
            )


def _make_time(found: re.Match[str]) -> KeyTime:
    if len(found[0]) > 40:  # Python refuses to read integers of thousands of digits
        raise Fault("this key has too many digits", *found.span())
    unit = next(unit for unit in _UNITS if found[unit])
    number = Fraction(found[unit])
    for power, part in enumerate(reversed((found["clock"] or "").split(":")[:-1]), start=1):
        number += int(part) * 60**power
    if unit == "frame" and number.denominator != 1:
        raise Fault(f"a frame must be a whole number; seconds are written {found[unit]}s", *found.span())
    if number >= 10**9 or (number * 10**9).denominator != 1:
        raise Fault("this key has too many digits", *found.span())
    return KeyTime(unit, number)
