"""A number that changes over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from dreamvid.errors import SettingsError, printable
from dreamvid.schedule.expression import Expression, Filtered, NoValue
from dreamvid.schedule.fault import Fault
from dreamvid.schedule.filters import filtered
from dreamvid.schedule.keyframes import MAX_TEXT, Keyframes, parse_keyframes
from dreamvid.schedule.moment import Moment
from dreamvid.schedule.names import DEPTH, NO_NAMES, TIMES, VARIABLES, Names
from dreamvid.schedule.parser import parse_expression


@dataclass(frozen=True)
class Schedule:
    """A number, keyframes or an expression; a number alone is held forever.

    Immutable, hashable and picklable. `str` is a text that is read as an equal schedule.
    """

    keyframes: Keyframes[Expression]

    @classmethod
    def parse(cls, value: str | int | float | Schedule, names: Names = NO_NAMES) -> Schedule:
        """Parse a schedule, in which `names` may stand beside the variables that are always there.

        Raises `SettingsError` with one line that marks the place of the error.
        """
        if isinstance(value, Schedule):
            return value
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise SettingsError(f"expected a number, keyframes or an expression, not a {type(value).__name__}")
        text = value if isinstance(value, str) else _number_text(value)
        schedule = cls(_parse_keys(text, names) if ":" in text else Keyframes.hold(_parse_alone(text, names)))
        if len(str(schedule)) > MAX_TEXT:
            raise SettingsError(
                f"'{printable(text, 40)}' is too long: keyframes may have at most {MAX_TEXT} characters"
            )
        return schedule

    def at(self, moment: Moment, low: float | None = None, high: float | None = None, name: str = "") -> float:
        """Its value at a moment: finite, and kept between `low` and `high` where they are given.

        Raises `SettingsError` that begins with `name` where an expression has no value (1/t at 0) or asks for what the
        moment does not know: a sound, or the number of frames.
        """
        value = self._value(moment, name)
        if low is not None:
            value = max(value, low)
        return value if high is None else min(value, high)

    def over_depth(
        self,
        moment: Moment,
        depths: Iterable[float],
        low: float | None = None,
        high: float | None = None,
        name: str = "",
    ) -> list[float]:
        """Its values at a moment where pixels have these depths; otherwise as `at`."""
        return [self.at(replace(moment, depth=depth), low, high, name) for depth in depths]

    def _value(self, moment: Moment, name: str) -> float:
        try:
            mix = self.keyframes.between(moment)
        except SettingsError as error:
            raise SettingsError(f"{_prefix(name)}{error}") from None
        smooth = self.keyframes.smooth_at(moment, lambda value: _evaluate(value, moment, name))
        if smooth is not None:
            return smooth
        value = _evaluate(mix.before, moment, name)
        if mix.share:
            # In fractions, so that it never leaves the two values between which it lies.
            start, end = Fraction(value), Fraction(_evaluate(mix.after, moment, name))
            value = float(start + (end - start) * Fraction(mix.share))
        return value

    def check_bounds(self, low: float | None = None, high: float | None = None, name: str = "") -> None:
        """Raise `SettingsError` where a value that never changes is out of bounds; what changes, `at` keeps inside."""
        for key in self.keyframes.keys:
            value = key.value.constant
            if value is None or ((low is None or value >= low) and (high is None or value <= high)):
                continue
            limits = [f"at {which} {limit:g}" for which, limit in (("least", low), ("most", high)) if limit is not None]
            place = f"{key.time}:({key.value})" if len(self.keyframes.keys) > 1 else str(key.value)
            raise SettingsError(f"{_prefix(name)}{printable(place, 80)} is out of bounds; give {' and '.join(limits)}")

    @property
    def constant(self) -> float | None:
        """Its value if that never changes, else None."""
        first, *others = self.keyframes.keys
        return None if others else first.value.constant

    @property
    def is_constant(self) -> bool:
        """Whether it is one number forever."""
        return self.constant is not None

    @property
    def names(self) -> frozenset[str]:
        """The variables that its expressions name."""
        return frozenset().union(*(key.value.names for key in self.keyframes.keys))

    @property
    def needs_sound(self) -> frozenset[str]:
        """What it must hear: names of envelopes, stems, bands, notes and curves, and `beats`, `bars` and
        `sections` where keys count them."""
        return self.names.difference(TIMES, {DEPTH}) | self.keyframes.counted

    def uses(self, *names: str) -> bool:
        """Whether it depends on any of these: variables, or `beats`."""
        return not (self.names | self.needs_sound).isdisjoint(names)

    def __str__(self) -> str:
        return str(self.keyframes)


def _prefix(name: str) -> str:
    return f"{name}: " if name else ""


def _number_text(value: float) -> str:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SettingsError("a number must be finite, and at most 1e308")
    return repr(number)


def _parse_keys(text: str, names: Names) -> Keyframes[Expression]:
    return parse_keyframes(text, lambda value: parse_expression(value, names))


def _parse_alone(text: str, names: Names) -> Expression:
    try:
        return parse_expression(text, names)
    except Fault as fault:
        raise SettingsError(fault.shown_in(text)) from None


class _Reader:
    """Gives the values of variables at a moment."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __call__(self, name: str) -> float:
        moment = self._moment
        match name:
            case "t":
                return float(moment.seconds)
            case "f":
                return float(moment.frame)
            case "fps":
                return float(moment.fps)
            case "n" if moment.frames is not None:
                return float(moment.frames)
            case "n":
                raise NoValue("n", "is the number of frames, which is not known here; use t, in seconds")
            case "depth" if moment.depth is not None:
                return moment.depth
            case "depth":
                raise NoValue("depth", "is that of a pixel, which is not known here; use it in --strength")
        if name not in moment.envelopes:
            if name in VARIABLES:
                raise NoValue(name, "follows the sound, but there is none: provide one with --react SONG")
            raise NoValue(name, "goes with time, of which a single picture has none; give a film")
        return moment.envelopes[name]

    def filtered(self, node: Filtered) -> float:
        return filtered(node, self._moment, lambda node, moment: node.operand.evaluate(_Reader(moment)))


def _evaluate(expression: Expression, moment: Moment, name: str) -> float:
    try:
        return expression.evaluate(_Reader(moment))
    except NoValue as error:
        text, part = printable(str(expression), 80), printable(str(error.part), 80)
        place = f"'{part}'" if part == text else f"'{part}' in '{text}'"
        raise SettingsError(f"{_prefix(name)}at {moment}, {place} {error.reason}") from None
