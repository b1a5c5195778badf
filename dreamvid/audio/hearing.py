"""All that the schedules of a render follow, on one clock: the sound, its stems, bands, scores and curves."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from dreamvid.audio.analysis import (
    BARS,
    BEATS,
    ENVELOPES,
    PITCH,
    SECTIONS,
    SoundAnalysis,
    analyze_sound,
    onset_of,
    pulses,
)
from dreamvid.audio.beats import mean_tempo
from dreamvid.audio.curves import read_curve
from dreamvid.audio.framing import RATE
from dreamvid.audio.grid import COUNTED, Grid
from dreamvid.audio.gridfile import read_grid
from dreamvid.audio.score import BEND, Part, Score, read_scores
from dreamvid.audio.signals import Signal, Steps, Struck
from dreamvid.config.sound import SoundSettings
from dreamvid.schedule.names import HIGHEST, PLAYED, PLAYED_VARIABLES

SECTIONAL = frozenset({"section", "since_section", SECTIONS})
"""What needs sections."""
_COUNTING = {"beat", BEATS, BARS, *COUNTED, *SECTIONAL}
"""What a grid tells."""

_PLAYED = re.compile(
    rf"(?:(?P<part>\w+)\.)?(?P<kind>{'|'.join((*PLAYED, *PLAYED_VARIABLES))})(?:\((?P<low>\d+)(?:, (?P<high>\d+))?\))?"
)


@dataclass(frozen=True)
class Wanted:
    """What is to be heard, by where it comes from; names of a stem stand without its own."""

    sound: tuple[str, ...] = ()
    stems: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()

    @classmethod
    def sort(cls, names: Collection[str], settings: SoundSettings) -> Wanted:
        """Sort `names`, all of which the settings declare, or that stand in any expression."""
        declared = settings.declared
        stems: dict[str, list[str]] = {}
        sound, notes, curves = [], [], []
        for name in sorted(names):
            first, point, rest = name.partition(".")
            if name in declared.curves:
                curves.append(name)
            elif _PLAYED.fullmatch(name):
                notes.append(name)
            elif point and first in declared.stems:
                stems.setdefault(first, []).append(rest)
            else:
                sound.append(name)
        return cls(
            tuple(sound), tuple((stem, tuple(rest)) for stem, rest in stems.items()), tuple(notes), tuple(curves)
        )


def all_names(settings: SoundSettings, score: Score | None) -> list[str]:
    """All that there is to hear: of a score the notes and controllers that occur in it. The pitch is that of stems, for
    a whole song has none."""
    declared = settings.declared
    names = [*ENVELOPES, *declared.bands, *(onset_of(band) for band in declared.bands)]
    names += [*COUNTED, BARS, SECTIONS]
    names += [f"{stem}.{name}" for stem in declared.stems for name in (*ENVELOPES, PITCH)]
    if score is not None:
        notes = sorted({note.number for part in score.parts for note in part.notes})
        controls = sorted({one.number for part in score.parts for one in part.changes} - {BEND})
        names += [f"note({number})" for number in notes] + [f"cc({number})" for number in controls]
        names += PLAYED_VARIABLES
    return [*names, *declared.curves]


def hear(settings: SoundSettings, names: Collection[str], sound: Path | None, fps: Fraction | float) -> SoundAnalysis:
    """Measure what is called `names` in expressions, and nothing else; `beats` are those of `sound`.

    `sound` may be None where nothing of it is wanted. `fps` is the film's, by which curves in frames are read. Files of
    different lengths and rates begin together, and after its end each is silent. Raises `MediaError` or
    `SettingsError`.
    """
    wanted = Wanted.sort(names, settings)
    grid = given_grid(settings, sound) if _COUNTING.intersection(wanted.sound) else None
    if sound is None:
        heard = _silent(settings, wanted.sound, grid)
    else:
        heard = _analyze(settings, sound, wanted.sound, "", grid)
    files = {stem.name: stem.path for stem in settings.stem or ()}
    for stem, own in wanted.stems:
        part = _analyze(settings, files[stem], own, stem)
        heard = replace(
            heard,
            duration=max(heard.duration, part.duration),
            envelopes={**heard.envelopes, **{f"{stem}.{name}": curve for name, curve in part.envelopes.items()}},
            signals={**heard.signals, **{f"{stem}.{name}": one for name, one in part.signals.items()}},
        )
    signals: dict[str, Signal] = dict(heard.signals)
    if wanted.notes:
        score = scores_of(settings)
        if score is None:
            raise ValueError(f"{wanted.notes} are declared by a score")
        signals |= {name: play(score, name, settings.release) for name in wanted.notes}
    signals |= {curve.name: read_curve(curve, fps) for curve in settings.curve or () if curve.name in wanted.curves}
    return replace(heard, signals=signals)


def scores_of(settings: SoundSettings) -> Score | None:
    """What the settings' MIDI files play, as late as the picture is to follow; None where there are none.

    Raises `MediaError`, or `SettingsError` where mido is not installed.
    """
    if settings.midi is None:
        return None
    return read_scores(settings.midi, (settings.midi_offset or 0.0) + settings.offset)


def _empty() -> SoundAnalysis:
    return SoundAnalysis(RATE, 0.0, np.zeros(0, np.float32), {}, np.empty(0), None)


def given_grid(settings: SoundSettings, sound: Path | None = None) -> Grid | None:
    """The beats and bars that need not be looked for in `sound`: those of `--beats`, or where no tempo is given those
    of the score, if it tells its tempo. Raises `MediaError` or `SettingsError`."""
    if settings.beats is not None:
        return read_grid(settings.beats, sound)
    if settings.bpm is not None or settings.midi is None:
        return None
    score = read_scores(settings.midi, settings.midi_offset or 0.0)
    return Grid(score.beats, score.bars, " and ".join(score.signatures)) if score.tells_tempo else None


def needs_a_sound(settings: SoundSettings, names: Collection[str]) -> bool:
    """Whether a sound must be heard for those of `names` that come from one: a grid may tell them as well."""
    wanted = set(Wanted.sort(names, settings).sound)
    if not wanted or not wanted <= _COUNTING:
        return bool(wanted)
    grid = given_grid(settings)
    return grid is None or (not len(grid.sections) and not wanted.isdisjoint(SECTIONAL))


def _silent(settings: SoundSettings, names: Collection[str], grid: Grid | None) -> SoundAnalysis:
    """What a grid alone tells."""
    if grid is None:
        return _empty()
    length = float(max([0.0, *grid.beats[-1:].tolist()])) + abs(settings.offset) + 1
    grid = grid.within(round(settings.offset * RATE) / RATE, length)
    curves = {"beat": pulses(grid.beats, round(length * RATE) + 1, settings.release)} if "beat" in names else {}
    heard = replace(_empty(), envelopes=curves, beat_times=grid.beats, tempo=mean_tempo(grid.beats))
    return replace(heard, signals=grid.signals(names), grid=grid)


def _analyze(
    settings: SoundSettings, path: Path, names: Collection[str], stem: str, grid: Grid | None = None
) -> SoundAnalysis:
    bands = {band.name.rpartition(".")[2]: (band.low, band.high) for band in settings.band or () if band.stem == stem}
    return analyze_sound(
        path,
        attack=settings.attack,
        release=settings.release,
        offset=settings.offset,
        bpm=settings.bpm,
        names=names,
        bands=bands,
        quick=bool(stem),
        grid=grid,
    )


def play(score: Score, name: str, release: float) -> Signal:
    """What a name such as `note(36)` or `lead.velocity` stands for. Raises `SettingsError` for a part that is not
    there."""
    found = _PLAYED.fullmatch(name)
    if found is None:
        raise ValueError(f"'{name}' is not played")
    parts = score.among(found["part"] or "")
    low = int(found["low"] or 0)
    high = int(found["high"] or found["low"] or HIGHEST)
    match found["kind"]:
        case "note":
            notes = [note for part in parts for note in part.notes if low <= note.number <= high]
            return Struck([n.start for n in notes], [n.end for n in notes], [n.velocity for n in notes], release)
        case "velocity":
            # Of notes struck together the hardest counts.
            struck = sorted((note.start, note.velocity) for part in parts for note in part.notes)
            return Steps(np.array([at for at, _ in struck]), np.array([how for _, how in struck]))
        case "cc":
            return _changes(parts, low)
    return _changes(parts, BEND)


def _changes(parts: Collection[Part], number: int) -> Steps:
    changes = sorted(
        (one.time, at, one.value) for part in parts for at, one in enumerate(part.changes) if one.number == number
    )
    return Steps(np.array([time for time, _, _ in changes]), np.array([value for _, _, value in changes]))
