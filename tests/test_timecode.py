from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.config.timecode import (
    ClipTimecode,
    counts_frames,
    drops_numbers,
    format_timecode,
    is_timecode,
    parse_timecode,
)

FILM, VIDEO, FAST = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001)
RATES = (FILM, VIDEO, FAST, *map(Fraction, (24, 25, 30, 50, 60, 120)), Fraction(25, 2), Fraction(173, 10))
A_DAY = 24 * 3600 * 60
property_test = settings(deadline=None, database=None)


@property_test
@given(st.integers(0, A_DAY), st.sampled_from(RATES))
def test_a_timecode_is_the_frame_that_it_was_made_from(frame: int, rate: Fraction) -> None:
    code = format_timecode(frame, rate)
    assert is_timecode(code)
    assert parse_timecode(code, rate) == frame
    assert (";" in code) == drops_numbers(rate)


@pytest.mark.parametrize(("rate", "numbers", "dropped"), [(VIDEO, 30, 2), (FAST, 60, 4)])
def test_drop_frame_leaves_out_the_first_numbers_of_most_minutes(rate: Fraction, numbers: int, dropped: int) -> None:
    """Counted out, for a little more than twenty minutes."""
    every = itertools.product(range(1), range(21), range(60), range(numbers))
    kept = [code for code in every if not (code[1] % 10 and code[2] == 0 and code[3] < dropped)]
    for frame, (hours, minutes, seconds, frames) in enumerate(kept):
        if seconds in (0, 1, 59):
            code = f"{hours:02}:{minutes:02}:{seconds:02};{frames:02}"
            assert format_timecode(frame, rate) == code
            assert parse_timecode(code, rate) == frame


@property_test
@given(st.integers(0, A_DAY // 2), st.sampled_from((VIDEO, FAST)))
def test_drop_frame_keeps_to_the_clock(frame: int, rate: Fraction) -> None:
    hours, minutes, seconds, frames = map(int, format_timecode(frame, rate).replace(";", ":").split(":"))
    shown = 3600 * hours + 60 * minutes + seconds + Fraction(frames, round(rate))
    assert abs(shown - frame / rate) < 0.17  # s: 0.09 in a day, and up to 4 numbers of 60 within a minute


@pytest.mark.parametrize(
    ("frame", "rate", "code"),
    [
        (52, FILM, "00:00:02:04"),
        (86_400, FILM, "01:00:00:00"),  # 3603.6 s: without drops, the numbers fall behind the clock
        (107_892, VIDEO, "01:00:00;00"),
        (1799, VIDEO, "00:00:59;29"),
        (1800, VIDEO, "00:01:00;02"),
        (17_982, VIDEO, "00:10:00;00"),
        (90_000, Fraction(25), "01:00:00:00"),
        (100 * 90_000, Fraction(25), "100:00:00:00"),
        (119, Fraction(120), "00:00:00:119"),
    ],
)
def test_known_timecodes(frame: int, rate: Fraction, code: str) -> None:
    assert format_timecode(frame, rate) == code
    assert parse_timecode(code, rate) == frame


def test_both_ways_of_counting_exist_at_2997() -> None:
    assert format_timecode(1800, VIDEO, drop=False) == "00:01:00:00"
    assert parse_timecode("00:01:00:00", VIDEO) == 1800
    assert parse_timecode("00:01:00:02", VIDEO, drop=True) == parse_timecode("00;01;00;02", VIDEO) == 1800


@pytest.mark.parametrize(
    ("text", "rate", "reason"),
    [
        ("2.5", FILM, "not a timecode"),
        ("00:00:02", FILM, "not a timecode"),
        ("00:00:02:4", FILM, "not a timecode"),
        ("00:00:02:04.5", FILM, "not a timecode"),
        ("00:00:02:٠٤", FILM, "not a timecode"),
        ("00:00:00:24", FILM, "the last frame number is 23"),
        ("00:00:00:25", Fraction(25), "the last frame number is 24"),
        ("00:60:00:00", FILM, "go up to 59"),
        ("00:00:60:00", FILM, "go up to 59"),
        ("00:00:00;00", FILM, "not 23.976"),
        ("00:01:00;01", VIDEO, "starts at frame 02"),
        ("00:19:00;03", FAST, "starts at frame 04"),
    ],
)
def test_what_is_no_timecode(text: str, rate: Fraction, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_timecode(text, rate)
    assert text in str(caught.value)


@property_test
@given(st.integers(0, A_DAY // 2), st.sampled_from(RATES), st.booleans())
def test_a_clips_timecode_moves_by_frames(frames: int, rate: Fraction, drop: bool) -> None:
    first = ClipTimecode.parse("23:50:00;00" if drop and drops_numbers(rate) else "23:50:00:00", rate)
    later = first.after(frames)
    assert str(later) == str(ClipTimecode.parse(str(later), rate))
    assert first.index_of(str(later), A_DAY) == frames % len_of_day(first)


def len_of_day(code: ClipTimecode) -> int:
    return parse_timecode(f"24:00:00{';' if code.drop else ':'}00", code.rate)


@property_test
@given(st.integers(0, A_DAY // 3), st.sampled_from([(VIDEO, FAST), (Fraction(25), Fraction(50))]))
def test_twice_the_rate_and_back_is_the_same_timecode(frame: int, rates: tuple[Fraction, Fraction]) -> None:
    slow, fast = rates
    code = ClipTimecode(frame, slow, drops_numbers(slow)).after(0)
    assert code.at_rate(fast).at_rate(slow) == code
    assert code.at_rate(fast).frame == 2 * code.frame


@pytest.mark.parametrize(
    ("code", "rate", "other", "expected"),
    [
        ("01:00:00:12", FILM, Fraction(24), "01:00:00:12"),
        ("01:00:00:12", Fraction(24), Fraction(25), "01:00:00:12"),
        ("01:00:00:24", Fraction(25), Fraction(24), "01:00:00:23"),
        ("01:00:59;29", VIDEO, Fraction(25), "01:00:59:24"),
        ("01:01:00:00", Fraction(25), VIDEO, "01:01:00:00"),
        ("01:01:00;04", FAST, VIDEO, "01:01:00;02"),
    ],
)
def test_another_rate_keeps_hours_minutes_and_seconds(
    code: str, rate: Fraction, other: Fraction, expected: str
) -> None:
    assert str(ClipTimecode.parse(code, rate).at_rate(other)) == expected


def test_rates_that_timecode_can_number() -> None:
    assert all(map(counts_frames, (FILM, VIDEO, FAST, Fraction(24), Fraction(2997, 100))))
    assert not any(map(counts_frames, (Fraction(25, 2), Fraction(173, 10))))


@pytest.mark.parametrize(
    ("text", "counted", "expected"),
    [
        ("01:00:00:12", 180_012, "01:00:00:12"),
        ("01:00:00:12", 90_012, "01:00:00:24"),
        ("01:00:00:12", None, "01:00:00:12"),
        ("01:00:00:5", None, "01:00:00:05"),
        ("01:00:00", None, "None"),
        ("01:00:00:50", None, "01:00:00:25"),
    ],
)
def test_the_number_beside_a_stored_timecode_tells_its_rate(text: str, counted: int | None, expected: str) -> None:
    assert str(ClipTimecode.stored(text, Fraction(50), counted=counted)) == expected
