"""Keys are set and taken away as text that schedules read; the picture shows where they are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dreamvid.audio import SoundAnalysis
from dreamvid.audio.grid import Grid
from dreamvid.config.settings import Settings, make_settings
from dreamvid.schedule import Moment, Schedule
from dreamvid.studio.timeline import HEIGHT, WIDTH, Track, draw_timeline, drop_key, sample_curves, set_key

TRACK = Track(100, Fraction(25))


def value_at(text: str, frame: int) -> float:
    return Schedule.parse(text).at(Moment.of_frame(frame, Fraction(25)))


def test_two_keys_make_a_ramp() -> None:
    text = set_key(set_key(None, 11, 1.5), 0, 0.2)
    assert text == "0:(0.2), 11:(1.5)"
    assert value_at(text, 0) == pytest.approx(0.2)
    assert value_at(text, 11) == pytest.approx(1.5)


def test_a_key_is_set_anew_where_there_is_one() -> None:
    assert set_key("0:(0.2), 11:(1.5)", 11, 2) == "0:(0.2), 11:(2)"
    assert set_key("0.5 + t", 4, 2) == "4:(2)"


def test_keys_of_other_kinds_stay() -> None:
    text = set_key("0:(1), 2s:(2)step", 25, 3)
    assert value_at(text, 25) == 3
    assert "2s:(2)step" in text


def test_keys_are_taken_away() -> None:
    assert drop_key("0:(0.2), 11:(1.5)", 11) == "0:(0.2)"
    assert drop_key("0:(0.2)", 0) is None
    assert drop_key("0:(0.2)", 5) == "0:(0.2)"


def test_frames_and_columns_agree() -> None:
    assert [TRACK.frame_at(TRACK.column(frame)) for frame in range(100)] == list(range(100))
    assert TRACK.frame_at(-5) == 0
    assert TRACK.frame_at(10 * WIDTH) == 99


def test_curves_are_what_the_frames_get() -> None:
    curves = sample_curves(TRACK, make_settings({"strength": "0:(0), 99:(0.99)"}))
    assert dict(curves["strength"])[50] == pytest.approx(0.5)


def test_the_picture_shows_playhead_cuts_and_curves() -> None:
    plain = draw_timeline(TRACK, Settings(), 0)
    assert plain.shape == (HEIGHT, WIDTH, 3)
    for track, settings, playhead in (
        (TRACK, Settings(), 50),
        (Track(100, Fraction(25), cuts=(30,)), Settings(), 0),
        (TRACK, make_settings({"strength": "0:(0), 99:(1)"}), 0),
    ):
        assert not np.array_equal(draw_timeline(track, settings, playhead), plain)


def test_the_picture_shows_where_bars_begin() -> None:
    grid = Grid(np.arange(0, 4, 0.5), np.array([1.0, 3.0]), "4/4")
    sound = SoundAnalysis(100, 4.0, np.zeros(401, np.float32), {}, grid.beats, 120.0, grid=grid)
    drawn = draw_timeline(replace(TRACK, sound=sound), Settings(), 0).astype(int)
    columns = [round(TRACK.column(25 * seconds)) for seconds in (0.5, 1.0, 3.0)]
    beat, *bars = (drawn[50, column] for column in columns)
    assert all(np.array_equal(bar, bars[0]) for bar in bars)
    assert not np.array_equal(beat, bars[0])
    assert (beat != drawn[50, columns[0] + 8]).any()


def test_a_beat_without_a_sound_is_said_and_not_raised() -> None:
    assert draw_timeline(TRACK, make_settings({"strength": "1 + beat"}), 0).any()
