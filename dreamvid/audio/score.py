"""Scores: what is played in MIDI files, in seconds, by channel and track.

Only this module knows of mido, which is an extra: `pip install 'dreamvid[midi]'`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamvid.audio.grid import count_bars
from dreamvid.errors import MediaError, SettingsError, did_you_mean, shown

if TYPE_CHECKING:
    from mido import MidiFile

_LARGEST = 2**25  # bytes
_LONGEST = 24 * 3600  # seconds
_TEMPO = 500_000  # microseconds a beat where nothing is said: 120 beats per minute
_FULL, _CENTER = 127, 8192
_SILENCING = (120, 123)  # controllers: all sound off, all notes off
_CHANNELS = 16


class Note(NamedTuple):
    """A note from `start` to `end`, in seconds, struck with a `velocity` above 0 to 1."""

    start: float
    end: float
    number: int
    velocity: float


class Change(NamedTuple):
    """A controller (`number`, or -1 for the pitch bend) that takes a value: 0 to 1, the bend -1 to 1."""

    time: float
    number: int
    value: float


BEND = -1
"""The number of the pitch bend among controllers."""


@dataclass
class Part:
    """What is played on one channel of one track."""

    channel: int
    """From 1 to 16."""
    track: int
    """From 1, as the files have them."""
    name: str
    """The track's, or where it has none the file's, as expressions write it."""
    notes: list[Note] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """What this part is one of, as expressions write it before a point."""
        return f"ch{self.channel}", f"track{self.track}", self.name


@dataclass(frozen=True)
class Score:
    """What some MIDI files play together.

    Attributes:
        parts: those in which anything is played.
        bars: (n,) float64, seconds at which a bar begins, by the tempi and time signatures of the first file.
        beats: (n,) float64, those of its beats: quarters in 3/4, groups of three eighths in 6/8.
        tells_tempo: whether that file has a tempo or a time signature at all.
        tempi: beats per minute, each that occurs there, in order; a beat is a quarter note.
        signatures: such as `3/4`, each that occurs there, in order.
        duration: seconds until the last note ends.
    """

    parts: tuple[Part, ...]
    bars: NDArray[np.float64]
    tempi: tuple[float, ...]
    signatures: tuple[str, ...]
    duration: float
    beats: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    tells_tempo: bool = False

    def among(self, name: str) -> list[Part]:
        """The parts of a channel or track, in any case of letters; "": all. Raises `SettingsError` where none is."""
        found = [part for part in self.parts if not name or name.lower() in part.names]
        if name and not found:
            known = sorted({one for part in self.parts for one in part.names}, key=lambda one: (len(one), one))
            hint = did_you_mean(name, known) or f"; there are {', '.join(known[:20]) or 'none that play'}"
            raise SettingsError(f"--midi: the score has no channel or track '{shown(name)}'{hint}")
        return found


def read_scores(paths: Sequence[Path], offset: float = 0.0) -> Score:
    """Read MIDI files that begin together, `offset` seconds after the sound; what lies before 0 is lost.

    Tempi and time signatures are honored; the tempo may change on any track. Raises `MediaError` where a file cannot
    be read, `SettingsError` where mido is not installed.
    """
    parts: list[Part] = []
    grids, tracks = [], 0
    for path in paths:
        file = _open(path)
        try:
            clocks = _clocks(file)
            for number, (track, clock) in enumerate(zip(file.tracks, clocks, strict=True), start=tracks + 1):
                parts += _read_track(track, clock, number, _slug(_decoded(track.name)) or _slug(path.stem), offset)
            tracks += len(file.tracks)
            grids.append(_Grid.read(file, clocks[0], offset) if clocks else _Grid((), (), ()))
        except (ValueError, TypeError, IndexError, ZeroDivisionError, OverflowError) as error:
            raise MediaError(f"{path}: this MIDI file is damaged ({error}); export it again") from error
    duration = max((note.end for part in parts for note in part.notes), default=0.0)
    duration = max([duration, *(change.time for part in parts for change in part.changes)])
    if duration > _LONGEST:
        raise MediaError(f"{paths[0]}: the score lasts more than 24 hours; export it again")
    first = grids[0]
    bars = np.array([time for time in first.bars if 0 <= time < duration])
    beats = np.array([time for time in first.beats if 0 <= time < duration])
    return Score(tuple(parts), bars, first.tempi, first.signatures, duration, beats, first.tells_tempo)


def _open(path: Path) -> MidiFile:
    try:
        import mido
    except ModuleNotFoundError:
        raise SettingsError(
            "--midi: reading MIDI files needs mido; install it with: pip install 'dreamvid[midi]'"
        ) from None
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise MediaError(f"{path}: {size / 2**20:.0f} MB is too large for a MIDI file; give a .mid file")
        return mido.MidiFile(path, clip=True)
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; give a MIDI file") from None
    except (OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, mido.KeySignatureError) as error:
        reason = str(error) or "it is cut off"
        raise MediaError(f"{path}: is not a MIDI file, or damaged ({shown(reason)}); give a .mid file") from error


Clock = Callable[[int], float]
"""Seconds of a tick."""


def _clocks(file: MidiFile) -> list[Clock]:
    """The clock of each track: one for all, but in files of type 2, whose tracks are pieces of their own."""
    division = file.ticks_per_beat
    if division < 0:  # SMPTE: frames a second, and ticks a frame
        frames = {-24: 24.0, -25: 25.0, -29: 30_000 / 1001, -30: 30.0}.get(division >> 8, float(-(division >> 8)))
        rate = frames * (division & 0xFF)
        return [lambda tick: tick / rate] * len(file.tracks)
    if division == 0:
        raise ValueError("a beat has no ticks")
    if file.type == 2:
        return [_tempo_map([track], division) for track in file.tracks]
    return [_tempo_map(file.tracks, division)] * len(file.tracks)


def _tempo_map(tracks: Sequence[Any], division: int) -> Clock:
    changes = dict(sorted((tick, message.tempo) for track in tracks for tick, message in _timed(track, "set_tempo")))
    ticks, tempi = [0, *changes], [_TEMPO, *changes.values()]
    seconds = [0.0]
    for index in range(1, len(ticks)):
        seconds.append(seconds[-1] + (ticks[index] - ticks[index - 1]) * tempi[index - 1] / division / 1e6)
    places = np.array(ticks)

    def clock(tick: int) -> float:
        index = int(np.searchsorted(places, tick, side="right")) - 1
        return float(seconds[index] + (tick - ticks[index]) * tempi[index] / division / 1e6)

    return clock


def _timed(track: Any, *kinds: str) -> Iterator[tuple[int, Any]]:
    """The messages of some kinds (none: all), and their ticks from the start."""
    tick = 0
    for message in track:
        tick += int(message.time)
        if not kinds or message.type in kinds:
            yield tick, message


def _read_track(track: Any, clock: Clock, number: int, name: str, offset: float) -> list[Part]:
    parts: dict[int, Part] = {}
    held: dict[tuple[int, int], list[tuple[float, float]]] = {}
    now = offset

    def release(channel: int, note: int) -> None:
        for start, velocity in held.pop((channel, note), ()):
            if now > 0:
                parts[channel].notes.append(Note(start, now, note, velocity))

    for tick, message in _timed(track):
        now = offset + clock(tick)
        channel = getattr(message, "channel", -1) + 1
        if not channel:
            continue
        part = parts.setdefault(channel, Part(channel, number, name))
        match message.type:
            case "note_on" if message.velocity:
                if (channel, message.note) in held:  # struck again: the one before ends here
                    release(channel, message.note)
                held[channel, message.note] = [(now, message.velocity / _FULL)]
            case "note_on" | "note_off":
                release(channel, message.note)
            case "control_change" if message.control in _SILENCING:
                for _, note in [key for key in held if key[0] == channel]:
                    release(channel, note)
            case "control_change":
                part.changes.append(Change(now, message.control, message.value / _FULL))
            case "pitchwheel":
                part.changes.append(Change(now, BEND, max(-1.0, message.pitch / (_CENTER - (message.pitch > 0)))))
    for channel, note in list(held):  # never released: until the track ends
        release(channel, note)
    for part in parts.values():
        part.notes.sort()
    return [part for part in parts.values() if part.notes or part.changes]


class _Grid(NamedTuple):
    """The bars of a file in seconds, its tempi, and its time signatures."""

    bars: tuple[float, ...]
    tempi: tuple[float, ...]
    signatures: tuple[str, ...]
    beats: tuple[float, ...] = ()
    tells_tempo: bool = False

    @classmethod
    def read(cls, file: MidiFile, clock: Clock, offset: float) -> _Grid:
        last = max((sum(int(message.time) for message in track) for track in file.tracks), default=0)
        tempi = sorted((tick, one.tempo) for track in file.tracks for tick, one in _timed(track, "set_tempo"))
        signs = sorted(
            (tick, one.numerator, one.denominator)
            for track in file.tracks
            for tick, one in _timed(track, "time_signature")
        )
        if file.ticks_per_beat < 0 or clock(last) > _LONGEST:
            return cls((), (), ())
        tells_tempo = bool(tempi or signs)
        signs = signs if signs and signs[0][0] == 0 else [(0, 4, 4), *signs]
        bars, counted = (
            tuple(offset + clock(tick) for tick in ticks) for ticks in count_bars(signs, file.ticks_per_beat, last + 1)
        )
        per_minute = dict.fromkeys(round(60e6 / max(1, tempo), 3) for _, tempo in tempi)
        signatures = tuple(dict.fromkeys(f"{a}/{b}" for _, a, b in signs))
        return cls(bars, tuple(per_minute) or (120.0,), signatures, counted, tells_tempo)


def _decoded(name: str) -> str:
    """A track's name, which mido reads as Latin-1 and most programs write as UTF-8."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def _slug(name: str) -> str:
    """A name as expressions write it: `Bass Drum` -> `bass_drum`, `808` -> `track_808`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40]
    return f"track_{slug}" if slug[:1].isdigit() else slug
