"""How fast a piece of music goes, on the whole and from moment to moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dreamvid.audio.levels import RATE
from dreamvid.audio.onsets import Flux

SCATTER = 1.5
"""Hops by which onsets miss the beat: players, and the raster of hops."""
SLOWEST, FASTEST = 50.0, 200.0
"""Beats per minute between which a tempo is looked for."""

_USUAL, _SPREAD = 130.0, 1.0  # beats per minute, octaves: where the beat of most music lies
_SPAN, _STEP = 8 * RATE, 2 * RATE  # hops over which a tempo is measured, and from one measurement to the next
_BAR_SPAN, _BAR_STEP = 16 * RATE, 4 * RATE  # the same, where bars are compared
_STARTS_AT_ONCE = 256
_SMOOTHED = 16  # hops, beyond which smoothing does not reach
_LAG_PARTS = 4  # of a hop
_LAG_REACH = 0.02  # by which a beat may be longer than another
_APART = 0.06  # of a tempo: what is nearer is the same
_TRIPLE = 0.97  # of music in three
_DRIFT = 0.5  # octaves by which music may be slower or faster than on the whole
_DRIFT_SPREAD = 0.3

Likeness = NDArray[np.float64]
"""(moments, lags): how like itself the sound around a moment is so many hops later."""


def measure_likeness(flux: Flux, span: int = _SPAN, step: int = _STEP) -> Likeness:
    """Return the autocorrelation of the onsets in `span` hops at every `step`th, summed over the bands.

    Band by band, so that a hi-hat after a bass drum is no repetition. Divided by the length of the overlap, so that
    long lags count as much as short ones; lags of more than half the span are left out.
    """
    span, hops = min(span, flux.shape[1]), flux.shape[1]
    starts, rows = range(0, hops - span + 1, step), []
    for group in range(0, len(starts), _STARTS_AT_ONCE):  # so that hours are not smoothed at once
        near = starts[group : group + _STARTS_AT_ONCE]
        begin, end = max(0, near[0] - _SMOOTHED), min(hops, near[-1] + span + _SMOOTHED)
        smooth = gaussian_filter1d(flux[:, begin:end], SCATTER, axis=1)
        for first in near:
            part = smooth[:, first - begin : first - begin + span]
            spectrum = np.fft.rfft(part - part.mean(1, keepdims=True), 2 * span)
            rows.append(np.fft.irfft(np.square(np.abs(spectrum)).sum(0), 2 * span)[: span // 2])
    likeness: Likeness = np.maximum(np.array(rows), 0) / (span - np.arange(span // 2))
    return likeness


def possible_tempi(flux: Flux, most: int) -> dict[float, float]:
    """Return at `most` so many tempi, likeliest first, each with how well the music repeats after its beats, 0 to 1.

    A beat alone is easily mistaken: of a syncopated pattern one and a half may be as like itself. Bars tell: the
    sound repeats after two and four beats, or after three.
    """
    likeness = measure_likeness(flux, _BAR_SPAN, _BAR_STEP).sum(0)
    if len(likeness) < 2 or not likeness[0]:
        return {}
    likeness = likeness / likeness[0]
    slow, fast = 60 * RATE / SLOWEST, 60 * RATE / FASTEST
    lags = np.arange(fast, min(slow, len(likeness) - 2) + 1e-9, 1 / _LAG_PARTS)
    if not len(lags):
        return {}
    one, two, three, four = (_repeats(likeness, lags * beats) for beats in (1, 2, 3, 4))
    two = np.where(np.isnan(two), one, two)
    three, four = (np.where(np.isnan(many), two, many) for many in (three, four))
    fits = np.maximum(one + two + four, _TRIPLE * (2 * one + three)) / 3
    weighed = fits * usualness(60 * RATE / lags)
    padded = np.pad(weighed, 1)
    peaks = np.flatnonzero((weighed >= padded[:-2]) & (weighed > padded[2:]) & (weighed > 0))
    found: dict[float, float] = {}
    for place in peaks[np.argsort(-weighed[peaks], kind="stable")].tolist():
        tempo = float(60 * RATE / lags[place])
        if all(abs(np.log(tempo / other)) > _APART for other in found):
            found[tempo] = float(fits[place])
    return dict(list(found.items())[:most])


def _repeats(likeness: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the most that there is of `likeness` near each lag, which need not be whole; NaN beyond the longest."""
    shares = np.linspace(-_LAG_REACH, _LAG_REACH, 2 * _LAG_PARTS + 1)
    places = lags[:, None] * (1 + shares)
    near = np.interp(places, np.arange(len(likeness)), likeness).max(1)
    return np.where(lags * (1 + _LAG_REACH) < len(likeness), near, np.nan)


def usualness(tempo: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return how much of the music there is has about this tempo: 1 at 130 beats per minute, 0.61 an octave away."""
    return _bell(tempo, _USUAL, _SPREAD)


def local_tempi(likeness: Likeness, tempo: float, hops: int) -> NDArray[np.float64]:
    """Return (hops,) beats per minute: the tempo near `tempo`, from moment to moment."""
    lags = _lags(tempo / 2**_DRIFT, tempo * 2**_DRIFT, likeness.shape[1])
    near = likeness[:, lags] * _bell(60 * RATE / lags, tempo, _DRIFT_SPREAD)
    tempi = np.where(near.any(1), 60 * RATE / lags[near.argmax(1)], tempo)
    centers = min(_SPAN, hops) / 2 + _STEP * np.arange(len(tempi))
    return np.interp(np.arange(hops), centers, tempi)


def _lags(slowest: float, fastest: float, end: int) -> NDArray[np.int64]:
    """Return the lags between two tempi, in hops, short of `end`."""
    return np.arange(int(60 * RATE / fastest), min(int(60 * RATE / slowest) + 1, end))


def _bell(tempo: NDArray[np.float64] | float, middle: float, octaves: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * (np.log2(tempo / middle) / octaves) ** 2))
