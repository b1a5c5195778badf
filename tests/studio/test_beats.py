"""Beats are corrected on the timeline: the picture, the equivalent command and the render follow the same file."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dreamvid.audio.gridfile import read_grid
from dreamvid.config.settings import make_settings
from dreamvid.config.sound import GridSettings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.studio import listening
from dreamvid.studio.beats import BeatEditor
from dreamvid.studio.controls import list_controls
from dreamvid.studio.session import Session
from dreamvid.studio.studio import Studio
from tests.music.given import drums, write_wave

PAGE: Any = SimpleNamespace(session_hash="one")
SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"
TIMES = np.arange(0.5, 7.9, 0.5)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_wave(tmp_path / "song.wav", drums(TIMES, 8.0))


def opened(studio: Studio, song: Path) -> Session:
    session = studio.session(PAGE)
    session.open_upload(SAMPLE)
    session.open_upload(song)
    return session


def beats(session: Session) -> list[float]:
    track = session.track(listen=True)
    assert track is not None
    assert track.sound is not None
    return track.sound.beat_times.round(2).tolist()


def test_corrections_add_up_and_can_be_undone(studio: Studio, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, editor = opened(studio, song), BeatEditor(studio)
    found = beats(session)
    assert np.abs(np.array(found) - TIMES).max() < 0.02
    monkeypatch.setattr(listening, "hear", None)  # corrections hear nothing anew
    editor.half(PAGE)
    assert beats(session) == found[::2]
    editor.move(-20, PAGE)
    assert beats(session) == pytest.approx([beat - 0.02 for beat in found[::2]], abs=1e-9)
    session.undo()
    assert beats(session) == found[::2]
    editor.double(PAGE)
    assert beats(session) == pytest.approx(np.arange(found[0], found[-1] + 0.1, 0.5), abs=0.02)
    editor.find_again(PAGE)
    assert beats(session) == found
    assert session.offer_beats() is None


def test_the_one_is_at_the_playhead_and_the_render_follows_it(studio: Studio, song: Path) -> None:
    session, editor = opened(studio, song), BeatEditor(studio)
    session.merge({"offset": "0.25"})
    session.frame = round(1.3 * 24)  # 0.25 later than the sound: the beat at 1.0
    editor.set_one(PAGE)
    editor.set_count(3, PAGE)
    assert shlex.split(session.command())[-2:] == ["--offset", "0.25"]
    assert "--beats song.beats.csv" in session.command()
    settings = make_settings({"beats": session.words()[session.words().index("--beats") + 1]})
    assert settings.beats in session.files()
    assert settings.beats is not None
    grid = read_grid(settings.beats)
    assert grid.signature == "3/4"
    assert grid.bars[:2] == pytest.approx([1.0, 2.5], abs=0.02)
    offered = session.offer_beats()
    assert offered is not None
    assert offered.read_bytes() == settings.beats.read_bytes()
    assert offered.is_relative_to(session.made)  # whence the server hands out files


def test_a_grid_may_be_handed_in_and_corrected(studio: Studio, song: Path, tmp_path: Path) -> None:
    session = opened(studio, song)
    (tmp_path / "page" / "own.csv").write_text("seconds,beat\n1,1\n2,2\n3,1\n4,2\n")
    control = next(control for control in list_controls() if control.name == "beats")
    session.set(control, str(tmp_path / "page" / "own.csv"))
    assert beats(session) == [1, 2, 3, 4]
    session.correct_beats(GridSettings(tempo="half"))
    assert beats(session) == [1, 3]
    (tmp_path / "page" / "large.csv").write_text("1\n" * 10**7)
    with pytest.raises(MediaError, match="too large"):
        session.set(control, str(tmp_path / "page" / "large.csv"))


def test_without_a_sound_a_correction_is_one_line(new_session: Callable[..., Session], studio: Studio) -> None:
    with pytest.raises(SettingsError, match="no sound"):
        new_session().correct_beats(GridSettings(tempo="half"))
    _, _, said = BeatEditor(studio).set_one(PAGE)
    assert "a picture has no time" in said


def test_files_of_corrections_that_nobody_can_go_back_to_go(studio: Studio, song: Path, tmp_path: Path) -> None:
    session, editor = opened(studio, song), BeatEditor(studio)
    for _ in range(70):
        editor.move(1, PAGE)
    assert 50 <= len([*(tmp_path / "handed").rglob("*.beats.csv")]) <= 52
    while session.undo():
        assert "beats" not in session.given or Path(session.given["beats"]).is_file()
