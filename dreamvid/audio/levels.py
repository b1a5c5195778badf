"""How loud a sound is over time, overall and by frequency bands, as envelopes in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT, get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples

RATE = 100
"""Hops per second: everything is measured each 10 ms."""
HOP = SAMPLE_RATE // RATE  # samples
Curve = NDArray[np.float32]  # (hops,)


class Band(NamedTuple):
    """A range of frequencies in Hz, and the window in samples that it is measured with."""

    low: float
    high: float
    window: int


# Longer windows tell neighboring frequencies apart, shorter ones neighboring moments. In 2048 samples a tone is 172
# Hz wide; the gap below mid keeps those of bass drums out of it, up to 114 Hz.
BANDS = {
    "rms": Band(20, 20_000, 2048),
    "bass": Band(20, 150, 4096),
    "mid": Band(200, 2_000, 2048),
    "high": Band(2_000, 16_000, 2048),
}
_HALF_WIDTH = 0.172  # of a Blackman-Harris window, from its middle to half its height
_CHUNK = 1024  # hops transformed at a time: 20 MB at most

_QUIETEST = 1e-4  # -80 dB of full scale: below is the noise of converters and dither
_FAINTEST = 0.02  # -34 dB of the whole track: below, a band holds what leaks from others and the noise of codecs
_SPAN = RATE // 2  # hops among which the loudest is looked for
_LOUD_SHARE = 95  # per cent
_AUDIBLE = 1e-3  # of the loudest


def hop_count(samples: Samples) -> int:
    """The number of hops of (samples,); hop k stands for the time k / RATE."""
    return len(samples) // HOP + 1


def extend(samples: Samples, count: int) -> Samples:
    """Return the samples with `count` more on both sides: mirrored and turned over, as a tone is, before; 0 after."""
    reach = min(count, len(samples) - 1)
    return np.pad(np.pad(samples, (reach, 0), mode="reflect", reflect_type="odd"), (count - reach, count))


def measure_levels(samples: Samples, names: Collection[str]) -> dict[str, Curve]:
    """Return the root mean square of the sound in the bands `names`, each (hops,) float32, as decoded: about [0, 1]."""
    curves = {}
    for window in sorted({BANDS[name].window for name in names}):
        frequencies = np.fft.rfftfreq(window, 1 / SAMPLE_RATE)
        rows = {
            name: slice(*np.searchsorted(frequencies, (band.low, band.high)))
            for name, band in BANDS.items()
            if name in names and band.window == window
        }
        sums = [[power[part].sum(0) for part in rows.values()] for power in _power_spectra(samples, window)]
        # Where the window reaches beyond the end, the sound would seem to click: the level stays as it was.
        whole = max(1, 1 + (len(samples) - round((0.5 - _HALF_WIDTH) * window)) // HOP)
        for name, parts in zip(rows, zip(*sums, strict=True), strict=True):
            curves[name] = np.sqrt(np.concatenate(parts))
            curves[name][whole:] = curves[name][whole - 1]
    return curves


def _power_spectra(samples: Samples, window: int) -> Iterator[NDArray[np.float32]]:
    """Yield the power spectra of the hops, chunk by chunk: (window // 2 + 1, hops of the chunk).

    A spectrum's sum is the mean square of the sound under a Blackman-Harris window, whose side lobes lie 92 dB down
    (Harris 1978). The window lies a little before its hop, such that an attack reaches half its height when it sounds
    and not before: or a drum at the start of a frame would light up the frame before it.
    """
    shape = get_window("blackmanharris", window).astype(np.float32)
    transform = ShortTimeFFT(shape, HOP, SAMPLE_RATE, fft_mode="onesided2X", scale_to="psd", phase_shift=None)
    padded = extend(samples, window)
    center = window - round(_HALF_WIDTH * window)
    hops = hop_count(samples)
    for first in range(0, hops, _CHUNK):
        count = min(_CHUNK, hops - first)
        part = padded[first * HOP : (first + count) * HOP + 2 * window]
        yield transform.spectrogram(part, p0=0, p1=count, k_offset=center) * np.float32(transform.delta_f)


def follow(curve: Curve, attack: float, release: float) -> Curve:
    """Smooth (hops,) by a one-pole follower; `attack` and `release` are its time constants in seconds, up and down."""
    up, down = (1 - math.exp(-1 / (RATE * seconds)) if seconds else 1.0 for seconds in (attack, release))
    level, levels = 0.0, []
    for value in curve.tolist():
        level += (up if value > level else down) * (value - level)
        levels.append(level)
    return np.array(levels, np.float32)


def loudest(curve: Curve) -> float:
    """Return how high (hops,) >= 0 usually rises: what 95 % of its half seconds stay below, silent ones left out.

    So a single bang does not make everything else faint, and a rare drum is not lost among the silence around it.
    """
    peaks = np.maximum.reduceat(curve, np.arange(0, len(curve), _SPAN))
    return float(np.percentile(peaks[peaks >= _AUDIBLE * peaks.max()], _LOUD_SHARE))


def normalize(curves: dict[str, Curve], overall: float) -> dict[str, Curve]:
    """Scale each curve to [0, 1] by its `loudest`, clipped; silence, and what is faint beside `overall`, stay low."""
    faintest = max(_FAINTEST * overall, _QUIETEST)
    return {name: np.clip(curve / max(loudest(curve), faintest), 0, 1) for name, curve in curves.items()}
