from __future__ import annotations

import copy
import math
import pickle

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.errors import SettingsError
from dreamvid.schedule import Moment, Schedule
from tests.schedule.given import EXPRESSIONS, MOVES, NUMBERS, at_second, quick


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", 0.5),
        (" .5 ", 0.5),
        ("5.", 5.0),
        ("-2e-3", -0.002),
        ("1E+2", 100.0),
        ("3/4", 0.75),
        (3, 3.0),
        (-0.25, -0.25),
        (1e22, 1e22),
        ("0:(2)", 2.0),
        ("48:(1 + 1)", 2.0),
        ("b7:(2)", 2.0),
        ("2*pi", math.tau),
        ("log(e) + tau", 1 + math.tau),
    ],
)
def test_what_never_changes_is_known_beforehand(text: str | float, expected: float) -> None:
    schedule = Schedule.parse(text)
    assert schedule.is_constant
    assert schedule.constant == expected
    assert schedule.at(Moment(1.5, 36, None, 24)) == expected  # needs neither sound nor length
    assert not schedule.needs_sound


@pytest.mark.parametrize("text", ["t", "0:(1), 48:(2)", "1 + noise(f)", "0:(t)"])
def test_what_changes_is_no_constant(text: str) -> None:
    assert not Schedule.parse(text).is_constant
    assert Schedule.parse(text).constant is None


def test_a_schedule_is_taken_as_it_is() -> None:
    schedule = Schedule.parse("1 + t")
    assert Schedule.parse(schedule) is schedule


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1.0", "1"),
        ("48:(1.50)", "1.5"),
        ("1+2 * beat", "1 + 2*beat"),
        ("((t))**(-(2))", "t**-2"),
        ("(-t)**2 - -t**2", "(-t)**2 - -t**2"),
        ("(t**2)**3**(2**2)", "(t**2)**3**2**2"),
        ("1-(2-t)", "1 - (2 - t)"),
        ("(1-2)-t", "(1 - 2) - t"),
        ("(1 if t else 2) if f else (3 if n else 4)", "(1 if t else 2) if f else 3 if n else 4"),
        ("not (t<1) and (f or n)", "not t < 1 and (f or n)"),
        ("(not t) + 1", "(not t) + 1"),
        ("60:2,0:(t)ease", "0:(t)ease, 60:(2)"),
        ("0:(1)ease, 60:(2)ease", "ease 0:(1), 60:(2)"),
        ("b2.50:(1), 1:02.5s:(2), 48:(3)step", "48:(3)step, 62.5s:(2), b2.5:(1)"),
        ("0.000000001s:(1), 10.10s:(2)", "0.000000001s:(1), 10.1s:(2)"),
    ],
)
def test_schedules_print_plainly(text: str, shown: str) -> None:
    assert str(Schedule.parse(text)) == shown
    assert Schedule.parse(shown) == Schedule.parse(text)


TIMES = st.one_of(
    st.integers(0, 10**9 - 1).map(str),
    st.decimals(0, 10**8, places=9).map("{:f}s".format),
    st.decimals(0, 1000, places=3).map("b{:f}".format),
)
SCHEDULES = st.one_of(
    EXPRESSIONS,
    st.builds(
        lambda prefix, keys: prefix + ", ".join(f"{key}:({number}){move}" for key, (number, move) in keys.items()),
        st.sampled_from(("", "ease ", "step\n", "linear ")),
        st.dictionaries(TIMES, st.tuples(st.one_of(EXPRESSIONS, NUMBERS), MOVES), min_size=1, max_size=5),
    ),
)


@settings(quick, max_examples=150)
@given(SCHEDULES)
def test_what_is_printed_is_read_as_equal(text: str) -> None:
    try:
        schedule = Schedule.parse(text)
    except SettingsError as error:
        assert "given twice" in str(error)  # noqa: PT017 - 5.0s and 5s
        return
    again = Schedule.parse(str(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert str(again) == str(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule  # noqa: S301


@pytest.mark.parametrize(("one", "other"), [("1-t", "1+t"), ("t**2", "t*2"), ("0:(1)ease, 9:(2)", "0:(1), 9:(2)")])
def test_different_schedules_are_not_equal(one: str, other: str) -> None:
    assert Schedule.parse(one) != Schedule.parse(other)


def test_keyframes_pass_through_yaml_as_plain_text() -> None:
    for text in ("ease 0:(1.0), 60:(1.5)step", "0:(1 + 0.2*sin(t)), 2.5s:(bass)", "1 + 2*beat", "b0:(1), 1:02.5s:(2)"):
        assert yaml.safe_load(f"strength: {text}") == {"strength": text}


def test_expressions_are_kept_in_bounds() -> None:
    loud = at_second(3)
    assert Schedule.parse("1 + 20*beat").at(loud, 0, 10) == 10
    assert Schedule.parse("-t").at(loud, low=0) == 0
    assert Schedule.parse("-t").at(loud, high=0) == -3
    assert Schedule.parse("t").at(loud, 0, 10) == 3


def test_numbers_out_of_bounds_are_refused() -> None:
    for text in ("0", "10", "-5*t", "0:(0), 5:(10), 9:(-t)", "20/2"):
        Schedule.parse(text).check_bounds(0, 10)
    Schedule.parse("-1e9").check_bounds(None, 10)
    Schedule.parse("1e9").check_bounds(0, None)
    for text, message in (
        ("10.5", "--strength: 10.5 is out of bounds; give at least 0 and at most 10"),
        ("-1", "--strength: -1 is out of bounds; give at least 0 and at most 10"),
        ("0:(1), 2.5s:(4*3)", "--strength: 2.5s:(4*3) is out of bounds; give at least 0 and at most 10"),
    ):
        with pytest.raises(SettingsError) as caught:
            Schedule.parse(text).check_bounds(0, 10, "--strength")
        assert str(caught.value) == message
    with pytest.raises(SettingsError, match=r"^11 is out of bounds; give at most 10$"):
        Schedule.parse(11).check_bounds(high=10)


def test_what_a_schedule_depends_on() -> None:
    schedule = Schedule.parse("0:(1 + 2*beat*pi), b4:(sin(t) if bass > 0.5 else f)")
    assert schedule.needs_sound == {"beat", "bass", "beats"}
    assert schedule.names == {"beat", "bass", "t", "f"}
    assert schedule.uses("t")
    assert schedule.uses("n", "beats")
    assert not schedule.uses("n", "rms", "pi")
    assert Schedule.parse("0:(1), 2s:(t)").needs_sound == frozenset()
