"""What a set of Ableton Live says: tempo, time signatures, locators, warped songs, and automation.

A set is XML in a gzip file. Only what is needed is read from it, piece by piece. Tempo and automation move in straight
lines from one event to the next, over beats; a time signature is  99 · log2(denominator) + numerator - 1.
"""

from __future__ import annotations

import gzip
import itertools
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, Protocol
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from dreamvid.audio.grid import Grid, count_bars, kinds_of
from dreamvid.errors import MediaError

SETS = ".als"
"""What the name of a set ends in."""
_LARGEST, _LARGEST_XML = 2**26, 2**28  # bytes, packed and unpacked
_BLOCK = 2**20  # bytes
_DEEPEST = 200  # elements in elements
_MOST = 1_000_000  # events, markers
_LONGEST = 200_000.0  # beats: a day at 140 a minute
_SLOWEST, _FASTEST = 5.0, 2000.0  # beats per minute
_MAIN = ("MasterTrack", "MainTrack")  # as it is called up to Live 11, and since
_TRACKS = (*_MAIN, "AudioTrack", "MidiTrack", "GroupTrack", "ReturnTrack")
_PLAIN_METER = 201  # 4/4
_TICKS = 1920  # a quarter note
_STEP, _MOST_STEPS = 0.25, 100_000  # beats
_UNKNOWN_END = 7200.0  # beats, where nothing lies in the arrangement

Events = list[tuple[float, float]]
"""Beats (quarter notes) from the start of the arrangement, and values."""


@dataclass
class WarpedClip:
    """A sound in the set that follows its beat: `markers` are pairs of seconds in its file and beats."""

    files: set[str] = field(default_factory=set)
    """What its file is called, without folders, in small letters."""
    markers: Events = field(default_factory=list)
    is_warped: bool = False
    meter: tuple[int, int] = (4, 4)
    seconds: float = 0.0
    """How long its file is; 0: not said."""
    samples: float = 0.0


@dataclass
class LiveSet:
    """What is read from a set; times are beats (quarter notes) from the start of the arrangement.

    Attributes:
        tempi: (beat, beats per minute).
        meters: (beat, beats in a bar, the part of a whole note that is one), the first at 0.
        locators: (beat, name), in order.
        clips: the sounds in it.
        lanes: automation, by `track/parameter`.
        end: of the last clip in the arrangement; 0 where there is none.
    """

    tempi: Events
    meters: list[tuple[float, int, int]]
    locators: list[tuple[float, str]]
    clips: list[WarpedClip]
    lanes: Mapping[str, Events]
    end: float

    def seconds(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """The seconds from the start of the arrangement at which beats of at least 0 fall, (n,) float64."""
        times, tempi = (np.array(column, np.float64) for column in zip(*self.tempi, strict=True))
        start = float(np.interp(0.0, times, tempi))
        later = times > 0
        edges, values = np.append(0.0, times[later]), np.append(start, tempi[later])
        # Where the tempo jumps at 0 what comes after it counts.
        values[0] = tempi[times <= 0][-1] if (times == 0).any() else start
        events = zip(edges.tolist(), values.tolist(), strict=True)
        lengths = [_ramp(last - first, slow, fast) for (first, slow), (last, fast) in itertools.pairwise(events)]
        reached = np.concatenate([[0.0], np.cumsum(lengths)])
        found = np.searchsorted(edges, beats, side="right") - 1
        made = np.empty(len(beats))
        for number, (place, beat) in enumerate(zip(found.tolist(), beats.tolist(), strict=True)):
            here = values[place]
            if place + 1 < len(edges) and edges[place + 1] > edges[place]:
                share = (beat - edges[place]) / (edges[place + 1] - edges[place])
                here += share * (values[place + 1] - values[place])
            made[number] = reached[place] + _ramp(beat - edges[place], values[place], here)
        return made

    def drawn(self, lane: Events) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The beats and values of a lane, (n,) float64 each: with points between its own wherever a line over beats is
        none over seconds, as the tempo changes."""
        times, values = (np.array(column, np.float64) for column in zip(*lane, strict=True))
        times = np.maximum(times, 0.0)
        moves = np.array([time for time, _ in self.tempi if times[0] < time < times[-1]])
        if len({tempo for _, tempo in self.tempi}) > 1:
            steps = min(_MOST_STEPS, round((times[-1] - times[0]) / _STEP) + 1)
            moves = np.append(moves, np.linspace(times[0], times[-1], steps))
        between = np.setdiff1d(moves, times)
        places = np.searchsorted(times, between)
        return np.insert(times, places, between), np.insert(values, places, np.interp(between, times, values))


def _ramp(beats: float, first: float, last: float) -> float:
    """The seconds that `beats` take while the tempo goes from `first` to `last` in a straight line over beats."""
    change = last / first - 1
    return 60 * beats / first * (math.log1p(change) / change if abs(change) > 1e-9 else 1.0)


def is_live_set(path: Path) -> bool:
    """Whether a file is called as sets are."""
    return path.suffix.lower() == SETS


def read_live_set(path: Path) -> LiveSet:
    """Read a set of Live 8 to 12. Raises `MediaError` in one line."""
    reader = _Reader()
    try:
        if path.stat().st_size > _LARGEST:
            raise MediaError(f"{path}: is too large for an Ableton Live set; give at most {_LARGEST // 2**20} MB")
        with gzip.open(path) as file:
            reader.read(file)
        return reader.found()
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; give an Ableton Live set") from None
    except (OSError, EOFError, zlib.error, expat.ExpatError, LookupError, ValueError) as error:
        raise MediaError(
            f"{path}: is not an Ableton Live set, or damaged ({error}); save it in Live again"
        ) from error


def live_grid(live: LiveSet, path: Path, sound: str = "") -> Grid:
    """The beats, bars and sections of a set, in seconds: those of a warped clip whose file is called `sound`, where
    there is one, else of its arrangement, as it is exported from its beginning. Locators begin sections.

    Raises `MediaError` where a warped clip's markers make no sense.
    """
    clips = [clip for clip in live.clips if clip.is_warped and sound and sound.lower() in clip.files]
    if clips:
        return _clip_grid(max(clips, key=lambda clip: len(clip.markers)), path)
    known = [live.end, *(time for time, _ in live.locators), live.tempi[-1][0], live.meters[-1][0]]
    end = max(known) or _UNKNOWN_END
    if end > _LONGEST:
        raise MediaError(f"{path}: its arrangement is too long; save it with fewer bars")
    meters = [(round(time * _TICKS), count, unit) for time, count, unit in live.meters]
    counted = count_bars(meters, _TICKS, round(end * _TICKS) + 1)
    bars, beats = (live.seconds(np.array(ticks, np.float64) / _TICKS) for ticks in counted)
    signatures = dict.fromkeys(f"{count}/{unit}" for _, count, unit in live.meters)
    locators = {time: name for time, name in live.locators if time >= 0}
    sections = live.seconds(np.array([*locators], np.float64))
    return Grid(beats, bars, " and ".join(signatures), sections, kinds_of([*locators.values()]))


def _clip_grid(clip: WarpedClip, path: Path) -> Grid:
    """The beats of a warped sound in its own time: beat 0 begins a bar, and the outermost markers' tempo goes on."""
    markers = sorted(set(clip.markers))
    seconds, places = (np.array(column, np.float64) for column in zip(*markers, strict=True))
    if len(markers) < 2 or not np.isfinite(markers).all() or np.diff(seconds).min() <= 0 or np.diff(places).min() <= 0:
        raise MediaError(f"{path}: the warp markers of {min(clip.files)} make no sense; warp it in Live again")
    slopes = np.diff(seconds) / np.diff(places)
    length = max(clip.seconds, float(seconds[-1]))
    first = float(places[0] - seconds[0] / slopes[0])
    last = float(places[-1] + (length - seconds[-1]) / slopes[-1])
    if last - first > _LONGEST:
        raise MediaError(f"{path}: the warp markers of {min(clip.files)} make no sense; warp it in Live again")
    places = np.concatenate([[first], places, [last]])
    seconds = np.concatenate([[0.0], seconds, [length]])
    count, unit = clip.meter
    bar = 4 * count / unit
    ahead = math.ceil(max(0.0, -first) / bar)
    bars, beats = (
        np.array(ticks, np.float64) / _TICKS - ahead * bar
        for ticks in count_bars([(0, count, unit)], _TICKS, round((last + ahead * bar) * _TICKS) + 1)
    )
    bars, beats = (times[(times >= first) & (times <= last)] for times in (bars, beats))
    return Grid(np.interp(beats, places, seconds), np.interp(bars, places, seconds), f"{count}/{unit}")


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Reader:
    """Sees one element after the other, and keeps what is needed."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._track = ""
        self._lane = ""
        self._clip: WarpedClip | None = None
        self._count = 0
        self._is_set = False
        self._manual: dict[str, float] = {}
        self._targets: dict[str, str] = {}  # `track/parameter` by the number that lanes point to
        self._lanes: dict[str, Events] = {}
        self._locators: list[tuple[float, str]] = []
        self._clips: list[WarpedClip] = []
        self._end = 0.0

    def read(self, file: _Readable) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._leave
        parser.StartDoctypeDeclHandler = _refuse  # without which there are no entities that could grow
        size = 0
        while block := file.read(_BLOCK):
            size += len(block)
            if size > _LARGEST_XML:
                raise ValueError("it is larger than any set")
            parser.Parse(block)
        parser.Parse(b"", True)

    def _begin(self, name: str, known: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise ValueError("elements stand too deep in each other")
        self._is_set = self._is_set or name == "LiveSet"
        if name in _TRACKS:
            self._track = ""
        elif name == "AudioClip":
            self._clip = WarpedClip()
        elif "Value" in known:
            self._value(name, known["Value"])
        if name in ("FloatEvent", "EnumEvent"):
            self._event(known)
        elif name == "WarpMarker" and self._clip is not None and "SecTime" in known:
            self._clip.markers.append((float(known["SecTime"]), float(known["BeatTime"])))
        elif name == "AutomationTarget" and "Id" in known and len(self._path) > 1:
            self._targets[known["Id"]] = self._parameter(self._path[-2])

    def _leave(self, name: str) -> None:
        self._path.pop()
        if name == "AudioClip" and self._clip is not None:
            self._clips.append(self._clip)
            self._clip = None

    def _parameter(self, name: str) -> str:
        main = any(track in self._path for track in _MAIN)
        return name if main and name in ("Tempo", "TimeSignature") else f"{self._track or 'Main'}/{name}"

    def _value(self, name: str, value: str) -> None:
        """An element that says one thing."""
        above = self._path[-2] if len(self._path) > 1 else ""
        match above, name:
            case "Name", "EffectiveName":
                self._track = value if len(self._path) > 2 and self._path[-3] in _TRACKS else self._track
            case ("Tempo" | "TimeSignature"), "Manual":
                self._manual[self._parameter(above)] = float(value)
            case "EnvelopeTarget", "PointeeId":
                self._lane = value
            case "Locator", "Time":
                self._locators.append((float(value), ""))
            case "Locator", "Name" if self._locators:
                self._locators[-1] = (self._locators[-1][0], value)
            case _, "CurrentEnd" if "ArrangerAutomation" in self._path:
                self._end = max(self._end, float(value))
            case _ if self._clip is not None:
                _describe(self._clip, above, name, value)

    def _event(self, known: dict[str, str]) -> None:
        """An event of a lane: it points to its parameter, or up to Live 9 stands in it."""
        self._count += 1
        if self._count > _MOST:
            raise ValueError(f"it has more than {_MOST} events")
        lane = ""
        if self._path[-4:-1] == ["AutomationEnvelope", "Automation", "Events"]:
            lane = self._lane
        elif self._path[-3:-1] == ["ArrangerAutomation", "Events"]:
            lane = f"={self._parameter(self._path[-4])}"
        value = known.get("Value", "")
        if lane and value not in ("true", "false"):
            self._lanes.setdefault(lane, []).append((float(known["Time"]), float(value)))

    def found(self) -> LiveSet:
        """What was read, put together. Raises `ValueError`."""
        if not self._is_set:
            raise ValueError("it holds no set")
        lanes: dict[str, Events] = {}
        for target, events in self._lanes.items():
            name = target[1:] if target.startswith("=") else self._targets.get(target)
            if name is not None:
                others = sum(known == name or known.startswith(f"{name} ") for known in lanes)
                lanes[f"{name} {others + 1}" if others else name] = sorted(events, key=lambda event: event[0])
        tempi = lanes.pop("Tempo", []) or [(0.0, self._manual.get("Tempo", 120.0))]
        meters = lanes.pop("TimeSignature", []) or [(0.0, self._manual.get("TimeSignature", _PLAIN_METER))]
        numbers = [number for events in (tempi, meters, *lanes.values()) for event in events for number in event]
        if not np.isfinite([*numbers, self._end, *(time for time, _ in self._locators)]).all():
            raise ValueError("a number in it is not finite")
        if not all(_SLOWEST <= tempo <= _FASTEST for _, tempo in tempi):
            raise ValueError("its tempo makes no sense")
        return LiveSet(
            tempi, [*_meters(meters)], sorted(self._locators), self._clips, lanes, self._end
        )


def _meters(events: Events) -> Iterator[tuple[float, int, int]]:
    """The time signatures: what comes before 0 holds at 0."""
    before = [value for time, value in events if time <= 0] or [events[0][1]]
    for time, value in [(0.0, before[-1]), *((time, value) for time, value in events if time > 0)]:
        power, count = divmod(int(value), 99)
        if not 0 <= power <= 4:
            raise ValueError("its time signature makes no sense")
        yield time, count + 1, 2**power


def _describe(clip: WarpedClip, above: str, name: str, value: str) -> None:
    if above == "FileRef" and name in ("Name", "Path", "RelativePath"):
        clip.files.add(PureWindowsPath(value).name.lower())
    elif above == "AudioClip" and name == "IsWarped":
        clip.is_warped = value == "true"
    elif above == "RemoteableTimeSignature" and name in ("Numerator", "Denominator"):
        number = min(99, max(1, int(value)))
        clip.meter = (number, clip.meter[1]) if name == "Numerator" else (clip.meter[0], number)
    elif above == "SampleRef" and name in ("DefaultDuration", "DefaultSampleRate"):
        if name == "DefaultDuration":
            clip.samples = float(value)
        elif float(value) > 0:
            clip.seconds = clip.samples / float(value)


def _refuse(*_: Any) -> None:
    raise ValueError("it declares a document type, as no set does")
