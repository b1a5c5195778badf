from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dreamvid.errors import SettingsError
from dreamvid.schedule import Fault, Keyframes, KeyTime, Moment, Schedule, has_keys, parse_keyframes
from tests.schedule.given import MOVES, NTSC, NUMBERS, RATES, at_frame, at_second, quick, value


def test_deforum_keyframes_move_in_straight_lines_and_hold_outside() -> None:
    text = "24:(1.0), 72:(1.5)"
    assert [value(text, at_frame(frame)) for frame in (0, 24, 36, 48, 72, 200)] == [1, 1, 1.125, 1.25, 1.5, 1.5]


@pytest.mark.parametrize(
    "text",
    [
        "0:(1),60:(2)",
        " 0 : ( 1 ) ,\n\t60 :(2) , ",
        "60:(2), 0:(1)",
        "0:1, 60:2",
        "0:1,60:+2.0linear",
        "linear 0:(1), 60:(2)",
        "0:((1)), 60:((1)*(2))",
        "0s:(1), 2.5s:(2)",
        "0s:(1), 0:02.5s:(2)",
        "b0:(1), b5:(2)",
        "b0:(1), 2.50s:(2)",
    ],
)
def test_spellings_of_the_same_line(text: str) -> None:
    for frame in range(-5, 70, 5):
        assert value(text, at_frame(frame)) == pytest.approx(1 + min(max(frame / 60, 0), 1), abs=1e-12)


def test_times_with_minutes_and_hours() -> None:
    text = "1:02.5s:(1)step, 1:00:00s:(2)"
    assert value(f"0:(0)step, {text}", at_second(62.4)) == 0
    assert value(f"0:(0)step, {text}", at_second(62.5)) == 1
    assert value(f"0:(0)step, {text}", at_second(3599)) == 1
    assert value(f"0:(0)step, {text}", at_second(3600)) == 2


def test_each_value_is_an_expression_of_the_present() -> None:
    """As in Deforum: evaluated at the current time, then mixed."""
    text = "0:(1 + 0.2*sin(t)), 48:(t*t)"
    assert value(text, at_frame(12)) == pytest.approx(0.75 * (1 + 0.2 * math.sin(0.5)) + 0.25 * 0.25)
    assert value("0:(1), 48:(1/t)", at_frame(0)) == 1  # the value to come is not looked at before it counts


def test_ways_to_move() -> None:
    frames = (0, 12, 24, 36, 47, 48)
    shown = {move: [value(f"0:(0){move}, 48:(4)", at_frame(frame)) for frame in frames] for move in ("step", "ease")}
    assert shown["step"] == [0, 0, 0, 0, 0, 4]
    assert shown["ease"][:4] == [0, 0.625, 2, 3.375]  # 4 (3 x^2 - 2 x^3)
    assert 0 < 4 - shown["ease"][4] < 4 * 3 / 48**2  # arrives softly
    assert value("ease 0:(0), 24:(4)linear, 48:(8)", at_frame(12)) == 2
    assert value("ease 0:(0), 24:(4)linear, 48:(8)", at_frame(6)) == 0.625
    assert value("ease 0:(0), 24:(4)linear, 48:(8)", at_frame(30)) == 5


def test_kinds_of_keys_mix() -> None:
    text = "b8:(4), 24:(0), 3s:(2)"  # 4 s, 1 s, 3 s
    assert [value(text, at_second(second)) for second in (0, 1, 2, 3, 3.5, 4, 5)] == [0, 0, 1, 2, 3, 4, 4]
    assert value(text, at_second(Fraction(17, 10), fps=60)) == 1  # frame 24 is at 0.4 s now


def test_where_kinds_of_keys_meet_the_value_jumps() -> None:
    text = "0:(0), b4:(3), 48:(1), 2s:(2), 96:(3)"  # three keys at two seconds
    assert value(text, at_frame(47)) == pytest.approx(47 / 48)
    assert value(text, at_frame(48)) == 3
    assert value("48:(1), 2s:(2)", at_second(2)) == 2


def test_beats_are_those_of_the_sound() -> None:
    moment = at_second(0)
    uneven = Moment(0, 0, None, 24, {}, (1.0, 2.0, 4.0))

    def seconds(beat: str, moment: Moment) -> Fraction:
        return KeyTime("beat", Fraction(beat)).seconds(moment)

    assert seconds("16", moment) == 8
    assert [seconds(beat, uneven) for beat in ("0", "0.5", "1", "1.25", "2")] == [
        1,
        Fraction(3, 2),
        2,
        Fraction(5, 2),
        4,
    ]
    assert [seconds(beat, uneven) for beat in ("2.5", "3", "4.5")] == [
        Fraction(19, 4),
        Fraction(11, 2),
        Fraction(31, 4),
    ]  # 1.5 s each
    assert seconds("0", Moment(0, 0, None, 24, {}, (1.5,))) == Fraction(3, 2)


def test_frames_of_a_constant_rate_lie_at_exact_times() -> None:
    assert Moment.of_frame(1, 24).seconds == Fraction(1, 24)
    assert Moment.of_frame(24000, NTSC).seconds == 1001


def test_odd_rates_hit_their_keys() -> None:
    """A step at a frame is at that frame, although 1001 is no power of two; even where times come as floats."""
    schedule = Schedule.parse(", ".join(f"{frame}:({frame})step" for frame in range(1, 2000, 7)))
    for frame in range(1, 2000, 7):
        assert schedule.at(at_frame(frame, NTSC)) == frame
        assert schedule.at(Moment(frame / 23.976, frame, None, 23.976)) == frame
        assert schedule.at(at_frame(frame + 6, NTSC)) == frame


@quick
@given(st.dictionaries(st.integers(0, 10**6), st.tuples(NUMBERS, MOVES), min_size=1, max_size=8), RATES)
def test_frames_are_hit_exactly(keys: dict[int, tuple[float, str]], fps: Fraction | int) -> None:
    schedule = Schedule.parse(", ".join(f"{frame}:({number}){move}" for frame, (number, move) in keys.items()))
    for frame, (number, _) in keys.items():
        assert schedule.at(at_frame(frame, fps)) == number
    assert schedule.at(at_frame(min(keys) - 1, fps)) == keys[min(keys)][0]
    assert schedule.at(at_frame(max(keys) + 1, fps)) == keys[max(keys)][0]


MILLISECONDS = st.integers(0, 10**7)


@quick
@given(st.dictionaries(MILLISECONDS, st.tuples(NUMBERS, MOVES), min_size=1, max_size=8), MILLISECONDS)
def test_what_is_given_in_seconds_does_not_depend_on_the_rate(keys: dict[int, tuple[float, str]], now: int) -> None:
    schedule = Schedule.parse(
        ", ".join(f"{key / 1000}s:({number} + bass*t){move}" for key, (number, move) in keys.items())
    )
    seen = {schedule.at(at_second(Fraction(now, 1000), fps)) for fps in (24, 25, 60)}
    assert len(seen) == 1
    for key, (number, _) in keys.items():
        assert schedule.at(at_second(Fraction(key, 1000))) == number + 0.25 * (key / 1000)


@quick
@given(
    st.floats(-1e308, 1e308),
    st.floats(-1e308, 1e308),
    st.sampled_from(("linear", "ease")),
    st.lists(st.floats(0, 7), min_size=2, max_size=20),
)
@example(-1e308, 1e308, "linear", [0.0, 2.0, 3.5, 7.0])  # their difference is no float
def test_between_two_keys_a_value_never_turns_back(start: float, end: float, move: str, times: list[float]) -> None:
    schedule = Schedule.parse(f"1s:({start!r}){move}, 6s:({end!r})")
    values = [schedule.at(at_second(now)) for now in sorted(times)]
    assert values == sorted(values, reverse=start > end)
    assert all(min(start, end) <= number <= max(start, end) for number in values)


@quick
@given(st.floats(0.001, 0.999))
def test_ease_is_the_same_forth_and_back(share: float) -> None:
    there, back = (value("ease 0s:(0), 1s:(1)", at_second(now)) for now in (share, 1 - share))
    assert there == pytest.approx(1 - back)
    assert (there < share) == (share < 0.5) or share == 0.5


def test_layers_are_cross_faded() -> None:
    layers = parse_keyframes("0s:(inception3b), 8s:( inception4d:0.5 )step, 10s:(relu(1))", str.strip)
    assert layers.between(at_second(2)) == ("inception3b", "inception4d:0.5", 0.25)
    assert layers.between(at_second(8)) == ("inception4d:0.5", "relu(1)", 0)
    assert layers.between(at_second(9)) == ("inception4d:0.5", "relu(1)", 0)
    assert layers.between(at_second(11)) == ("relu(1)", "relu(1)", 0)
    assert str(layers) == "0s:(inception3b), 8s:(inception4d:0.5)step, 10s:(relu(1))"
    assert Keyframes.hold("a").between(at_second(3)) == ("a", "a", 0)


def test_what_a_value_has_against_it_is_shown_in_its_place() -> None:
    def refuse(text: str) -> str:
        if text == "ok":
            return text
        raise (
            SettingsError("no such\nlayer")
            if text == "bad"
            else ValueError("worse")
            if text == "worse"
            else Fault("a fault", 1, 2)
        )

    for text, message in (
        ("0:(ok), 5:(bad)", "'0:(ok), 5:(>>bad<<)', column 12: no such layer"),
        ("0:(worse)", "'0:(>>worse<<)', column 4: worse"),
        ("0:(xyz)", "'0:(x>>y<<z)', column 5: a fault"),
    ):
        with pytest.raises(SettingsError) as caught:
            parse_keyframes(text, refuse)
        assert str(caught.value) == message


@pytest.mark.parametrize("text", ["0:(a)", " 2.5s : (a)", "b4:(a), b5:(b)", "ease 0:(a)", "1:02s:(a)"])
def test_keyframes_are_known_by_their_first_key(text: str) -> None:
    assert has_keys(text)


@pytest.mark.parametrize("text", ["inception4d", "inception4d:0.5", "4", "ease", "(0:1)", "a0:(1)", "", "0:1"])
def test_what_has_no_key_in_front_is_no_keyframes(text: str) -> None:
    assert not has_keys(text)
