"""What a sound track says over time, and what a frame hears of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dreamvid.audio.bars import find_bars
from dreamvid.audio.beats import NO_BEATS, Beats, Times, find_beats, mean_tempo
from dreamvid.audio.decode import SAMPLE_RATE, Samples, stream_sound
from dreamvid.audio.framing import HOP, RATE, Meter, count_hops, run_meters
from dreamvid.audio.grid import COUNTED, NO_GRID, Grid
from dreamvid.audio.levels import (
    BANDS,
    Curve,
    LevelMeter,
    PowerMeter,
    band_between,
    follow,
    level_meters,
    loudest,
    normalize,
)
from dreamvid.audio.onsets import WEAKEST_ONSET, WEAKEST_RISE, FluxMeter, rise_curve
from dreamvid.audio.pitch import PitchMeter
from dreamvid.audio.sections import SectionMeter, find_sections
from dreamvid.audio.signals import Signal, Steps
from dreamvid.errors import SettingsError, did_you_mean

LEVELS = tuple(BANDS)
"""The envelopes that say how loud it is."""
ENVELOPES = (*LEVELS, "onset", "beat")
PITCH = "pitch"
BEATS, BARS, SECTIONS = "beats", "bars", "sections"
"""What keys that count them need to know."""
_OF_BARS = {BARS, "bar", "bar_phase"}
_OF_SECTIONS = {SECTIONS, "section", "since_section"}
_OF_BEATS = {BEATS, "beat", "beat_phase", *_OF_BARS, *_OF_SECTIONS}
"""What cannot be known without them."""

_LONGEST = 60  # seconds, of attack and release
_SLOWEST, _FASTEST = 20, 400  # beats per minute, given
_TINY = 1e-6  # hops: by which times may miss a hop or frame by rounding


@dataclass(frozen=True)
class SoundAnalysis:
    """Named envelopes of a sound track, on the clock of its picture: 0 is when the first frame is shown."""

    rate: int
    """Hops per second."""
    duration: float
    """Length of the sound in seconds."""
    waveform: Curve
    """(hops,) the largest absolute sample from each hop to the next, as decoded: the sound as a picture shows it."""
    envelopes: Mapping[str, Curve]
    """(hops,) float32 in [0, 1]; hop k stands for the time k / rate. Attack, release and offset are in it."""
    beat_times: Times
    """When the picture has its beats, in seconds, ascending; empty where none was looked for or found."""
    tempo: float | None
    """Beats per minute, the mean where it drifts; None where there are no beats."""
    signals: Mapping[str, Signal] = field(default_factory=dict)
    """What is known over time and is no envelope: pitch, bars, controllers, curves."""
    grid: Grid = NO_GRID
    """Beats, bars and sections, as far as they were asked for; its beats are `beat_times`."""
    sound_grid: Grid = NO_GRID
    """The same in the time of the sound, which the picture follows later or earlier by the offset; all of it."""

    def at(self, seconds: float, frame_seconds: float = 0.0) -> dict[str, float]:
        """Return all that is heard during a frame that is shown from `seconds` on for `frame_seconds`; see `value`."""
        return {name: self.value(name, seconds, frame_seconds) for name in (*self.envelopes, *self.signals)}

    def value(self, name: str, seconds: float, frame_seconds: float = 0.0) -> float:
        """Return the peak of an envelope during a frame, or what another signal says then.

        The peak, because a drum between two frames must not be missed: it is seen in the frame during which it sounds.
        So a frame at 24 a second gets the largest of what frames at 48 or 96 get in its time. With `frame_seconds` 0 it
        is the value at that moment, linear between hops. Before 0 and after the end all is 0. Raises `KeyError` for
        what is not known.
        """
        if name in self.signals:
            return self.signals[name].at(seconds, frame_seconds)
        curve = self.envelopes[name]
        first = math.ceil(seconds * self.rate - _TINY)
        last = math.ceil((seconds + frame_seconds) * self.rate - _TINY)
        before = first - seconds * self.rate  # hops from the moment to the next hop
        peak = curve[max(first, 0) : max(last, 0)].max(initial=0)
        if 0 <= first < len(curve):
            previous = curve[first - 1] if first else 0
            peak = max(peak, curve[first] + max(before, 0) * (previous - curve[first]))
        return float(peak)


def analyze_sound(
    path: Path | str,
    *,
    attack: float = 0.01,
    release: float = 0.2,
    offset: float = 0.0,
    bpm: float | None = None,
    names: Collection[str] | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
    quick: bool = False,
    grid: Grid | None = None,
) -> SoundAnalysis:
    """Measure the sound of a film or sound file; the same file gives the same numbers.

    `names` are what is wanted of `ENVELOPES`, `COUNTED`, `pitch`, `beats`, `bars`, `sections`, the names of `bands` and
    `NAME.onset` of these (None: all envelopes), and only they are computed. `bands` are (low, high) in Hz, by name.
    Envelopes rise in `attack` and fall in `release` seconds (time constants of a one-pole follower); a beat is 1 at
    once and fades in `release`. With a positive `offset` in seconds, rounded to hops, the picture reacts later. `bpm`
    lays a steady grid of beats of that tempo over the whole track instead of looking for the tempo. With a `grid`, in
    the time of the sound, its beats and bars are those of the track, and its sections where it has some.

    `quick`: the overall level is measured from samples, not from spectra, which may differ by a hundredth.

    The sound is decoded and measured in blocks. What is kept of an hour are 0.3 MB for each envelope, and 60 MB where
    beats are looked for. Raises MediaError if the file cannot be read or has no sound, SettingsError for an invalid
    name or number.
    """
    bands = bands or {}
    wanted = _check_names(ENVELOPES if names is None else names, bands)
    _check_numbers(attack, release, offset, bpm)
    meters = _Meters(wanted, bands, grid, quick=quick)
    with contextlib.closing(meters):
        samples = run_meters(stream_sound(Path(path)), meters)
    duration = samples / SAMPLE_RATE
    curves, beats = _measured(meters, wanted, count_hops(samples), attack, release, bpm, grid)
    delay = round(offset * RATE)
    sound_grid = _grid(meters, wanted, beats.times, duration, grid)
    grid = sound_grid.within(delay / RATE, duration)
    signals = grid.signals(wanted)
    if meters.pitch is not None:
        signals[PITCH] = Steps.of_hops(meters.pitch.notes(), RATE, delay)
    return SoundAnalysis(
        rate=RATE,
        duration=duration,
        waveform=meters.wave.curve(),
        envelopes={name: _delayed(curves[name], delay) for name in wanted if name in curves},
        beat_times=grid.beats,
        tempo=beats.tempo,
        signals=signals,
        grid=grid,
        sound_grid=sound_grid,
    )


def with_grid(heard: SoundAnalysis, grid: Grid, offset: float, release: float) -> SoundAnalysis:
    """Return what was heard with other beats, bars and sections, which stand in the time of the sound; see
    `analyze_sound`. Without measuring anything anew: sections are those of `grid`, if it has any, else as they were."""
    if not len(grid.sections):
        grid = replace(grid, sections=heard.sound_grid.sections, kinds=heard.sound_grid.kinds)
    delay = round(offset * RATE)
    shown = grid.within(delay / RATE, heard.duration)
    envelopes = dict(heard.envelopes)
    if "beat" in envelopes:
        envelopes["beat"] = _delayed(pulses(grid.beats, len(envelopes["beat"]), release), delay)
    return replace(
        heard,
        envelopes=envelopes,
        beat_times=shown.beats,
        tempo=mean_tempo(grid.beats),
        signals={**heard.signals, **shown.signals(heard.signals)},
        grid=shown,
        sound_grid=grid,
    )


class _WaveMeter:
    """The largest absolute sample of each hop."""

    def __init__(self) -> None:
        self._left = np.empty(0, np.float32)
        self._peaks: list[Curve] = []

    def take(self, samples: Samples) -> None:
        joined = np.concatenate([self._left, samples])
        whole = len(joined) // HOP * HOP
        self._peaks.append(np.abs(joined[:whole]).reshape(-1, HOP).max(1))
        self._left = joined[whole:]

    def end(self) -> None:
        if len(self._left):
            self._peaks.append(np.abs(self._left).max(keepdims=True))

    def curve(self) -> Curve:
        return np.concatenate(self._peaks)


class _Meters:
    """What measures the things `names` of a sound, as few of them as will do."""

    def __init__(
        self, names: Collection[str], bands: Mapping[str, tuple[float, float]], grid: Grid | None, *, quick: bool
    ) -> None:
        self.wave = _WaveMeter()
        levels = {name: band for name, band in BANDS.items() if name in names}
        self.bands = {
            name: band_between(*span) for name, span in bands.items() if {name, onset_of(name)}.intersection(names)
        }
        levels |= self.bands
        self.levels: list[LevelMeter | PowerMeter] = []
        if levels:  # the overall level is the yardstick of what counts as faint
            overall = {} if quick else {"rms": BANDS["rms"]}
            self.levels += [PowerMeter()] if quick else []
            self.levels += level_meters(overall | {name: band for name, band in levels.items() if name != "rms"})
        looks_for_beats = grid is None and not _OF_BEATS.isdisjoint(names)
        self.flux = FluxMeter() if "onset" in names or looks_for_beats else None
        looks_for = set() if grid is not None else _OF_BARS
        looks_for = looks_for if grid is not None and len(grid.sections) else looks_for | _OF_SECTIONS
        self.harmony = None if looks_for.isdisjoint(names) else SectionMeter()
        self.pitch = PitchMeter() if PITCH in names else None

    def close(self) -> None:
        if self.flux is not None:
            self.flux.close()

    def __iter__(self) -> Iterator[Meter]:
        possible: tuple[Meter | None, ...] = (self.wave, *self.levels, self.flux, self.pitch, self.harmony)
        yield from (meter for meter in possible if meter is not None)


def _measured(
    meters: _Meters,
    names: Collection[str],
    hops: int,
    attack: float,
    release: float,
    bpm: float | None,
    grid: Grid | None,
) -> tuple[dict[str, Curve], Beats]:
    """Return the envelopes `names` as the sound has them, and its beats."""
    measured = {name: curve for meter in meters.levels for name, curve in meter.curves().items()}
    levels = {name: follow(curve, attack, release) for name, curve in measured.items()}
    curves, beats = normalize(levels, loudest(levels["rms"])) if levels else {}, NO_BEATS
    for name, band in meters.bands.items():
        if onset_of(name) in names:
            rise = rise_curve(measured[name], band.window)
            curves[onset_of(name)] = _onsets(rise, attack, release, WEAKEST_RISE)
    if "onset" in names and meters.flux is not None:
        curves["onset"] = _onsets(meters.flux.onsets(), attack, release)
    if grid is not None:
        beats = Beats(grid.beats, mean_tempo(grid.beats))
    elif meters.flux is not None and not _OF_BEATS.isdisjoint(names):
        beats = find_beats(meters.flux.flux(), bpm)
    if "beat" in names:
        curves["beat"] = pulses(beats.times, hops, release)
    return curves, beats


def _grid(meters: _Meters, names: Collection[str], beats: Times, duration: float, given: Grid | None) -> Grid:
    """The beats of a sound, and as much of bars and sections as is asked for, in its own time."""
    grid = Grid(beats)
    if given is not None:
        grid = given
    elif meters.flux is not None and meters.harmony is not None:
        bars, signature = find_bars(meters.flux.flux(), beats, meters.wave.curve(), meters.harmony.chroma())
        grid = Grid(beats, bars, signature)
    if meters.harmony is not None and not _OF_SECTIONS.isdisjoint(names):
        times, kinds = find_sections(meters.harmony.features(), grid.bars, duration)
        grid = replace(grid, sections=times, kinds=kinds)
    return grid


def _onsets(rise: Curve, attack: float, release: float, weakest: float = WEAKEST_ONSET) -> Curve:
    """Return (hops,) in [0, 1] of how much something rises; what is below `weakest` is no onset to speak of."""
    onsets = follow(rise, attack, release)
    return np.asarray(np.clip(onsets / max(loudest(onsets), weakest), 0, 1), np.float32)


def pulses(times: Times, hops: int, release: float) -> Curve:
    """Return (hops,) that is 1 at the hop nearest to each beat and fades until the next."""
    times = times[times < hops / RATE]
    at_beats = np.zeros(hops, np.float32)
    at_beats[np.minimum(np.round(times * RATE).astype(int), hops - 1)] = 1
    return follow(at_beats, 0.0, release)


def _delayed(curve: Curve, hops: int) -> Curve:
    """Shift a curve by `hops`, later if positive; 0 comes in, the length stays."""
    hops = max(-len(curve), min(hops, len(curve)))
    return np.pad(curve, (max(hops, 0), max(-hops, 0)))[max(-hops, 0) :][: len(curve)]


def onset_of(band: str) -> str:
    """What the onsets of a band are called."""
    return f"{band}.onset"


def _check_names(names: Collection[str], bands: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Return the names in their usual order, each once."""
    own = (name for band in bands for name in (band, onset_of(band)))
    known = (*ENVELOPES, PITCH, *COUNTED, BEATS, BARS, SECTIONS, *own)
    for name in names:
        if name not in known:
            raise SettingsError(f"there is no envelope '{name}' ({', '.join(known)}){did_you_mean(name, known)}")
    return tuple(name for name in known if name in names)


def _check_numbers(attack: float, release: float, offset: float, bpm: float | None) -> None:
    for flag, seconds in (("attack", attack), ("release", release)):
        if not 0 <= seconds <= _LONGEST:
            raise SettingsError(f"--{flag}: must be between 0 and {_LONGEST} seconds, not {seconds:g}")
    if not math.isfinite(offset):
        raise SettingsError(f"--offset: must be a finite number of seconds, not {offset:g}")
    if bpm is not None and not _SLOWEST <= bpm <= _FASTEST:
        raise SettingsError(f"--bpm: must be between {_SLOWEST} and {_FASTEST} beats per minute, not {bpm:g}")
