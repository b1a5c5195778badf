"""The settings of sound, scores and curves: what may drive others over time."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dreamvid.config.fields import Group, setting
from dreamvid.config.signals import Bands, CurveFiles, Files, NamedFiles, names_of
from dreamvid.schedule import Names


class SoundSettings(Group):
    """How sound drives settings that change over time."""

    react: Path | None = setting(
        None,
        "Song or film whose sound drives rms, bass, mid, high, onset and beat; it becomes the soundtrack",
        "FILE",
        is_input_file=True,
        measured_ahead=True,
        not_for=("audio", "library"),
    )
    stem: NamedFiles | None = setting(
        None,
        "One track of the song by itself: drums=d.wav gives drums.rms, drums.onset, drums.pitch and so on. It is not "
        "heard in the film. Repeat for several",
        "NAME=FILE",
        is_input_file=True,
        repeatable=True,
        measured_ahead=True,
        not_for=("library",),
    )
    band: Bands | None = setting(
        None,
        "A band of frequencies in Hz: kick=40-90 gives its level, kick, and what begins in it, kick.onset; "
        "drums.hat=6000-12000 is a band of the stem drums. Repeat for several",
        "NAME=LOW-HIGH",
        repeatable=True,
        part_of_look=True,
    )
    midi: Files | None = setting(
        None,
        "Score: note(36), velocity, cc(1) and pitchbend; ch10.note(36) of a channel or track. Repeat for several",
        "FILE",
        is_input_file=True,
        repeatable=True,
        measured_ahead=True,
        not_for=("library",),
    )
    midi_offset: float | None = setting(
        None,
        "Time in the sound at which the score begins; may be negative [default: 0]",
        "S",
        ge=-3600,
        le=3600,
        not_for=("library",),
    )
    curve: CurveFiles | None = setting(
        None,
        "Curve drawn elsewhere: glow=x.csv gives its value over time, glow. Reads tables (CSV) in seconds, frames or "
        "beats, keyframes copied from After Effects, automation of Ableton Live, and what Parseq and Deforum export. "
        "Repeat for several",
        "NAME=FILE",
        is_input_file=True,
        repeatable=True,
        measured_ahead=True,
        not_for=("library",),
    )
    beats: Path | None = setting(
        None,
        "Beats, bars and sections instead of those found in the sound: a file that `dreamvid audio --beats-out` wrote, "
        "a table with a time and a number in the bar on each line, labels of Audacity, or a set of Ableton Live (.als)",
        "FILE",
        is_input_file=True,
        is_document=True,
        measured_ahead=True,
        not_for=("library",),
    )
    attack: float = setting(0.01, "Attack time of the envelopes", "S", ge=0, le=60)
    release: float = setting(0.2, "Release time of the envelopes", "S", ge=0, le=60)
    offset: float = setting(0.0, "Delay the reaction by this many seconds", "S", ge=-3600, le=3600)
    bpm: float | None = setting(None, "Tempo in beats per minute, if it is detected wrongly", "N", ge=20, le=400)

    @property
    def declared(self) -> Names:
        """What expressions may name. Raises `SettingsError` where a name would stand for two things."""
        return names_of(self.stem or (), self.band or (), self.curve or (), has_notes=self.midi is not None)


class GridSettings(Group):
    """How a person corrects the beats that were found."""

    tempo: Literal["half", "double"] | None = setting(
        None, "Half or double as many beats; a bar keeps their number", "half|double"
    )
    downbeat: float | None = setting(
        None, "Time in the sound, in seconds: the beat nearest to it begins a bar", "S", ge=0, le=86_400
    )
    beats_per_bar: int | None = setting(None, "Beats in each bar", "N", ge=1, le=32)
    shift_beats: float = setting(
        0.0, "Move all beats by this many seconds; negative is earlier", "S", ge=-60, le=60, slider=(-0.2, 0.2)
    )
