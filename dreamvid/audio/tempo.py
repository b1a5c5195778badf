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
_DRIFT = 0.5  # octaves by which music may be slower or faster than on the whole
_DRIFT_SPREAD = 0.3

Likeness = NDArray[np.float64]
"""(moments, lags): how like itself the sound around a moment is so many hops later."""


def measure_likeness(flux: Flux) -> Likeness:
    """Return the autocorrelation of the onsets around every other second, summed over the bands.

    Band by band, so that a hi-hat after a bass drum is no repetition. Divided by the length of the overlap, so that
    long lags count as much as short ones; lags of more than half the span are left out.
    """
    smooth = gaussian_filter1d(flux, SCATTER, axis=1)
    span = min(_SPAN, smooth.shape[1])
    rows = []
    for first in range(0, smooth.shape[1] - span + 1, _STEP):
        part = smooth[:, first : first + span]
        spectrum = np.fft.rfft(part - part.mean(1, keepdims=True), 2 * span)
        rows.append(np.fft.irfft(np.square(np.abs(spectrum)).sum(0), 2 * span)[: span // 2])
    likeness: Likeness = np.maximum(np.array(rows), 0) / (span - np.arange(span // 2))
    return likeness


def possible_tempi(likeness: Likeness, most: int) -> list[float]:
    """Return at `most` so many tempi, likeliest first: those after one beat of which the sound is most like itself."""
    total = likeness.sum(0)
    lags = _lags(SLOWEST, FASTEST, len(total) - 1)
    peaks = lags[(total[lags] >= total[lags - 1]) & (total[lags] > total[lags + 1])]
    tempi: list[float] = (60 * RATE / peaks).tolist()
    heights = dict(zip(tempi, total[peaks].tolist(), strict=True))
    return sorted(tempi, key=lambda tempo: -heights[tempo] * usualness(tempo))[:most]


def usualness(tempo: float) -> float:
    """Return how much of the music there is has about this tempo: 1 at 130 beats per minute, 0.61 an octave away."""
    return float(_bell(tempo, _USUAL, _SPREAD))


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
