"""What the tests of music are given: sounds, scores and curves whose truth is known by construction."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import mido
import numpy as np
import numpy.typing as npt

from dreamvid.audio import SoundAnalysis
from dreamvid.audio.hearing import hear
from dreamvid.config.settings import Settings
from dreamvid.render.plan import Clock
from tests.test_audio import RATE, moments, place, tone, write_wave

RATES = (Fraction(24), Fraction(30_000, 1001), Fraction(60))
HITS = (0.5, 1.003, 1.517, 2.25, 3.0, 3.777)
"""Seconds; some on a frame's edge, some between."""


def drums(times: npt.ArrayLike = HITS, seconds: float = 4.5) -> npt.NDArray[np.float64]:
    t = moments(0.25)
    hit = np.exp(-11 * t) * np.sin(2 * np.pi * (48 * t + 90 / 28 * (1 - np.exp(-28 * t))))
    sound = 0.001 * np.random.default_rng(0).standard_normal(round(seconds * RATE))
    for time in np.asarray(times):
        place(sound, float(time), hit, 0.8)
    return sound


def melody(notes: list[float], gap: float = 0.5) -> npt.NDArray[np.float64]:
    """Half a second of each note, which is a number as MIDI has it."""
    parts = []
    for note in notes:
        hertz = 440 * 2 ** ((note - 69) / 12)
        parts.append(sum(tone(hertz * part, gap, 0.3 / part) for part in (1, 2, 3)))
    return np.concatenate(parts)


def write_drums(folder: Path) -> Path:
    return write_wave(folder / "drums.wav", drums())


def heard(fps: Fraction | int = 24, sound: Path | None = None, **values: Any) -> SoundAnalysis:
    """What the strength in `values` follows."""
    settings = Settings(**values)
    return hear(settings, settings.needs_sound, sound, fps)


def strengths(analysis: SoundAnalysis, fps: Fraction, seconds: float = 4.5, **values: Any) -> npt.NDArray[np.float64]:
    """The strength of each frame."""
    frames = int(seconds * fps)
    clock, settings = Clock(fps, frames, analysis), Settings(**values)
    return np.array([settings.at(clock.moment(frame)).strength for frame in range(frames)])


def score(path: Path, *tracks: list[Any], division: int = 480, kind: int = 1) -> Path:
    """A MIDI file of messages with ticks from the start."""
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    for messages in tracks:
        track = mido.MidiTrack()
        now = 0
        for message in messages:
            track.append(message.copy(time=message.time - now))
            now = message.time
        file.tracks.append(track)
    file.save(path)
    return path


def on(tick: int, note: int, velocity: int = 127, channel: int = 0) -> Any:
    return mido.Message("note_on", note=note, velocity=velocity, channel=channel, time=tick)


def off(tick: int, note: int, channel: int = 0) -> Any:
    return mido.Message("note_off", note=note, channel=channel, time=tick)


def named(name: str) -> Any:
    return mido.MetaMessage("track_name", name=name)


def tempo(tick: int, bpm: float) -> Any:
    return mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm), time=tick)


def signature(tick: int, beats: int, unit: int) -> Any:
    return mido.MetaMessage("time_signature", numerator=beats, denominator=unit, time=tick)
