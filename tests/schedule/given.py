"""What the tests of schedules are given: moments, and texts made at random."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dreamvid.schedule import COUNTED, ENVELOPES, PITCH, Moment, Schedule

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

BEATS = [0.5 * beat for beat in range(33)]
_HEARD = (0.5, 0.25, 0.125, 0.75, 0.0, 1.0, 60.5, 7.0, 0.25, 0.75, 2.0, 3.5)
SOUND = dict(zip((*ENVELOPES, PITCH, *COUNTED), _HEARD, strict=True))
NTSC = Fraction(24000, 1001)


def at_frame(frame: int, fps: Fraction | float = 24, **more: Any) -> Moment:
    return Moment.of_frame(frame, fps, **{"frames": 240, "envelopes": SOUND, "beat_times": BEATS} | more)


def at_second(seconds: Fraction | float, fps: int = 24) -> Moment:
    return Moment(seconds, math.floor(seconds * fps), 240, fps, SOUND, BEATS)


def value(text: str, moment: Moment | None = None) -> float:
    return Schedule.parse(text).at(moment or at_frame(0))


# Texts that mean the same to Python. Only what holds a variable can fail, for what cannot is refused when it is read.
LEAVES = st.one_of(
    st.sampled_from(("t", "f", "bass", "beat")),
    st.builds("{1:.3g}*{0}".format, st.sampled_from(("t", "bass")), st.floats(0, 9)),
    st.builds("{0} - {1:.3g}".format, st.sampled_from(("t", "bass")), st.floats(0, 9)),
)


def _choose(chosen: str, condition: str, other: str) -> str:
    first, second = (f"({text})" if " if " in text else text for text in (chosen, condition))
    return f"{first} if {second} else {other}"


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", " and ", " or "))
    return st.one_of(
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("+{}".format, inner),
        st.builds("(not {})".format, inner),
        st.builds("{}{}{}".format, inner, binary, inner),
        st.builds("{}{}{}{}{}".format, inner, binary, inner, binary, inner),
        st.builds("({})**{}".format, inner, st.sampled_from(("2", "3", "-1", "-2**2", "2**1**3"))),
        st.builds("-t**{}".format, st.sampled_from(("2", "-1"))),
        st.builds("{}({})".format, st.sampled_from(("sin", "abs", "sqrt", "log", "exp", "floor", "round")), inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds(_choose, inner, inner, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _grow, max_leaves=10)
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
RATES = st.sampled_from((24, 25, 30, 60, NTSC))
MOVES = st.sampled_from(("", "linear", "ease", "step"))
