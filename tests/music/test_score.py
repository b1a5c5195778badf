"""MIDI files: notes and controllers in seconds, by channel and track."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import pytest

from dreamvid.audio.drawing import describe_score
from dreamvid.audio.score import read_scores
from dreamvid.audio.signals import Steps, Struck
from dreamvid.errors import DreamvidError, MediaError, SettingsError
from tests.music.given import HITS, RATES, heard, named, off, on, score, signature, strengths, tempo


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("length", [1, 200])
def test_every_note_is_seen_in_its_own_frame(fps: Fraction, length: int, tmp_path: Path) -> None:
    """However short it is, at 1000 ticks a second."""
    hits = [round(1000 * hit) for hit in HITS]
    messages = [one for hit in hits for one in (on(hit, 36, 100), off(hit + length, 36))]
    values = {"midi": score(tmp_path / "a.mid", [*messages, on(9000, 40)], division=500), "strength": "note(36)"}
    seen = strengths(heard(fps, release=0.02, **values), fps, **values)
    for hit in HITS:
        frame = int(hit * fps + Fraction(1, 10**6))
        assert seen[frame] == pytest.approx(100 / 127)
        assert seen[frame - 1] < 0.15
    assert strengths(heard(fps, release=0, **values), fps, **values)[int(0.5 * fps) + int(0.3 * fps)] == 0


def test_a_note_is_its_velocity_while_it_is_held_and_then_fades(tmp_path: Path) -> None:
    path = score(tmp_path / "a.mid", [on(0, 36, 64), off(960, 36), on(1920, 36, 127), on(2400, 36, 32), off(2880, 36)])
    analysis = heard(midi=path, release=0.5, strength="note(36)")
    for at, value in ((0, 64 / 127), (0.9, 64 / 127), (1.5, 64 / 127 / np.e), (2.1, 1), (2.6, 0), (3.5, 0)):
        expected = {2.6: np.exp(-0.1 / 0.5), 3.5: np.exp(-1 / 0.5)}.get(at, value)
        assert analysis.value("note(36)", at) == pytest.approx(expected, abs=1e-9)


def test_the_tempo_map_of_any_track_holds_for_all(tmp_path: Path) -> None:
    """A ramp of tempo, in steps as programs write it, and beats whose times are reckoned here."""
    steps = [(480 * beat, 100 + 2.5 * beat) for beat in range(24)]
    conductor = [tempo(tick, bpm) for tick, bpm in steps]
    player = [one for beat in range(24) for one in (on(480 * beat, 60), off(480 * beat + 10, 60))]
    notes = read_scores([score(tmp_path / "a.mid", conductor, player)]).parts[0].notes
    truth = np.cumsum([0, *(mido.bpm2tempo(bpm) / 1e6 for _, bpm in steps[:-1])])
    assert [note.start for note in notes] == pytest.approx(truth.tolist(), abs=1e-9)
    swapped = read_scores([score(tmp_path / "b.mid", player, conductor)]).parts[0].notes
    assert swapped == notes


def test_bars_honor_time_signatures_and_tempi(tmp_path: Path) -> None:
    grid = [signature(0, 3, 4), tempo(0, 120), signature(3 * 480 * 2, 6, 8), tempo(480 * 12, 60)]
    path = score(tmp_path / "waltz.mid", sorted(grid, key=lambda one: one.time), [on(0, 60), off(480 * 18, 60)])
    found = read_scores([path])
    assert found.bars.tolist() == pytest.approx([0, 1.5, 3, 4.5, 6, 9])
    assert found.signatures == ("3/4", "6/8")
    assert found.tempi == (120.0, 60.0)
    assert describe_score(found) == "score: 1 note, 6 bars of 3/4 and 6/8, tempo 60 to 120 (waltz)"


def test_a_clock_of_frames_and_pieces_of_their_own(tmp_path: Path) -> None:
    path = score(tmp_path / "a.mid", [on(1000, 60), off(2000, 60)])
    data = bytearray(path.read_bytes())
    data[12:14] = bytes([256 - 25, 40])  # 25 frames of 40 ticks: a millisecond a tick
    path.write_bytes(data)
    assert read_scores([path]).parts[0].notes[0][:2] == pytest.approx((1, 2))
    two = score(tmp_path / "b.mid", [tempo(0, 60), on(480, 60)], [tempo(0, 240), on(480, 62), off(960, 62)], kind=2)
    assert [part.notes[0].start for part in read_scores([two]).parts] == [1, 0.25]


def test_channels_and_tracks_have_names(tmp_path: Path) -> None:
    path = score(
        tmp_path / "song.mid",
        [named("Bäß Drum"), on(0, 36, 10, 9), off(480, 36, 9)],
        [on(0, 36, 20, 2), off(480, 36, 2), mido.Message("control_change", channel=2, control=1, value=127, time=480)],
    )
    other = score(tmp_path / "808.mid", [on(0, 40, 30, 9), off(480, 40, 9)])
    names = ("note(36)", "ch10.note(36)", "ch3.note(36)", "track2.note(36)", "song.cc(1)", "track_808.note(40)",
             "Ba_Drum.velocity", "note(0, 127)", "ch10.note(30, 50)", "TRACK2.note(36)")  # fmt: skip
    analysis = heard(midi=[path, other], strength="+".join(names))
    expected = (20, 10, 20, 20, 127, 30, 10, 30, 30, 20)
    found = [127 * analysis.value(name, 0.6 if "cc" in name else 0.1) for name in names]
    assert found == pytest.approx(expected)


def test_velocity_controllers_and_the_bend_hold(tmp_path: Path) -> None:
    wheel = [mido.Message("pitchwheel", pitch=pitch, time=tick) for tick, pitch in ((480, 8191), (960, -8192))]
    notes = [on(480, 60, 40), on(480, 64, 80), off(500, 60), on(1440, 60, 20)]
    path = score(tmp_path / "a.mid", sorted([*wheel, *notes], key=lambda one: one.time))
    analysis = heard(midi=path, strength="velocity + pitchbend")
    assert [analysis.value("pitchbend", at) for at in (0.1, 0.6, 1.1)] == [0, 1, -1]
    assert [127 * analysis.value("velocity", at) for at in (0.1, 0.6, 1.4, 1.6)] == pytest.approx([0, 80, 80, 20])
    assert 127 * analysis.value("velocity", 0.49, 0.04) == pytest.approx(80)  # in the frame in which it is struck


def test_the_score_begins_where_it_is_said_to(tmp_path: Path) -> None:
    path = score(tmp_path / "a.mid", [on(480, 60), off(960, 60)])
    for offsets, start in (({}, 0.5), ({"midi_offset": 1.25}, 1.75), ({"midi_offset": -0.25, "offset": 0.1}, 0.35)):
        analysis = heard(midi=path, release=0, strength="note(60)", **offsets)
        assert analysis.value("note(60)", start - 1e-3) == 0
        assert analysis.value("note(60)", start + 1e-3) == 1


def test_struck_notes_are_the_loudest_of_all_that_sound() -> None:
    """Against what each note gives by itself, in many frames."""
    random = np.random.default_rng(0)
    starts = random.uniform(0, 10, 60)
    ends = starts + random.choice([0, 0.001, 0.3, 2], 60)
    heights = random.uniform(0.1, 1, 60)
    notes = Struck(starts.tolist(), ends.tolist(), heights.tolist(), 0.25)
    for frame in range(240):
        first, last = frame / 24, (frame + 1) / 24
        each = np.where(starts >= last, 0, np.where((ends > first) | (starts >= first), heights, 0))
        fading = np.where(ends <= first, heights * np.exp(-(first - ends) / 0.25), 0)
        assert notes.at(first, 1 / 24) == pytest.approx(max(each.max(), fading.max()), abs=1e-9)


def test_a_note_without_length_sounds_when_it_is_struck() -> None:
    notes = Struck([0.5, 1.0], [0.5, 1.0], [0.8, 0.6], 0.0)
    assert [notes.at(at, 0.25) for at in (0.25, 0.5, 0.75, 1.0, 1.25)] == [0, 0.8, 0, 0.6, 0]
    assert [notes.at(at) for at in (0.49, 0.5, 0.51)] == [0, 0.8, 0]


def test_steps_are_seen_in_their_own_frame() -> None:
    steps = Steps(np.array([0.5, 1.0]), np.array([3.0, 7.0]), 1.0)
    assert [steps.at(at) for at in (0, 0.49, 0.5, 0.99, 1, 9)] == [1, 1, 3, 3, 7, 7]
    assert [steps.at(at, 0.1) for at in (0.35, 0.4, 0.45, 0.9, 0.95)] == [1, 1, 3, 3, 7]


@pytest.mark.parametrize("name", ["ch5.note(36)", "leed.note(36)", "track7.cc(1)", "x.pitchbend"])
def test_a_part_that_is_not_there_is_one_line(name: str, tmp_path: Path) -> None:
    path = score(tmp_path / "a.mid", [named("Lead"), on(0, 60), off(9, 60)])
    known = r"no channel or track '\w+'; (did you mean \w|there are ch1, lead, track1)"
    with pytest.raises(SettingsError, match=known):
        heard(midi=path, strength=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("note(36)", None),
        ("note", "'note' needs a number: note\\(36\\)"),
        ("note(128)", "write note\\(36\\), with a whole number from 0 to 127"),
        ("note(t)", "with a whole number from 0 to 127"),
        ("note(36.5)", "with a whole number from 0 to 127"),
        ("note(1, 2, 3)", "write note\\(36\\), or note\\(36, 47\\) for a range"),
        ("cc(1, 2)", "write cc\\(1\\)"),
        ("cc()", "expected a value"),
        ("velocity(3)", "'velocity' is a value, not a function"),
    ],
)
def test_notes_are_numbers(text: str, message: str | None) -> None:
    from dreamvid.config.settings import Settings

    if message is None:
        settings = Settings(midi="a.mid", strength=text)
        assert Settings(midi="a.mid", strength=str(settings.strength)) == settings
        with pytest.raises(SettingsError, match="there is no 'note'; it comes from a MIDI file: give one with --midi"):
            Settings(strength=text)
        return
    with pytest.raises(SettingsError, match=message):
        Settings(midi="a.mid", strength=text)


def test_without_mido_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = score(tmp_path / "a.mid", [on(0, 60)])
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(SettingsError, match=r"--midi: .* install it with: pip install 'dreamvid\[midi\]'"):
        read_scores([path])


def test_what_is_no_midi_file_is_one_line(tmp_path: Path) -> None:
    whole = score(tmp_path / "a.mid", [tempo(0, 100), on(0, 60), off(480, 60), *[on(900, n) for n in range(40)]])
    data = whole.read_bytes()
    broken = tmp_path / "broken.mid"
    random = np.random.default_rng(0)
    for trial in range(300):
        cut = bytearray(data[: random.integers(1, len(data))] if trial % 2 else data)
        for place in random.integers(0, len(cut), trial % 5):
            cut[place] = random.integers(0, 256)
        broken.write_bytes(cut)
        try:
            assert np.isfinite(read_scores([broken]).duration)
        except DreamvidError as error:
            assert str(error).isprintable()  # noqa: PT017
    for path, message in ((tmp_path / "none.mid", "no such file"), (tmp_path, "is not a MIDI file")):
        with pytest.raises(MediaError, match=message):
            read_scores([path])
