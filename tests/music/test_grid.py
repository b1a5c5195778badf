"""Bars, phases and sections: found in sounds whose meter is known, given as files, and told by a score."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.audio import analyze_sound
from dreamvid.audio.grid import Grid
from dreamvid.audio.gridedit import edit_grid
from dreamvid.audio.gridfile import read_grid, write_grid
from dreamvid.audio.hearing import hear
from dreamvid.config.settings import Settings
from dreamvid.config.sound import GridSettings, SoundSettings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import listen
from dreamvid.schedule import Schedule
from tests.music.given import off, on, score, signature, tempo, write_wave

RATE = 44_100
Sound = npt.NDArray[np.float64]
GRID = Grid(np.arange(1.0, 9.1, 0.5), np.arange(2.0, 9.1, 1.5), "3/4", np.array([0.0, 5.0]), (0, 1))


def clicks(counts: int, gap: float, bars: int, strong: tuple[int, ...] = (0,), first: float = 0.4) -> Sound:
    """Clicks of which the first of a bar is loudest and highest, and others of `strong` less so."""
    sound = np.zeros(round((first + counts * bars * gap + 0.5) * RATE))
    t = np.arange(round(0.03 * RATE)) / RATE
    for number in range(counts * bars):
        place = number % counts
        hertz, volume = (1600, 0.9) if place == 0 else (1200, 0.65) if place in strong else (1000, 0.45)
        begin = round((first + number * gap) * RATE)
        sound[begin : begin + len(t)] += volume * np.exp(-200 * t) * np.sin(2 * np.pi * hertz * t)
    return sound


@pytest.mark.parametrize(
    ("counts", "gap", "strong", "name"),
    [(3, 0.5, (0,), "3/4"), (3, 0.35, (0,), "3/4"), (4, 0.5, (0, 2), "4/4"), (6, 1 / 3, (0, 3), "6/8")],
)
def test_accents_make_bars(counts: int, gap: float, strong: tuple[int, ...], name: str, tmp_path: Path) -> None:
    file = write_wave(tmp_path / "clicks.wav", clicks(counts, gap, 10, strong))
    grid = analyze_sound(file, names=["bar"]).grid
    assert grid.signature == name
    truth = 0.4 + counts * gap * np.arange(10)
    assert len(grid.bars) == len(truth)
    assert np.abs(grid.bars - truth).max() < 0.02


def test_sections_that_sound_alike_have_one_number(tmp_path: Path) -> None:
    beats = clicks(4, 0.4, 32)
    t = np.arange(len(beats)) / RATE
    loud = (t // 12.8) % 2 == 1  # eight bars
    beats += 0.3 * loud * np.sign(np.sin(2 * np.pi * 330 * t))
    heard = analyze_sound(write_wave(tmp_path / "song.wav", beats), names=["section", "since_section"])
    assert heard.grid.kinds == (0, 1, 0, 1)
    assert np.abs(heard.grid.sections - 12.8 * np.arange(4)).max() < 1.7
    start = float(heard.grid.sections[2])
    assert heard.value("section", start + 1) == 0
    assert heard.value("section", start - 1) == 1
    assert heard.value("since_section", start + 1) == pytest.approx(1, abs=0.01)


def test_what_is_counted_before_between_and_after_the_beats() -> None:
    now = GRID.signals(("bar", "bar_phase", "beat_phase", "section", "since_section"))

    def at(name: str, seconds: float) -> float:
        return now[name].at(seconds)

    assert [at("bar", t) for t in (0, 1.2, 1.99, 2, 3.49, 3.5, 8.1)] == [-1, -1, -1, 0, 0, 1, 4]
    assert at("bar", 11.1) == 6  # after the last beat the count goes on
    assert [at("bar_phase", t) for t in (0, 1, 1.5, 2, 2.75)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 0, 0.5], abs=1e-6)
    assert [at("beat_phase", t) for t in (0, 1, 1.25, 9.125)] == pytest.approx([0, 0, 0.5, 0.25], abs=1e-6)
    assert [at("section", t) for t in (0, 4.9, 5, 99)] == [0, 0, 1, 1]
    assert [at("since_section", t) for t in (1, 5, 7.5)] == pytest.approx([1, 0, 2.5])


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30_000, 1001), Fraction(60)])
def test_an_edited_grid_gives_exactly_its_beats(fps: Fraction, tmp_path: Path) -> None:
    times = np.cumsum([0.62, *np.random.default_rng(1).uniform(0.3, 0.7, 30)])
    rows = [f"{time:.4f},{number % 3 + 1}" for number, time in enumerate(times)]
    file = tmp_path / "grid.csv"
    file.write_text("\n".join(["seconds,beat", *rows[::-1]]))
    settings = SoundSettings(beats=file)
    heard = hear(settings, {"beat", "bar", "beat_phase", "beats", "bars"}, None, fps)
    assert heard.beat_times == pytest.approx(np.round(times, 4))
    frames = [heard.at(float(n / fps), float(1 / fps)) for n in range(math.ceil(times[-1] * fps) + 2)]
    for name, low, high in (("beat", 0.999, 1.0), ("beat_phase", 0.0, 0.0)):
        found = [n for n, now in enumerate(frames) if low <= now[name] <= high and n + 1 > 0.62 * fps]
        assert len(found) == len(times)
        assert np.abs(np.array(found) - times * float(fps) + 0.5).max() <= 1
    begins = [n for n in range(1, len(frames)) if frames[n]["bar"] > frames[n - 1]["bar"]]
    assert np.abs(np.array(begins) - times[3::3] * float(fps) + 0.5).max() <= 1
    clock = Clock(fps, len(frames), heard)
    keys = Schedule.parse("hold bar0:(0), bar2:(1), bar4:(2)")
    values = [keys.at(clock.moment(n)) for n in range(len(frames))]
    assert values.index(1) == math.ceil(round(times[6], 4) * fps)
    assert values.index(2) == math.ceil(round(times[12], 4) * fps)


@pytest.mark.parametrize("name", ["grid.csv", "grid.txt"])
def test_a_grid_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    write_grid(tmp_path / name, GRID)
    read = read_grid(tmp_path / name)
    assert read.beats == pytest.approx(GRID.beats)
    assert read.bars == pytest.approx(GRID.bars)
    assert read.sections == pytest.approx(GRID.sections)
    assert (read.kinds, read.signature) == (GRID.kinds, GRID.signature)


def test_a_grid_without_sections_makes_labels(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.txt", Grid(GRID.beats, GRID.bars, "3/4"))
    assert read_grid(tmp_path / "grid.txt").bars == pytest.approx(GRID.bars)


@pytest.mark.parametrize(
    ("text", "bars", "kinds"),
    [
        ("0.5\n1.0\n1.5\n2.0\n2.5\n", [0.5, 2.5], ()),
        ("0.5\t3\n1.0\t1\n1.5\t2\n2.0\t3\n2.5\t1\n", [1.0, 2.5], ()),  # as beat trackers print them
        ("time;beat;section\n1;1;verse\n2;2;\n3;1;chorus\n4;2;\n5;1;verse\n", [1, 3, 5], (0, 1, 0)),
        ("0\t0\t1.1\n1\t1\t1.2\n2\t2\t2.1\n0\t2\tintro\n", [0, 2], (0,)),  # labels of Audacity
    ],
)
def test_grids_of_others_are_read(text: str, bars: list[float], kinds: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / "grid.txt").write_text(text)
    grid = read_grid(tmp_path / "grid.txt")
    assert grid.bars.tolist() == bars
    assert grid.kinds == kinds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no beats in it"),
        ("seconds,beat\n1,1\nx,2\n", "line 3: 'x' is not a time in seconds"),
        ("1,1\n1,2\n", "line 2: the beat at 1 s is given twice"),
        ("1,2\n2,3\n", "no beat has the number 1"),
        ("1,1.5\n", "line 1: '1.5' is not the number of a beat in its bar"),
        ("1,1\n1.001,2\n", "are too close; remove one"),
    ],
)
def test_nonsense_in_a_grid_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text(text)
    with pytest.raises(MediaError, match=message) as error:
        read_grid(tmp_path / "grid.csv")
    assert "\n" not in str(error.value)


def test_the_score_tells_its_bars_unless_something_else_is_given(tmp_path: Path) -> None:
    song = write_wave(tmp_path / "song.wav", clicks(4, 0.5, 8))
    messages = [tempo(0, 100), signature(0, 3, 4), on(0, 60), off(480 * 24, 60)]
    midi = score(tmp_path / "a.mid", messages, division=480)
    told = hear(SoundSettings(midi=(midi,)), {"bars"}, song, 24)
    assert told.grid.signature == "3/4"
    assert np.diff(told.grid.bars) == pytest.approx(1.8)
    slower = hear(SoundSettings(midi=(midi,), bpm=60), {"bars"}, song, 24)
    assert np.diff(slower.beat_times) == pytest.approx(1)
    write_grid(tmp_path / "grid.csv", GRID)
    given = hear(SoundSettings(midi=(midi,), bpm=60, beats=tmp_path / "grid.csv"), {"bars"}, song, 24)
    assert given.grid.bars == pytest.approx(GRID.bars[GRID.bars < given.duration])


def test_without_sound_bars_are_one_clear_error(tmp_path: Path) -> None:
    for value in ("bar_phase", "bar0:(0), bar4:(1)", "since_section"):
        with pytest.raises(SettingsError, match=r"--strength: follows the sound \(.*; provide one with --react SONG"):
            listen(Settings(strength=value), None, Fraction(24))
    write_grid(tmp_path / "grid.csv", GRID)
    heard = listen(Settings(strength="bar0:(0), bar4:(1)", beats=tmp_path / "grid.csv"), None, Fraction(24))
    assert heard is not None
    late = Settings(strength="section0:(0), section7:(1)", beats=tmp_path / "grid.csv")
    clock = Clock(Fraction(24), 48, listen(late, None, Fraction(24)))
    with pytest.raises(SettingsError, match="section7 is beyond the sound's last section, section1"):
        late.at(clock.moment(1))


def test_a_later_reaction_counts_later(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.csv", GRID)
    heard = hear(SoundSettings(beats=tmp_path / "grid.csv", offset=0.5), {"bar", "bars", "section"}, None, 24)
    assert heard.grid.bars[0] == 2.5
    assert heard.value("bar", 2.4) == -1
    assert heard.value("section", 5.4) == 0


@pytest.mark.parametrize(
    ("edits", "beats", "bars", "sections"),
    [
        ({"tempo": "half"}, np.arange(1.0, 9.1), [2, 5, 8], [0, 5]),
        ({"tempo": "double"}, np.arange(1.0, 9.1, 0.25), np.arange(1.25, 9.0, 0.75), [0, 5]),
        ({"downbeat": 2.4}, GRID.beats, [1, 2.5, 4, 5.5, 7, 8.5], [0, 5.5]),
        ({"tempo": "half", "downbeat": 2.5}, np.arange(1.5, 9.1), [2.5, 5.5, 8.5], [0, 5.5]),
        ({"beats_per_bar": 2}, GRID.beats, np.arange(1.0, 9.1), [0, 5]),
        ({"shift_beats": -1.2}, np.arange(0.3, 7.9, 0.5), GRID.bars - 1.2, [0, 3.8]),
        ({}, GRID.beats, GRID.bars, [0, 5]),
    ],
)
def test_a_grid_is_corrected(edits: dict[str, Any], beats: Any, bars: Any, sections: list[float]) -> None:
    made = edit_grid(GRID, GridSettings(**edits))
    for found, wanted in ((made.beats, beats), (made.bars, bars), (made.sections, sections)):
        assert found == pytest.approx(np.asarray(wanted, np.float64), abs=1e-9)
    assert made.kinds == GRID.kinds
    assert made.signature == ("2/4" if "beats_per_bar" in edits else "3/4")


def test_a_meter_that_changes_keeps_changing() -> None:
    bars = np.array([0.0, 4, 8, 12, 15, 18, 21, 24])  # three of four beats, four of three
    grid = Grid(np.arange(27.0), bars, "4/4")
    assert edit_grid(grid, GridSettings(downbeat=5.0)).bars.tolist() == [1, 5, 9, 13, 16, 19, 22, 25]
    half = edit_grid(grid, GridSettings(tempo="half"))
    assert half.bars.tolist() == [0, 8, 16, 22]
    assert edit_grid(half, GridSettings(tempo="double")).beats.tolist() == grid.beats.tolist()


@pytest.mark.parametrize(
    ("grid", "edits", "message"),
    [
        (Grid(), {"tempo": "half"}, "no beats to correct; lay some with --bpm"),
        (GRID, {"shift_beats": -20}, "--shift-beats -20: moves all beats before the sound"),
        (Grid(np.arange(0, 1, 0.03)), {"tempo": "double"}, "--tempo double: beats would be less than 0.02 s apart"),
    ],
)
def test_corrections_that_leave_nothing_are_one_line(grid: Grid, edits: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        edit_grid(grid, GridSettings(**edits))
