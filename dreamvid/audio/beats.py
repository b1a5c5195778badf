"""When the beats of a piece of music fall.

`tracker.py` finds them for a tempo. Left alone it is a hop or two late, slips at both ends, and takes a tempo for its
double: here is what it is given, and what becomes of its beats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d

from dreamvid.audio.levels import RATE, Curve, loudest
from dreamvid.audio.onsets import LATE, LOW_BANDS, WEAKEST_ONSET, Flux, onset_curve
from dreamvid.audio.tempo import (
    FASTEST,
    SCATTER,
    local_tempi,
    measure_likeness,
    possible_tempi,
    usualness,
)
from dreamvid.audio.tracker import TIGHTNESS, track_beats

Times = NDArray[np.float64]
"""(beats,) in seconds, ascending."""

_LOW_WEIGHT = 2.0  # a hi-hat is in more bands than a bass drum, but the drum has the beat
_HASTY = 150.0  # beats per minute: more are believed only where the bass drum falls on each
_ALIKE = 0.75
_TRIED = 4  # tempi
_STRENGTH_POWER = 1.5  # how much more it matters how strong the beats are than how usual their tempo
_LEAST_FIT = 0.1  # where the tempo changes so much that nothing repeats
_STEADY_TIGHTNESS = 800.0  # where the tempo is taken to be the same throughout
_USUAL_POWER = 2.0  # how much more the usual tempo counts, of one and its half
_UNEVEN = 0.16  # of a beat, from one to the next
_ASTRAY = 0.1  # octaves
_FEWEST = 3  # beats that make a tempo
_REACH, _REACH_SHARE = 0.07, 0.2  # from where the tracker puts a beat to its onset, at most: seconds, share of a beat
_HOP_PHASES = 4  # tried, of a steady grid
_FAINT = 0.25  # of the strongest beat


class Beats(NamedTuple):
    """When the beats fall, and how many there are in a minute: None where there are not enough to tell."""

    times: Times
    tempo: float | None


NO_BEATS = Beats(np.empty(0), None)


def find_beats(flux: Flux, bpm: float | None) -> Beats:
    """Find the beats: a steady grid of `bpm` where that is given, else wherever the music has them."""
    everything, low = onset_curve(flux), onset_curve(flux[:LOW_BANDS])
    level = _level(everything)
    curve = level + _LOW_WEIGHT * _level(low)
    if bpm is not None:
        return Beats(_steady_beats(curve, bpm), bpm)
    if not level.any():
        return NO_BEATS
    times = _musical_beats(curve, low if low.any() else everything, flux)
    return Beats(times, mean_tempo(times))


def _musical_beats(curve: Curve, low: Curve, flux: Flux) -> Times:
    """Track each tempo that is possible, and return the beats of that with the strongest ones; none if it has no beat.

    Of tempi as strong, as one and its half often are, the more usual wins, and then the bass drum has the last word.
    """
    heard = uniform_filter1d(np.minimum(curve, 1 + _LOW_WEIGHT), 3)  # an onset between two hops is spread over both
    likeness = measure_likeness(flux)
    best, times, tempi = 0.0, NO_BEATS.times, np.empty(0)
    for tempo, fit in possible_tempi(flux, _TRIED).items():
        steady = np.full(len(curve), tempo)
        for near, tightness in ((local_tempi(likeness, tempo, len(curve)), TIGHTNESS), (steady, _STEADY_TIGHTNESS)):
            found = _track(curve, near, tightness)
            if not _keeps_time(found, near):
                continue
            score = _score(heard, found) * float(usualness(tempo)) ** _USUAL_POWER * (_LEAST_FIT + fit)
            if score > best:
                best, times, tempi = score, found, near
    if not best:
        return times
    tempo = float(np.median(tempi))
    if 2 * tempo <= FASTEST:
        return _track(curve, 2 * tempi) if _falls_between(low, times) else times
    if tempo > _HASTY:
        slow = _track(curve, tempi / 2)
        return slow if len(slow) and not _falls_between(low, slow) else times
    return times


def _score(heard: Curve, beats: Times) -> float:
    """Return how good beats are: strong, even, and throughout the music."""
    strength = float(_around(heard, beats).mean())
    covered = float(beats[-1] - beats[0]) * RATE / len(heard)
    return float(strength**_STRENGTH_POWER) * _evenness(beats) * covered


def _evenness(beats: Times) -> float:
    """Return how even the gaps are between beats, 1: entirely. Uneven ones run after onsets that are no beats."""
    changes = np.diff(np.log(np.diff(beats)))
    return float(np.exp(-np.square(changes).mean() / (2 * _UNEVEN**2)))


def _level(curve: Curve) -> Curve:
    """Scale an onset curve to about [0, 1]; 0 throughout where nothing in it is an onset to speak of."""
    usual = loudest(curve)
    return curve / usual if usual >= WEAKEST_ONSET else np.zeros_like(curve)


def _keeps_time(beats: Times, tempi: NDArray[np.float64]) -> bool:
    """Whether beats have the (hops,) tempi that they were tracked at, and not another that the tracker fell into."""
    gaps = np.diff(beats)
    wanted = 60 / np.interp(beats[1:] * RATE, np.arange(len(tempi)), tempi)
    return len(gaps) >= _FEWEST - 1 and bool(np.median(np.abs(np.log2(gaps / wanted))) < _ASTRAY)


def _falls_between(low: Curve, beats: Times) -> bool:
    """Whether what is low is about as strong half-way between the beats as on them: then there are twice as many."""
    if len(beats) < _FEWEST:
        return False
    strength = uniform_filter1d(low, 3)
    on = float(_around(strength, beats).mean())
    between = float(_around(strength, (beats[1:] + beats[:-1]) / 2).mean())
    return min(on, between) > _ALIKE * max(on, between)


def _around(curve: Curve, times: Times) -> Curve:
    """Return (times,) the peak of a curve within 30 ms of each."""
    places = np.round(times * RATE).astype(int).clip(0, len(curve) - 1)
    return np.asarray(maximum_filter1d(curve, 7)[places], np.float32)


def _track(curve: Curve, tempi: NDArray[np.float64], tightness: float = TIGHTNESS) -> Times:
    """Return the beats near (hops,) tempi, each at an onset if there is one, from the first two onsets to the last."""
    slowest = 60 * RATE / tempi.min()  # hops a beat
    margin = round(2 * slowest)  # of silence, so that the tracker finds nothing special about the ends
    beats = track_beats(np.pad(curve, margin), np.pad(tempi, margin, mode="edge"), tightness) - margin
    reach = max(1, round(min(_REACH * RATE, _REACH_SHARE * slowest)))
    places = np.array([_snap(beat, curve, reach) for beat in beats[(beats >= 0) & (beats < len(curve))].tolist()])
    heard = np.interp(places, np.arange(len(curve)), gaussian_filter1d(curve, 1.0, mode="constant"))
    strong = heard >= _FAINT * heard.max(initial=0)
    pairs = np.flatnonzero(strong[:-1] & strong[1:])  # a lone one may be the noise that a recording begins with
    return np.maximum(places[pairs[0] : pairs[-1] + 2] / RATE - LATE, 0) if len(pairs) else NO_BEATS.times


def _snap(beat: int, curve: Curve, reach: int) -> float:
    """Return where the likeliest onset within `reach` hops of a beat lies, between hops; or the beat, in silence."""
    near = np.arange(max(beat - reach, 0), min(beat + reach + 1, len(curve)))
    peak = int(near[np.argmax(curve[near] * np.exp(-0.5 * ((near - beat) / reach) ** 2))])
    around = np.arange(max(peak - 1, 0), min(peak + 2, len(curve)))
    weight = float(curve[around].sum())
    return float((around * curve[around]).sum()) / weight if weight else float(beat)


def mean_tempo(times: Times) -> float | None:
    """Return the slope of a line through the beats, per minute; beats that are missing do not matter."""
    if len(times) < _FEWEST:
        return None
    gaps = np.diff(times)
    numbers = np.concatenate([[0], np.cumsum(np.round(gaps / np.median(gaps)))])
    return 60 / float(np.polyfit(numbers, times, 1)[0])


def _steady_beats(curve: Curve, bpm: float) -> Times:
    """Return the beats of one tempo over the whole sound, at the phase at which most onsets lie."""
    period = 60 * RATE / bpm  # hops
    smooth = gaussian_filter1d(curve, SCATTER, mode="constant")
    grid = np.arange(0, len(curve), period)
    phases = np.arange(0, period, 1 / _HOP_PHASES)
    scores = [np.interp(grid + phase, np.arange(len(smooth)), smooth, right=0).sum() for phase in phases]
    best = int(np.argmax(scores))
    before, after = scores[best - _HOP_PHASES], scores[(best + _HOP_PHASES) % len(scores)]
    bend = 2 * scores[best] - before - after
    phase = (best + 0.5 * (after - before) / max(bend, 1e-9) * _HOP_PHASES) / _HOP_PHASES - LATE * RATE
    return np.arange(max(phase, 0), len(curve) - 1 + 1e-9, period) / RATE
