"""Beats by dynamic programming: Ellis 2007, "Beat Tracking by Dynamic Programming" (J. New Music Research 36)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dreamvid.audio.levels import RATE, Curve

TIGHTNESS = 100.0  # of the tempo: what a gap costs for each squared natural logarithm by which it is off
_SHARPNESS = 32  # an onset counts for the hops around it, along a Gaussian of a beat over this

Hops = NDArray[np.int64]


def track_beats(curve: Curve, tempi: NDArray[np.float64], tightness: float = TIGHTNESS) -> Hops:
    """Return the hops of the beats, ascending, of a curve of onsets (hops,) with (hops,) tempi in beats per minute.

    They are the sequence that gathers most onsets at gaps near those of the tempo: each hop's score is its own onset
    and the best of  score(before) - tightness · log²(gap / beat)  over gaps of half a beat to two. They go on into the
    silence before and after. Empty where there is no onset.
    """
    if not curve.any():
        return np.empty(0, np.int64)
    beat = np.round(60 * RATE / tempi).astype(int)  # hops
    onsets = _around_each(curve / curve.std(ddof=1), beat)
    scores, before = onsets.copy(), np.full(len(onsets), -1)
    costs = {length: _gaps(length, tightness) for length in np.unique(beat).tolist()}
    for hop, length in enumerate(beat.tolist()):
        gaps, cost = costs[length]
        gaps = gaps[: np.searchsorted(gaps, hop, side="right")]  # the start of the sound is nearer
        if not len(gaps):
            continue
        candidates = scores[hop - gaps] - cost[: len(gaps)]
        best = int(candidates.argmax())
        scores[hop] += candidates[best]
        before[hop] = hop - gaps[best]
    beats = [_last_peak(scores)]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1])


def _around_each(onsets: NDArray[np.float64], beat: Hops) -> NDArray[np.float64]:
    """Each hop's onsets, gathered from around it: a sum, not a mean."""
    gathered = np.empty(len(onsets))
    for length in np.unique(beat).tolist():
        sigma = length / _SHARPNESS
        near = gaussian_filter1d(onsets, sigma, mode="constant", radius=length)
        weight = np.exp(-0.5 * np.square(np.arange(-length, length + 1) / sigma)).sum()
        here = beat == length
        gathered[here] = near[here] * weight
    return gathered


def _gaps(length: int, tightness: float) -> tuple[Hops, NDArray[np.float64]]:
    """The gaps to a beat before, in hops, and what each costs."""
    gaps = np.arange(max(1, round(length / 2)), 2 * length + 1)
    return gaps, tightness * np.square(np.log(gaps / length))


def _last_peak(scores: NDArray[np.float64]) -> int:
    padded = np.concatenate([[np.inf], scores, [-np.inf]])
    peaks = np.flatnonzero((scores > padded[:-2]) & (scores >= padded[2:]))
    return int(peaks[-1]) if len(peaks) else int(scores.argmax())
