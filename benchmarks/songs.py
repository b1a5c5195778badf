"""Songs whose beats are known because they are made here: drums, a bass and chords, straight, swung, slowing, stopping.

Nothing here is a recording, so nothing has to be fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RATE = 44_100
Sound = npt.NDArray[np.float64]
Times = npt.NDArray[np.float64]


class Song(NamedTuple):
    """A sound (samples,) at 44.1 kHz, when its beats and its bars begin in seconds, and its time signature."""

    name: str
    sound: Sound
    beats: Times
    bars: Times
    signature: str
    sections: Times


class Pattern(NamedTuple):
    """What is struck in a bar, by where in it: in beats from its start.

    Attributes:
        beats: in a bar.
        ghost: a snare struck softly.
        swing: where the half of a beat is struck: 0.5 is straight, 0.67 is swung.
        chords: in a bar, evenly spaced.
    """

    signature: str
    beats: int
    kick: Sequence[float] = ()
    snare: Sequence[float] = ()
    hat: Sequence[float] = ()
    ghost: Sequence[float] = ()
    swing: float = 0.5
    chords: int = 1


ROCK = Pattern("4/4", 4, (0, 2, 2.5), (1, 3), (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5))
TECHNO = Pattern("4/4", 4, (0, 1, 2, 3), (1, 3), (0.5, 1.5, 2.5, 3.5))
BREAK = Pattern("4/4", 4, (0, 0.5, 2.5), (1, 3), (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), (1.75, 2.25, 3.75))
SYNCOPATED = Pattern("4/4", 4, (0, 0.75, 2.5), (1, 3), tuple(np.arange(0, 4, 0.25)))
SWING = Pattern("4/4", 4, (0, 2), (1, 3), (0, 1, 1.5, 2, 3, 3.5), swing=0.67)
WALTZ = Pattern("3/4", 3, (0,), (), (1, 2))
WALTZ_ROCK = Pattern("3/4", 3, (0,), (2,), (0, 0.5, 1, 1.5, 2, 2.5))
JIG = Pattern("6/8", 2, (0,), (1,), (0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3))

_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))  # I vi IV V


def _moments(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE)) / RATE


def _place(sound: Sound, at: float, part: Sound, volume: float) -> None:
    first = round(at * RATE)
    if first >= 0:
        part = part[: max(0, len(sound) - first)]
        sound[first : first + len(part)] += volume * part


def _kick() -> Sound:
    t = _moments(0.25)
    return np.exp(-11 * t) * np.sin(2 * np.pi * (48 * t + 90 / 28 * (1 - np.exp(-28 * t))))


def _snare(random: np.random.Generator) -> Sound:
    t = _moments(0.18)
    return np.exp(-22 * t) * (0.6 * random.standard_normal(len(t)) + 0.5 * np.sin(2 * np.pi * 190 * t))


def _hat(random: np.random.Generator) -> Sound:
    t = _moments(0.06)
    return np.diff(random.standard_normal(len(t)), append=0) * np.exp(-80 * t)


def _chord(notes: Sequence[float], seconds: float, base: float = 48) -> Sound:
    t = _moments(seconds)
    fade = np.minimum(1, np.minimum(t / 0.03, (seconds - t) / 0.05))
    tones = [
        np.sin(2 * np.pi * 440 * 2 ** ((base + note - 69) / 12) * harmonic * t) / harmonic**1.5
        for note in notes
        for harmonic in (1, 2, 3)
    ]
    return np.sum(tones, 0) / 4 * fade


def make_song(
    name: str,
    pattern: Pattern,
    gaps: Sequence[float],
    *,
    first: float = 0.25,
    loose: float = 0.0,
    plan: Sequence[str] = ("A",),
    chords_only: bool = False,
) -> Song:
    """A song with so many seconds from beat to beat; whole bars are played.

    `plan`: a letter for each eighth bar group in turn, each with chords, register and drums of its own: `B` is louder
    and higher, `-` has no drums. `loose` is how far players miss, in seconds (standard deviation).
    """
    random = np.random.default_rng(7)
    count = len(gaps) // pattern.beats
    times = first + np.concatenate([[0], np.cumsum(gaps)])[: count * pattern.beats + 1]
    sound = 0.003 * random.standard_normal(round((times[-1] + 0.3) * RATE))
    places = np.arange(len(times))

    def when(beat: float) -> float:
        whole, rest = divmod(beat, 1)
        rest = pattern.swing if abs(rest - 0.5) < 1e-9 else rest
        return float(np.interp(whole + rest, places, times) + loose * random.standard_normal())

    group = -(-count // len(plan))
    sections = []
    for bar in range(count):
        part = plan[bar // group]
        if bar % group == 0:
            sections.append(times[bar * pattern.beats])
        start = bar * pattern.beats
        if part != "-" and not chords_only:
            for struck, drum, volume in (
                (pattern.kick, lambda: _kick(), 0.8),
                (pattern.snare, lambda: _snare(random), 0.45),
                (pattern.ghost, lambda: _snare(random), 0.15),
                (pattern.hat, lambda: _hat(random), 0.3 if part != "B" else 0.5),
            ):
                for beat in struck:
                    _place(sound, when(start + beat), drum(), volume)
        step = pattern.beats / pattern.chords
        for number in range(pattern.chords):
            begin, end = when(start + number * step), when(start + (number + 1) * step)
            notes = _CHORDS[(bar + number + 2 * (part == "B")) % 4]
            _place(sound, begin, _chord(notes, max(0.1, end - begin), 60 if part == "B" else 48), 0.12)
            _place(sound, begin, _chord(notes[:1], max(0.1, 0.9 * (end - begin)), 36), 0.25)
    sound /= np.abs(sound).max() / 0.9
    return Song(name, sound, times[:-1], times[: -1 : pattern.beats], pattern.signature, np.array(sections))


def steady(bpm: float, beats: int) -> list[float]:
    return [60 / bpm] * beats


def clicks(name: str, signature: str, bpm: float, bars: int, first: float = 0.5) -> Song:
    """Accented clicks, `bpm` of them a minute: the first of a bar is highest and loudest, in 6/8 the fourth less so."""
    count = int(signature[0])
    times = first + np.arange(count * bars) * 60 / bpm
    sound = np.zeros(round((times[-1] + 1) * RATE))
    t = _moments(0.03)
    for number, time in enumerate(times.tolist()):
        place = number % count
        hertz, volume = (1600, 0.9) if place == 0 else (1200, 0.65) if (count, place) == (6, 3) else (1000, 0.45)
        _place(sound, time, np.exp(-200 * t) * np.sin(2 * np.pi * hertz * t), volume)
    return Song(name, sound, times, times[::count], signature, times[:1])


def songs() -> Iterator[Song]:
    """All of them, one after the other."""
    for bpm in (84, 112, 152):
        yield make_song(f"rock {bpm}", ROCK, steady(bpm, 64), first=0.4)
    for bpm in (126, 140):
        yield make_song(f"techno {bpm}", TECHNO, steady(bpm, 64))
    for bpm in (100, 140, 165):
        yield make_song(f"breakbeat {bpm}", BREAK, steady(bpm, 64), loose=0.005)
    for bpm in (96, 118, 132):
        yield make_song(f"syncopated {bpm}", SYNCOPATED, steady(bpm, 64), loose=0.005)
    for bpm in (110, 138, 170):
        yield make_song(f"swing {bpm}", SWING, steady(bpm, 64), loose=0.008)
    for bpm in (90, 120, 174):
        yield make_song(f"waltz {bpm}", WALTZ, steady(bpm, 60), loose=0.005)
    yield make_song("waltz with drums 126", WALTZ_ROCK, steady(126, 60))
    for bpm in (56, 80, 110):
        yield make_song(f"jig {bpm}", JIG, steady(bpm, 48), loose=0.005)
    for first, last in ((100, 135), (120, 80), (90, 150)):
        gaps = (60 / np.linspace(first, last, 64)).tolist()
        yield make_song(f"ramp {first} to {last}", ROCK, gaps, loose=0.003)
    wave: Callable[[int], float] = lambda beat: 60 / (108 * (1 + 0.08 * np.sin(beat / 5)))  # noqa: E731
    yield make_song("rubato 108 ± 8 %", ROCK, [wave(beat) for beat in range(64)], loose=0.005)
    yield make_song("rubato waltz", WALTZ, [wave(beat) for beat in range(60)], loose=0.005)
    yield make_song("drop 128", TECHNO, steady(128, 128), plan=("A", "-", "B", "-", "B"))
    yield make_song("drop 174", BREAK, steady(174, 128), plan=("A", "-", "B"))
    yield make_song("chords alone 92", ROCK, steady(92, 48), chords_only=True)
    for signature, bpm in (("3/4", 120), ("4/4", 100), ("6/8", 180), ("6/8", 240), ("3/4", 180)):
        yield clicks(f"clicks {signature} {bpm}", signature, bpm, 16)
