"""Which beats begin a bar, and how many there are in one.

Music repeats bar by bar: what is struck around a beat is most like what is struck so many beats later. Bars begin
where most begins: with the bass drum, with what is loudest, and with a new chord.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from dreamvid.audio.framing import RATE
from dreamvid.audio.grid import Times
from dreamvid.audio.levels import Curve
from dreamvid.audio.onsets import LATE, LOW_BANDS, Flux
from dreamvid.audio.sections import FEATURE_RATE, Features

_NEAR = 9  # hops, of which the strongest counts
_FEWEST = 6  # beats among which bars are looked for
_WEIGHTS = (1.0, 0.4, 0.7, 1.0)  # of what begins low, of all that begins, of loudness, of a change of harmony
_LEAST, _LEAST_LOW = 0.25, 0.5  # of the mean: by how much beats differ; of what is low more, for it may be a leak
_FIRST_BONUS = 0.1  # music usually begins with a bar
_TRIPLE_MARGIN = 0.05  # by which three beats must repeat better than four
_SIX_MARGIN = 0.08  # and six better than three
_THIRDS = 0.25  # of a beat's strength: that of thirds of a beat that are struck

Strengths = NDArray[np.float64]


class Bars(NamedTuple):
    """Where bars begin, in seconds, and the time signature."""

    times: Times
    signature: str | None


def find_bars(flux: Flux, beats: Times, wave: Curve, chroma: Features) -> Bars:
    """Find the bars of music in 3/4, 4/4 or 6/8 that has these beats, steady in its meter.

    `wave` are the largest samples (hops,), `chroma` the shares of the twelve notes (tenths of seconds, 12).
    """
    if len(beats) < _FEWEST:
        return Bars(beats[:0], None)
    struck = np.hstack([_at(flux, _between(beats, share)) for share in (0.0, 0.5)])
    likeness = {lag: _likeness(struck, lag) for lag in (2, 3, 4, 6)}
    loud = maximum_filter1d(wave, _NEAR)[np.round(beats * RATE).astype(int).clip(0, len(wave) - 1)]
    accents = _accents(_at(flux, beats), np.asarray(loud, np.float64), _changes(chroma, beats))
    # Where nothing repeats, as from one click to the next, bars are of four.
    if likeness[3] > max(likeness[4], 0.0) + _TRIPLE_MARGIN:
        if likeness[6] > likeness[3] + _SIX_MARGIN:
            return Bars(beats[_phase(accents, 6) :: 6], "6/8")
        first = _phase(accents, 3)
        return Bars(beats[first::3], "6/8" if _halves(flux, beats, first) else "3/4")
    if _is_in_thirds(flux, beats):
        return Bars(beats[_phase(accents, 2) :: 2], "6/8")
    return Bars(beats[_phase(accents, 4) :: 4], "4/4")


def _between(beats: Times, share: float) -> Times:
    """The times so far from each beat to the next; none for the last."""
    return np.asarray(beats[:-1] + share * np.diff(beats), np.float64)


def _at(flux: Flux, times: Times) -> Strengths:
    """Return (times, bands): what begins around each time."""
    hops = np.round((times + LATE) * RATE).astype(int).clip(0, flux.shape[1] - 1)
    strongest = np.zeros((flux.shape[0], len(hops)), np.float32)
    for away in range(-(_NEAR // 2), _NEAR // 2 + 1):
        np.maximum(strongest, flux[:, (hops + away).clip(0, flux.shape[1] - 1)], out=strongest)
    return np.asarray(strongest.T, np.float64)


def _likeness(struck: Strengths, lag: int) -> float:
    """Return how like each other (times, …) are `lag` apart, −1 to 1."""
    if len(struck) <= lag:
        return -1.0
    apart = struck - struck.mean(0)
    first, second = apart[:-lag], apart[lag:]
    norm = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float((first * second).sum()) / norm if norm else 0.0


def _changes(chroma: Features, beats: Times) -> Strengths:
    """Return (beats,): how unlike the notes of each beat are to those of the one before."""
    edges = np.append(beats, beats[-1] + np.median(np.diff(beats)))
    places = np.ceil(edges * FEATURE_RATE).astype(int).clip(0, len(chroma) - 1)
    notes = np.array([chroma[a : max(a + 1, b)].mean(0) for a, b in itertools.pairwise(places.tolist())])
    return np.asarray(np.abs(np.diff(notes, axis=0, prepend=notes[:1])).sum(1), np.float64)


def _accents(struck: Strengths, loud: Strengths, changes: Strengths) -> Strengths:
    """Return (beats,): how much begins there, beside other beats."""
    parts = (struck[:, :LOW_BANDS].mean(1), struck.mean(1), loud, changes)
    # What hardly differs from beat to beat counts hardly.
    least = (_LEAST_LOW * parts[0].mean(), _LEAST * struck.mean(), _LEAST * loud.mean(), _LEAST)
    apart = [
        (part - part.mean()) / (max(float(part.std()), float(floor)) or 1.0)
        for part, floor in zip(parts, least, strict=True)
    ]
    return np.asarray(np.sum([weight * part for weight, part in zip(_WEIGHTS, apart, strict=True)], 0))


def _phase(accents: Strengths, beats: int) -> int:
    """The number of the first beat that begins a bar of so many beats."""
    scores = [float(accents[first::beats].mean()) for first in range(min(beats, len(accents)))]
    scores[0] += _FIRST_BONUS
    return int(np.argmax(scores))


def _halves(flux: Flux, beats: Times, first: int) -> bool:
    """Whether bars of three beats fall into two halves rather than three thirds: then they are six eighths."""
    middle = _at(flux, _between(beats, 0.5)[first + 1 :: 3]).mean()
    others = [_at(flux, beats[first + number :: 3]).mean() for number in (1, 2)]
    return bool(middle > max(others))


def _is_in_thirds(flux: Flux, beats: Times) -> bool:
    """Whether beats are struck in three, all three: in swung ones the second is not."""
    whole, second, third, half = (_at(flux, _between(beats, share)).mean() for share in (0, 1 / 3, 2 / 3, 0.5))
    return bool(min(second, third) > max(_THIRDS * whole, half))
