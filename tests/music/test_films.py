"""Stems, scores and curves in films: in the picture, in the file's sound, and on the command line."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.audio.decode import decode_sound
from dreamvid.cli.main import run
from dreamvid.config.settings import Settings, make_settings
from dreamvid.media import open_writer
from dreamvid.render import FrameDone, Job, render_job
from dreamvid.studio.controls import list_controls, name_of
from tests.music.given import RATES, drums, melody, off, on, score
from tests.test_audio import RATE, write_wave

QUICK: dict[str, Any] = {
    "model": "dreamnet", "octaves": 1, "iterations": 2, "warm_iterations": 1, "codec": "ffv1", "precision": "fp32",
    "cuts": "none", "flow": "none", "threads": 1,
}  # fmt: skip
HITS = (0.3, 0.75)


def still_film(path: Path, fps: Fraction, seconds: float = 1.0) -> Path:
    frame = np.kron(np.random.default_rng(2).random((6, 8, 3), dtype=np.float32), np.ones((8, 8, 1), np.float32))
    with open_writer(path, width=64, height=48, rate=fps, codec="ffv1") as writer:
        for _ in range(int(seconds * fps)):
            writer.write(frame * 0.5 + 0.25)
    return path


@pytest.mark.parametrize("fps", [pytest.param(rate, marks=pytest.mark.slow) if rate != 24 else rate for rate in RATES])
def test_hits_are_in_their_frames_and_the_song_is_in_the_file(fps: Fraction, tmp_path: Path) -> None:
    """A stem drives the picture, whose sound is the mix."""
    beats = write_wave(tmp_path / "drums.wav", drums(HITS, 1.1))
    mix = write_wave(tmp_path / "mix.wav", 0.5 * drums(HITS, 1.1) + 0.05 * melody([60, 64])[: round(1.1 * RATE)].mean())
    messages = [one for hit in HITS for one in (on(round(1000 * hit), 36), off(round(1000 * hit) + 1, 36))]
    values = {
        "react": mix, "stem": f"drums={beats}", "midi": score(tmp_path / "a.mid", messages, division=500),
        "release": 0.02, "strength": "0.05 + drums.onset", "audio": "copy",
    }  # fmt: skip
    film = still_film(tmp_path / "film.mkv", fps)
    for number, strength in enumerate(("0.05 + drums.onset", "0.05 + note(36)")):
        target = tmp_path / f"out{number}.mkv"
        job = Job(film, target, make_settings(QUICK, values | {"strength": strength}))
        energies = np.array([event.energy for event in render_job(job) if isinstance(event, FrameDone)])
        for hit in HITS:
            frame = int(hit * fps)
            near = energies[frame - 3 : frame + 4]
            assert abs(int(near.argmax()) - 3) <= 1
            assert near.max() > 3 * energies[frame - 3]
    heard = np.abs(decode_sound(target))
    for hit in HITS:
        assert heard[round((hit - 0.02) * RATE)] < 0.05
        assert heard[round(hit * RATE) : round((hit + 0.02) * RATE)].max() > 0.2


def test_a_curve_drives_a_film_without_sound(tmp_path: Path) -> None:
    curve = tmp_path / "glow.csv"
    curve.write_text("frame;value\n0;0\n12;1\n24;0\n")
    film = still_film(tmp_path / "film.mkv", Fraction(24))
    settings = make_settings(QUICK, {"curve": f"glow={curve}", "strength": "glow"})
    energies = [event.energy for event in render_job(Job(film, tmp_path / "out.mkv", settings))
                if isinstance(event, FrameDone)]  # fmt: skip
    assert int(np.argmax(energies)) == 12
    assert energies[0] == pytest.approx(0, abs=1e-3)
    assert energies[6] == pytest.approx(energies[12] / 2, rel=0.2)


def test_the_picture_of_a_song_shows_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = write_wave(tmp_path / "song.wav", drums(HITS, 2))
    curve = tmp_path / "glow.csv"
    curve.write_text("0,0\n1,5\n")
    midi = score(tmp_path / "score.mid", [on(0, 36), off(480, 36), on(480, 40), off(1920, 40)])
    words = ["audio", str(song), "--stem", f"drums={song}", "--band", "drums.hat=6k-12k", "--band", "kick=40-90",
             "--midi", str(midi), "--curve", f"glow={curve}"]  # fmt: skip
    assert run(words) == 0
    assert "score: 2 notes, 1 bar of 4/4, tempo 120 (score)" in capsys.readouterr().out
    with (tmp_path / "song.audio.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = {"rms", "kick", "kick.onset", "drums.hat", "drums.pitch", "note(36)", "note(40)", "velocity", "glow"}
    assert wanted <= rows[0].keys()
    assert [float(rows[frame]["glow"]) for frame in (0, 12, 24)] == [0, 2.5, 5]
    assert float(rows[12]["note(40)"]) == 1
    assert (tmp_path / "song.audio.png").stat().st_size > 10_000
    # What is read is not written over.
    assert run(["audio", str(song), "--curve", f"glow={curve}", "--csv", str(curve), "--overwrite"]) != 0
    assert curve.read_text() == "0,0\n1,5\n"


def test_the_studio_takes_several_files_and_names_them() -> None:
    controls = {control.key: control for control in list_controls()}
    stem, midi = controls["stem"], controls["midi"]
    assert (stem.kind, midi.kind, controls["band"].kind) == ("files", "files", "many")
    assert stem.text(["/kept/drums.wav", "/kept/2 vox.wav", "/kept/bass.wav"]) == [
        "drums=/kept/drums.wav", "my_2_vox=/kept/2 vox.wav", "my_bass=/kept/bass.wav",
    ]  # fmt: skip
    assert midi.text(["/kept/a.mid"]) == ["/kept/a.mid"]
    assert stem.shown({"stem": ["drums=/kept/drums.wav"]}) == ["/kept/drums.wav"]
    assert name_of(Path("§.wav")) == "it"
    Settings(stem=stem.text(["/kept/drums.wav", "/kept/sin.wav"]))
