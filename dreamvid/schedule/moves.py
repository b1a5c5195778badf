"""How a value moves on from its key to the next.

    linear                  a straight line, the default
    ease                    starts and arrives softly
    step, hold              holds until the next key
    bounce                  falls to the next value and bounces off it
    bezier(x1, y1, x2, y2)  a cubic Bézier curve from (0, 0) to (1, 1), as in CSS and in animation programs
    smooth                  a curve through all keys that never overshoots; between layers it is `ease`
    loop, loop(2)           goes through all keys up to here again and again, or through the last two steps between keys
    pingpong, pingpong(2)   the same, there and back

The last two stand after the last key, or where the next key ends them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

from dreamvid.errors import did_you_mean, printable

_Simple = Literal["linear", "ease", "step", "bounce"]
_Through = Literal["smooth"]
Word = _Simple | _Through
WORDS: tuple[Word, ...] = (*get_args(_Simple), *get_args(_Through))
_FORMS = ("bezier(x1, y1, x2, y2)", "loop", "pingpong")
KNOWN = (*WORDS, "hold", *_FORMS)
"""All moves, for people."""
TEXT = r"[A-Za-z]+(?:\s*\([^()]{0,200}\))?"
"""What a move looks like."""

_PARTS = re.compile(r"([A-Za-z]+)\s*(?:\(([^()]*)\))?")
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,9}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE]-?[0-9]{1,2})?")
_FAR = 100.0
_CLOSE = 1e-13


@dataclass(frozen=True, slots=True)
class Bezier:
    """An easing by a cubic Bézier curve with the control points (x1, y1) and (x2, y2), x within 0 to 1."""

    x1: float
    y1: float
    x2: float
    y2: float

    def share(self, x: float) -> float:
        """y where the curve is at `x`, 0 to 1, by bisection and Newton's method."""
        low, high, at = 0.0, 1.0, x
        for _ in range(80):
            miss = _cubic(self.x1, self.x2, at) - x
            if abs(miss) < _CLOSE:
                break
            low, high = (low, at) if miss > 0 else (at, high)
            slope = _slope(self.x1, self.x2, at)
            following = at - miss / slope if slope > _CLOSE else low
            at = following if low < following < high else (low + high) / 2
        return _cubic(self.y1, self.y2, at)

    def __str__(self) -> str:
        return f"bezier({', '.join(f'{one:.12g}' for one in (self.x1, self.y1, self.x2, self.y2))})"


@dataclass(frozen=True, slots=True)
class Loop:
    """Goes through the last `steps` between keys again (0: all), `back` and forth or always from the first."""

    steps: int
    back: bool

    def place(self, now: Fraction, start: Fraction, end: Fraction) -> Fraction:
        """Where in the range from `start` to `end` a time after it belongs."""
        rounds, rest = divmod(now - start, end - start)
        return end - rest if self.back and rounds % 2 else start + rest

    def __str__(self) -> str:
        return ("pingpong" if self.back else "loop") + f"({self.steps})" * bool(self.steps)


Move = Word | Bezier | Loop


def _cubic(first: float, second: float, at: float) -> float:
    return 3 * (1 - at) ** 2 * at * first + 3 * (1 - at) * at**2 * second + at**3


def _slope(first: float, second: float, at: float) -> float:
    return 3 * (1 - at) ** 2 * first + 6 * (1 - at) * at * (second - first) + 3 * at**2 * (1 - second)


def parse_move(text: str) -> Move:
    """The move that `text` names. Raises `ValueError` in words for people."""
    found = _PARTS.fullmatch(text.strip())
    name, arguments = (found[1], found[2]) if found else (text, None)
    if arguments is None:
        if name in WORDS:
            return next(word for word in WORDS if word == name)
        if name == "hold":
            return "step"
        if name in ("loop", "pingpong"):
            return Loop(0, name == "pingpong")
        if name == "bezier":
            raise ValueError("write bezier(x1, y1, x2, y2)")
        hint = did_you_mean(name, KNOWN) or f"; use one of {', '.join(KNOWN)}"
        raise ValueError(f"there is no easing called '{printable(name, 40)}'{hint}")
    parts = [part.strip() for part in arguments.split(",")]
    if name == "bezier":
        numbers = [float(part) for part in parts if _NUMBER.fullmatch(part)]
        if len(numbers) != 4 or len(parts) != 4 or any(abs(number) > _FAR for number in numbers):
            raise ValueError("write bezier(x1, y1, x2, y2), four numbers")
        if not (0 <= numbers[0] <= 1 and 0 <= numbers[2] <= 1):
            raise ValueError("the first and third number of a bezier are times, from 0 to 1")
        return Bezier(*numbers)
    if name in ("loop", "pingpong"):
        if len(parts) != 1 or not re.fullmatch("[0-9]{1,4}", parts[0]) or int(parts[0]) < 1:
            raise ValueError(f"write {name}, or {name}(2) for the last two steps between keys")
        return Loop(int(parts[0]), name == "pingpong")
    raise ValueError(f"'{printable(name, 40)}' takes no numbers; use one of {', '.join(KNOWN)}")


def share_of(move: Move, share: Fraction) -> float:
    """How far the value has come where `share` of the time has passed, both 0 to 1; a Bézier curve may go beyond."""
    if isinstance(move, Bezier):
        return move.share(float(share))
    match move:
        case "linear":
            return float(share)
        case "bounce":
            return _bounce(float(share))
        case "step":
            return 0.0
    # In fractions, so that it is 0 at the key itself and never falls while time goes on.
    return float(share**2 * (3 - 2 * share))


def _bounce(x: float) -> float:
    """Four parabolas, each a quarter as high as the one before (Penner 2002, "Programming Macromedia Flash MX")."""
    height, unit = 7.5625, 2.75
    for end, middle, floor in ((1, 0, 0), (2, 1.5, 0.75), (2.5, 2.25, 0.9375)):
        if x < end / unit:
            return height * (x - middle / unit) ** 2 + floor
    return height * (x - 2.625 / unit) ** 2 + 0.984375


class Knot(NamedTuple):
    """A key of a smooth curve: when, and its value."""

    time: float
    value: float


def smooth_between(before: Knot | None, start: Knot, end: Knot, after: Knot | None, now: float) -> float:
    """The value at `now` of the monotone cubic through keys, between `start` and `end`; `before` and `after` are the
    keys beside them, None where there are none.

    Fritsch & Butland 1984 (SIAM J. Sci. Stat. Comput. 5), with the ends of Moler's `pchip`: no value lies outside those
    of the two keys.
    """
    gap = end.time - start.time
    rise = (end.value - start.value) / gap
    left = None if before is None else _slope_of(before, start)
    right = None if after is None else _slope_of(end, after)
    first = _inner(left, (gap, rise)) if left else _outer((gap, rise), right)
    last = _inner((gap, rise), right) if right else _outer((gap, rise), left)
    x = (now - start.time) / gap
    value = (
        start.value * (1 + 2 * x) * (1 - x) ** 2
        + gap * first * x * (1 - x) ** 2
        + end.value * x**2 * (3 - 2 * x)
        + gap * last * x**2 * (x - 1)
    )
    return min(max(value, min(start.value, end.value)), max(start.value, end.value))


_Slope = tuple[float, float]  # over how much time, how steep


def _slope_of(first: Knot, second: Knot) -> _Slope:
    gap = second.time - first.time
    return gap, (second.value - first.value) / gap


def _inner(left: _Slope, right: _Slope) -> float:
    (before, falling), (after, rising) = left, right
    if falling * rising <= 0:
        return 0.0
    weights = 2 * after + before, after + 2 * before
    return sum(weights) / (weights[0] / falling + weights[1] / rising)


def _outer(own: _Slope, other: _Slope | None) -> float:
    if other is None:
        return own[1]
    (near, steep), (far, beyond) = own, other
    slope = ((2 * near + far) * steep - near * beyond) / (near + far)
    if slope * steep <= 0:
        return 0.0
    return math.copysign(min(abs(slope), 3 * abs(steep)), steep) if steep * beyond <= 0 else slope


