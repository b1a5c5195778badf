"""Where in a sound something begins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import ShortTimeFFT, get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.levels import HOP, RATE, Curve, hop_count

Flux = NDArray[np.float32]
"""(bands, hops): by how many decibels each mel band has risen since the hop before, falls being 0."""

LOW_BANDS = 3
"""The bands up to about 300 Hz, where the bass drum is."""
WEAKEST_ONSET = 2.5
"""Decibels: a smaller rise over all bands, as steady noise has now and then, is no onset to speak of."""
LATE = 0.005
"""Seconds after an onset at which the rise is steepest; measured on clicks and drums."""

_WINDOW = 1024  # samples: short, since it is the moment that counts
_DELAY = 352  # samples from a window's middle to its hop, so that nothing is seen before it sounds
_BANDS, _LOWEST, _HIGHEST = 40, 30, 16_000  # Hz
_KNEE, _MEL_STEP, _LOG_STEP = 1000.0, 200 / 3, math.log(6.4) / 27  # Hz, Hz a mel, and above the knee
_FLOOR = 1e-6  # -60 dB of the loudest band of the loudest hop
_CHUNK = 4096  # hops transformed at a time
_START_HOPS = 2  # whose window reaches before the start
_BEFORE = 80  # per cent of the time in the first second
_CUT_HOPS = 1  # whose window reaches beyond the end, where a tone would break off like a click
_NEIGHBOURHOOD = RATE // 2 + 1  # hops over which the unrest of a steady noise is taken off


def measure_flux(samples: Samples) -> Flux:
    """Return the rise of each mel band at each hop.

    Before its start the sound is taken to be as it is most of the time in its first second: so a drum at 0 counts, and
    a noise or a tone that is there from the start does not.
    """
    mel = _mel_bands()
    shape = get_window("hann", _WINDOW).astype(np.float32)
    transform = ShortTimeFFT(shape, HOP, SAMPLE_RATE, scale_to="magnitude", phase_shift=None)
    padded = np.pad(samples, _WINDOW)
    parts, hops = [], hop_count(samples)
    for first in range(0, hops, _CHUNK):
        count = min(_CHUNK, hops - first)
        part = padded[first * HOP : (first + count) * HOP + 2 * _WINDOW]
        parts.append(mel @ transform.spectrogram(part, p0=0, p1=count, k_offset=_WINDOW - _DELAY))
    power = np.concatenate(parts, 1)
    decibels = 10 * np.log10(np.maximum(power, max(float(power.max()) * _FLOOR, 1e-20)))
    before = np.percentile(decibels[:, :RATE], _BEFORE, 1, keepdims=True).astype(np.float32)
    decibels[:, :_START_HOPS] = np.maximum(decibels[:, :_START_HOPS], before)
    flux: Flux = np.maximum(np.diff(decibels, axis=1, prepend=before), 0).astype(np.float32)
    flux[:, -_CUT_HOPS:] = 0
    return flux


def onset_curve(flux: Flux) -> Curve:
    """Return (hops,) decibels: the mean rise over the bands, above what is usual around it."""
    rise = flux.mean(0)
    return np.asarray(np.maximum(rise - median_filter(rise, _NEIGHBOURHOOD, mode="constant"), 0))


def _mel_bands() -> NDArray[np.float32]:
    """Return the weights of triangular bands of area 1, evenly spaced on Slaney's mel scale: (bands, frequencies).

    Slaney 1998 ("Auditory Toolbox"): 66.7 Hz a step up to 1 kHz, above it 27 steps to 6.4 times the frequency.
    """
    edges = _from_mel(np.linspace(_to_mel(_LOWEST), _to_mel(_HIGHEST), _BANDS + 2))
    below, middle, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    rise, fall = (frequencies - below) / (middle - below), (above - frequencies) / (above - middle)
    return np.asarray(np.maximum(np.minimum(rise, fall), 0) * 2 / (above - below), np.float32)


def _to_mel(frequency: float) -> float:
    if frequency < _KNEE:
        return frequency / _MEL_STEP
    return _KNEE / _MEL_STEP + math.log(frequency / _KNEE) / _LOG_STEP


def _from_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE / _MEL_STEP
    return np.where(mel < knee, mel * _MEL_STEP, _KNEE * np.exp((mel - knee) * _LOG_STEP))
