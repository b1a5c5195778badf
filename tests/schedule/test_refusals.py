from __future__ import annotations

import math
import pickle
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.schedule import VARIABLES, Moment, Schedule, has_keys
from dreamvid.schedule.parser import MAX_LENGTH, MAX_NESTING
from tests.schedule.given import at_frame, quick


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 + bogus(t)", "'1 + >>bogus<<(t)', column 5: there is no function 'bogus'; use one of sin, cos,"),
        ("sni(t)", "'>>sni<<(t)', column 1: there is no function 'sni'; did you mean sin?"),
        ("1 + bas", "'1 + >>bas<<', column 5: there is no 'bas'; did you mean bass"),
        ("x", "'>>x<<', column 1: there is no 'x'; use one of t, f, n, fps, rms,"),
        ("0:(1), 9:(2 + baas)", "'0:(1), 9:(2 + >>baas<<)', column 15: there is no 'baas'; did you mean bass"),
        ("sin", "'>>sin<<', column 1: 'sin' is a function: write sin(x)"),
        ("t(2)", "'>>t<<(2)', column 1: 't' is a value, not a function"),
        ("clamp(t, 1)", "'>>clamp<<(t, 1)', column 1: write clamp(x, low, high), not 2 values"),
        ("max(t)", "'>>max<<(t)', column 1: write max(a, b, …), not 1 value"),
        ("sin()", "'sin(>>)<<', column 5: expected a value"),
        ("2t", "'2>>t<<', column 2: an operator such as * is missing"),
        ("2(t)", "'2>>(<<t)', column 2: an operator such as * is missing"),
        ("t 2", "'t >>2<<', column 3: an operator such as * is missing"),
        ("1 +", "'1 +>><<', column 4: a value is missing at the end"),
        ("", "'>><<', column 1: a value is missing at the end"),
        ("(1 + t", "'>>(<<1 + t', column 1: this parenthesis is never closed"),
        ("sin(t 2)", "'sin(t >>2<<)', column 7: expected ')' or an operator"),
        ("1 + t)", "'1 + t>>)<<', column 6: this parenthesis was never opened"),
        ("2,5", "'2>>,<<5', column 2: commas may only separate the arguments of a function; decimals use a point"),
        ("1 if t", "'1 if t>><<', column 7: 'else' is missing"),
        ("1 else t", "'1 >>else<< t', column 3: this is not allowed here"),
        ("1 + not t", "'1 + >>not<< t', column 5: 'not' needs parentheses"),
        ("t = 2", "'t >>=<< 2', column 3: '=' is not allowed in an expression; equality is written =="),
        ("t^2", "'t>>^<<2', column 2: '^' is not allowed in an expression; powers are written **"),
        ("2 − 1", "'2 >>−<< 1', column 3: '−' (minus sign) is not allowed"),  # noqa: RUF001
        ("сos(t)", "'>>с<<os(t)', column 1: 'с' (cyrillic small letter es) is not allowed"),  # noqa: RUF001
        ("1/0 + t", "'>>1/0<< + t', column 1: this divides by zero"),
        ("t + log(-1)", "'t + >>log(-1)<<', column 5: this has no value"),
        ("1e999", "'>>1e999<<', column 1: this number is too large"),
        ("t*1e308*10", None),  # known only when t is
        ("t*(1e308*10)", "'t*(>>1e308*10<<)', column 4: this is too large"),
        ("0:(1/0), 5:(1)", "'0:(>>1/0<<), 5:(1)', column 4: this divides by zero"),
        ("-3:(1)", "'>>-<<3:(1)', column 1: a key cannot be before the start"),
        ("0:(1), b-3:(1)", "'0:(1), >>b-<<3:(1)', column 8: a key cannot be before the start"),
        ("0:(1), 4:(2), 0:(3)", "'0:(1), 4:(2), >>0:<<(3)', column 15: the key 0 is given twice"),
        ("60s:(1), 1:00s:(2)", "'60s:(1), >>1:00s:<<(2)', column 10: the key 60s is given twice"),
        ("12.5:(1)", "'>>12.5:<<(1)', column 1: a frame must be a whole number; seconds are written 12.5s"),
        ("1e3:(1)", "'>>1<<e3:(1)', column 1: expected a key: a frame 48:, seconds"),
        ("1234567890:(1)", "'>>1234567890:<<(1)', column 1: this key has too many digits"),
        ("0.0123456789s:(1)", "'>>0.0123456789s:<<(1)', column 1: this key has too many digits"),
        ("0:(1), x:(2)", "'0:(1), >>x<<:(2)', column 8: expected a key"),
        ("0:(1),,", "'0:(1),>>,<<', column 7: expected a key"),
        (":", "'>>:<<', column 1: expected a key"),
        ("0:(1)eas", "'0:(1)>>eas<<', column 6: there is no easing called 'eas'; did you mean ease"),
        ("0:(1) q", "'0:(1) >>q<<', column 7: there is no easing called 'q'; use one of linear, ease, step"),
        ("0:(1) 5:(2)", "'0:(1) >>5<<:(2)', column 7: expected a comma"),
        ("0:1+t, 5:(2)", "'0:1>>+<<t, 5:(2)', column 4: expected a comma; a value that is not a plain number"),
        ("0:t", "'0:>>t<<', column 3: expected a value in parentheses"),
        ("0:()", "'0:(>><<)', column 4: a value is missing"),
        ("0:(1), 5:((2)", "'0:(1), 5:>>(<<(2)', column 10: this parenthesis is never closed"),
        ("\x1b[31m + t", r"'>>\x1b<<[31m + t', column 1: '\x1b' is not allowed"),
        ("1 +\n bogus", "'1 +  >>bogus<<', column 6: there is no 'bogus'"),
        ("t + " * 30 + "bogus + t" + " + t" * 30, "'…+ t + t + t + t + t + t + t + >>bogus<< + t + t + t"),
        (True, "expected a number, keyframes or an expression, not a bool"),
        (None, "expected a number, keyframes or an expression, not a NoneType"),
        (math.inf, "a number must be finite"),
        (math.nan, "a number must be finite"),
        (10**400, "a number must be finite"),
    ],
)
def test_what_cannot_be_read_is_shown_in_one_line(text: Any, message: str | None) -> None:
    if message is None:
        Schedule.parse(text)
        return
    with pytest.raises(SettingsError) as caught:
        Schedule.parse(text)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/t", "--step: at 0 s (frame 0), '1/t' divides by zero"),
        ("2 + t%t", "--step: at 0 s (frame 0), 't%t' in '2 + t%t' divides by zero"),
        ("log(t - 1)", "--step: at 0 s (frame 0), 'log(t - 1)' has no value"),
        ("(t - 8)**0.5", "--step: at 0 s (frame 0), '(t - 8)**0.5' has no value"),
        ("t**-1", "--step: at 0 s (frame 0), 't**-1' has no value"),
        ("9.0**9**(9 + t)**9", "--step: at 0 s (frame 0), '9**(9 + t)**9' in '9**9**(9 + t)**9' is too large"),
        ("exp(t + 1e4)", "--step: at 0 s (frame 0), 'exp(t + 10000)' is too large to compute"),
        ("(t + 1e308)*10", "--step: at 0 s (frame 0), '(t + 1e+308)*10' is too large to compute"),
        ("0:(1), 48:(1/t)", None),
        (
            "1 + 2*beat",
            "--step: at 0 s (frame 0), 'beat' in '1 + 2*beat' follows the sound, but there is none: provide one",
        ),
        ("t/n", "--step: at 0 s (frame 0), 'n' in 't/n' is the number of frames, which is not known here"),
        ("0:(1), b4:(2)", "--step: the key b4 counts beats, but none are known; provide a sound that has some"),
    ],
)
def test_what_has_no_value_names_the_place_and_the_time(text: str, message: str | None) -> None:
    moment = Moment(0, 0, None, 24)
    if message is None:
        assert Schedule.parse(text).at(moment) == 1
        return
    with pytest.raises(SettingsError) as caught:
        Schedule.parse(text).at(moment, name="--step")
    assert str(caught.value).startswith(message)


def test_no_time_has_beats_that_are_not_there() -> None:
    with pytest.raises(SettingsError, match="the sound has only one"):
        Schedule.parse("0:(1), b4:(2)").at(Moment(0, 0, None, 24, {}, (0.5,)))


def test_a_sound_that_is_not_a_number_is_noticed() -> None:
    with pytest.raises(SettingsError, match=r"at 2 s \(frame 48\), 'bass' in '1 \+ bass'"):
        Schedule.parse("1 + bass").at(at_frame(48, envelopes={"bass": math.nan}))


HOSTILE = {
    "tower": "9**9**9**9",
    "float tower": "9.0**9**9**9",
    "power": "10**400",
    "digits": "9" * 100_000,
    "name": "e" * 100_000,
    "attribute": "t.__class__",
    "import": "__import__('os')",
    "call of a call": "sin(t)(t)",
    "subscript": "t[0]",
    "lambda": "lambda: 1",
    "walrus": "(t := 1)",
    "string": "'a'*9",
    "f-string": "f'{t}'",
    "list": "[t for t in t]",
    "keyword argument": "clamp(x=t)",
    "star": "max(*t)",
    "two stars": "max(**t)",
    "two statements": "t; t",
    "comment": "t # t",
    "backslash": "t \\\n + 1",
    "null": "t\0",
    "unicode digits": "٣",
    "fullwidth": "ｓin(t)",  # noqa: RUF001 - Python reads this as sin
    "parentheses": "(" * 900 + "1" + ")" * 900,
    "many parentheses": "(" * 50_000,
    "calls": "abs(" * 400 + "t" + ")" * 400,
    "signs": "-" * 1900 + "1",
    "nots": "not " * 450 + "1",
    "elses": "t if t else " * 150 + "t",
    "powers": "**".join("t" * 600),
    "sums": "+".join("t" * 100_000),
    "key of digits": "9" * 90_000 + ":(1)",
    "clock": "1:" * 40_000,
    "open value": "0:" + "(" * 90_000,
    "open values": "0:(" * 30_000,
    "spaces": "0:(1)" + " " * 90_000 + "5",
    "long value": "0:(" + "t+" * 40_000 + "t)",
    "long move": "0:(1)" + "e" * 90_000,
    "long layer": "0:(1)," + "9." * 40_000,
    "same key": "0:(1)," * 15_000,
    "dots": "t" + ".a" * 50_000,
    "notes": "note(" * 20_000 + "1",
    "numbers of a note": "note(" + "1, " * 30_000 + "1)",
    "pasts": "smooth(" * 400 + "t" + ", 1)" * 400,
    "many pasts": " + ".join(["lag(t, 1)"] * 150),
    "numbers of a move": "0:(1)bezier(" + "9" * 90_000 + "), 5:(1)",
    "moves": "0:(1)" + "loop(" * 20_000,
    "too many keys": ",".join(f"{key}:(1)" for key in range(12_000)),
}


def refuse(text: str) -> float:
    """How long that takes, in seconds of this process."""
    start = time.process_time()
    with pytest.raises(SettingsError) as caught:
        Schedule.parse(text)
    assert len(str(caught.value)) < 400
    return time.process_time() - start


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_is_refused_at_once(kind: str) -> None:
    # The quickest of three, since Python may collect garbage at any time.
    assert min(refuse(HOSTILE[kind]) for _ in range(3)) < 0.05


def test_the_deepest_expression_needs_little_of_the_stack() -> None:
    text = "t"
    for _ in range(MAX_NESTING - 3):
        text = f"({text})**1*1+1<1 and 1 or t if 1 else 1"

    def from_below(frames: int) -> float:
        if frames:
            return from_below(frames - 1)
        schedule = pickle.loads(pickle.dumps(Schedule.parse(text)))  # noqa: S301
        assert Schedule.parse(str(schedule)) == schedule
        return schedule.at(at_frame(24))

    assert from_below(300) == 1


def test_long_texts_can_be_read_again() -> None:
    """What is printed may be longer than what was typed; the bound is on both."""
    for terms in range(480, 520):
        text = "+".join("t" * terms)
        try:
            schedule = Schedule.parse(text)
        except SettingsError:
            assert 4 * terms - 3 > MAX_LENGTH
        else:
            assert Schedule.parse(str(schedule)) == schedule
    with pytest.raises(SettingsError, match="too long"):
        Schedule.parse(",".join(f"{key}:1" for key in range(11_000)))
    song = Schedule.parse(",".join(f"{frame}:({frame % 7})" for frame in range(5_000)))
    assert [song.at(at_frame(frame)) for frame in (0, 13, 4_999)] == [0, 6, 1]


FRAGMENTS = [*VARIABLES, "pi", "sin(", "where(", "max(", "(", ")", ",", ":", "s:", "b", "0:", "48:(", "2.5s:(", "b4:("]
FRAGMENTS += [
    *"+-*/%<>=!.^ 019",
    "**",
    "==",
    " if ",
    " else ",
    " and ",
    " or ",
    "not ",
    "ease",
    "step ",
    "1e5",
    "e",
    "\n",
]


@settings(quick, max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)))
def test_any_text_is_a_schedule_or_one_clear_line(text: str) -> None:
    try:
        schedule = Schedule.parse(text)
        assert math.isfinite(schedule.at(at_frame(7)))
        schedule.check_bounds()
    except DreamvidError as error:
        assert type(error) is SettingsError  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
    has_keys(text)
