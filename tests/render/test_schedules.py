"""What changes over time, in films: numbers, layers, and what follows the sound."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.audio.decode import SAMPLE_RATE, decode_sound
from dreamvid.config.settings import ZoomSettings, build_settings, make_settings
from dreamvid.errors import SettingsError
from dreamvid.media import open_reader, open_writer
from dreamvid.render import FrameDone, Job, render_job
from dreamvid.zoom.job import NOISE, ZoomJob, render_zoom

QUICK: dict[str, Any] = {
    "model": "dreamnet", "octaves": 1, "iterations": 6, "warm_iterations": 2, "codec": "ffv1", "precision": "fp32",
    "cuts": "none", "flow": "none",
}  # fmt: skip
Film = npt.NDArray[np.float32]


def still_film(path: Path, frames: int = 24) -> Path:
    generator = np.random.default_rng(2)
    coarse = generator.random((9, 12, 3), dtype=np.float32)
    frame = np.kron(coarse, np.ones((8, 8, 1), np.float32)) * 0.5 + 0.25
    with open_writer(path, width=96, height=72, rate=Fraction(24), codec="ffv1") as writer:
        for _ in range(frames):
            writer.write(frame)
    return path


def burst(path: Path, at: float, seconds: float = 2.0) -> Path:
    """A tenth of a second of a tone, and silence around it."""
    rate = 44_100
    t = np.arange(int(seconds * rate)) / rate
    sound = 0.8 * np.sin(2 * np.pi * 440 * t) * ((t >= at) & (t < at + 0.1))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def render(source: Path, target: Path, **values: Any) -> tuple[Film, list[float]]:
    events = list(render_job(Job(source, target, make_settings(QUICK, values))))
    with open_reader(target) as reader:
        frames = np.stack(list(reader))
    return frames, [event.energy for event in events if isinstance(event, FrameDone)]


def test_strength_is_followed_in_its_own_frame(tmp_path: Path) -> None:
    source = still_film(tmp_path / "film.mkv")
    _, energies = render(source, tmp_path / "out.mkv", strength="0:(0.5), 11:(0.5)step, 12:(1)step, 18:(0)")
    settled = np.array(energies)
    assert settled[9:12] == pytest.approx(settled[12:15] / 2, rel=0.1)
    assert settled[18:] == pytest.approx(0, abs=1e-3)


def test_a_part_is_dreamed_as_in_the_whole(tmp_path: Path) -> None:
    source = still_film(tmp_path / "film.mkv")
    schedule = "0:(1), 24:(0.2)"
    _, whole = render(source, tmp_path / "whole.mkv", strength=schedule, blend=0)
    _, part = render(source, tmp_path / "part.mkv", strength=schedule, blend=0, start=0.5)
    assert part[1:] == pytest.approx(whole[13:], rel=0.05)


def test_layers_are_cross_faded(tmp_path: Path) -> None:
    source = still_film(tmp_path / "film.mkv")
    fade = "0:(inception3a), 8:(inception3a), 16:(inception4a)"
    changing, energies = render(source, tmp_path / "a.mkv", step=1, layer=fade)
    first, _ = render(source, tmp_path / "b.mkv", step=1, layer="inception3a")
    assert np.abs(changing[:8] - first[:8]).mean() * 255 < 1
    assert np.abs(changing[-1] - first[-1]).mean() * 255 > 4
    assert min(energies) > 0.3 * max(energies)


def test_a_sound_is_seen_in_its_frame_and_heard_at_its_time(tmp_path: Path) -> None:
    source, song = still_film(tmp_path / "film.mkv"), burst(tmp_path / "song.wav", at=0.5)
    target = tmp_path / "out.mkv"
    _, energies = render(source, target, strength="0.1 + 0.9*rms", react=song, release=0.05)
    assert max(energies[4:12]) < 0.25 * energies[12]
    assert energies[20] < 0.4 * energies[12]
    samples = np.abs(decode_sound(target))
    assert int(np.argmax(samples > 0.3)) / SAMPLE_RATE == pytest.approx(0.5, abs=0.02)
    assert len(samples) / SAMPLE_RATE == pytest.approx(1.0, abs=0.05)


def test_with_a_later_start_sound_and_picture_stay_together(tmp_path: Path) -> None:
    source, song = still_film(tmp_path / "film.mkv"), burst(tmp_path / "song.wav", at=0.75)
    target = tmp_path / "out.mkv"
    _, energies = render(source, target, strength="0.1 + 0.9*rms", react=song, start=0.5, release=0.05)
    assert max(energies[2:6]) < 0.25 * energies[6]
    assert int(np.argmax(np.abs(decode_sound(target)) > 0.3)) / SAMPLE_RATE == pytest.approx(0.25, abs=0.02)


def test_the_clips_own_sound_will_do(tmp_path: Path) -> None:
    silent, song = still_film(tmp_path / "film.mkv"), burst(tmp_path / "song.wav", at=0.5)
    source = tmp_path / "clip.mkv"
    list(render_job(Job(silent, source, make_settings(QUICK, {"iterations": 0, "blend": 0, "audio": str(song)}))))
    _, energies = render(source, tmp_path / "out.mkv", strength="0.1 + 0.9*rms", release=0.05)
    assert max(energies[4:12]) < 0.25 * energies[12]


def test_a_zoom_leaps_when_the_sound_does(tmp_path: Path) -> None:
    song = burst(tmp_path / "song.wav", at=0.5)
    settings = build_settings(
        ZoomSettings,
        {"model": "dreamnet", "codec": "ffv1", "iterations": 0, "warm_iterations": 0, "size": "96x72", "duration": 1},
        {"zoom": "1 + 9*rms", "react": song, "release": 0.05},
    )
    target = tmp_path / "zoom.mkv"
    list(render_zoom(ZoomJob(NOISE, target, settings)))
    with open_reader(target) as reader:
        frames = np.stack(list(reader))
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)) * 255
    assert steps[:11].max() < 0.5  # frame 12, at 0.5 s, is the first that may move
    assert steps[12] > 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": "0.5 + bass"}, r"--strength: follows the sound \(bass\), but there is none; .* --react SONG"),
        ({"step": "1/(t - 0.5)"}, r"--step: at 0.5 s \(frame 12\), .* divides by zero"),
        ({"layer": "b0:(inception3a), b8:(inception4a)"}, r"--layer: follows the sound \(beats\)"),
    ],
)
def test_what_cannot_be_followed_is_said_before_the_first_frame(
    tmp_path: Path, values: dict[str, str], message: str
) -> None:
    source = still_film(tmp_path / "film.mkv")
    with pytest.raises(SettingsError, match=message):
        next(render_job(Job(source, tmp_path / "out.mkv", make_settings(QUICK, values))))
    assert not (tmp_path / "out.mkv").exists()
