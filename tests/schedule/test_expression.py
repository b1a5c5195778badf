from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.errors import SettingsError
from dreamvid.schedule import VARIABLES, Moment, Schedule
from tests.schedule.given import EXPRESSIONS, SOUND, at_frame, at_second, quick, value


def test_variables_are_what_the_moment_says() -> None:
    moment = Moment(Fraction(5, 2), 60, 240, 24, SOUND, depth=0.7)
    expected = {"t": 2.5, "f": 60.0, "n": 240.0, "fps": 24.0, "depth": 0.7} | SOUND
    assert {name: value(name, moment) for name in VARIABLES} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(-2)", 2),
        ("min(3, 1, 2)", 1),
        ("max(3, 1, 4)", 4),
        ("sqrt(9)", 3),
        ("exp(1)", math.exp(1)),
        ("log(10)", math.log(10)),
        ("sin(1)", math.sin(1)),
        ("cos(1)", math.cos(1)),
        ("tan(1)", math.tan(1)),
        ("floor(-1.5)", -2),
        ("ceil(-1.5)", -1),
        ("round(1.6)", 2),
        ("clamp(5, 0, 2)", 2),
        ("clamp(-5, 0, 2)", 0),
        ("clamp(1.5, 0, 2)", 1.5),
        ("lerp(2, 6, 0.25)", 3),
        ("smoothstep(2, 4, 3)", 0.5),
        ("smoothstep(2, 4, 2.5)", 0.15625),
        ("smoothstep(2, 4, 9)", 1),
        ("smoothstep(2, 4, -9)", 0),
        ("smoothstep(2, 2, 1.9)", 0),
        ("smoothstep(2, 2, 2)", 1),
        ("where(2 > 1, 5, 6)", 5),
        ("where(2 < 1, 5, 6)", 6),
        ("saw(-0.25)", 0.75),
        ("tri(3.25)", 0.5),
        ("tri(-0.5)", 1),
        ("pulse(3.2, 0.25)", 1),
        ("pulse(3.25, 0.25)", 0),
    ],
)
def test_functions(text: str, expected: float) -> None:
    assert value(text) == expected


def test_only_what_is_chosen_is_computed() -> None:
    for text in ("where(t > 0, 1/t, 7)", "1/t if t > 0 else 7", "7 if t == 0 or 1/t > 0 else 8"):
        assert value(text, at_frame(0)) == 7
    assert value("t > 0 and 1/t > 0") == 0


def test_noise_is_smooth_and_always_the_same() -> None:
    # The first numbers of SplitMix64 seeded with 0, as its authors publish them.
    known = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [value(f"noise({index})") for index in range(3)] == [(word >> 11) / 2**53 for word in known]
    assert value("noise(0.5)") == pytest.approx((value("noise(0)") + value("noise(1)")) / 2)
    samples = [value("noise(t)", at_second(step / 100)) for step in range(-2000, 2000)]
    assert all(0 <= sample <= 1 for sample in samples)
    assert max(samples) - min(samples) > 0.9
    # Smoothstep's slope is at most 1.5, and 0 at whole numbers.
    assert max(abs(b - a) for a, b in pairwise(samples)) < 0.0151
    assert all(abs(samples[whole + 1] - samples[whole]) < 0.0004 for whole in range(0, 3900, 100))


ARITHMETIC: dict[str, Any] = {name: getattr(math, name) for name in ("sin", "sqrt", "log", "exp")} | {
    "floor": lambda x: float(math.floor(x)),
    "round": lambda x: float(round(x)),
    "abs": abs,
    "max": max,
    "__builtins__": {},
}


@settings(quick, max_examples=300)
@given(EXPRESSIONS, st.integers(0, 100))
def test_expressions_mean_what_they_mean_to_python(text: str, frame: int) -> None:
    schedule, moment = Schedule.parse(text), at_frame(frame)
    known = SOUND | {"t": frame / 24, "f": float(frame)}
    try:
        expected = float(eval(text, ARITHMETIC | known))  # noqa: S307 - a text of our own making
    except (ArithmeticError, ValueError):
        expected = math.nan
    if not math.isfinite(expected):
        with pytest.raises(SettingsError, match=r"divides by zero|too large|has no value"):
            schedule.at(moment)
        return
    try:
        assert schedule.at(moment) == expected
    except SettingsError as error:
        assert "too large" in str(error)  # noqa: PT017 - Python goes on with infinities, and may come back from there
