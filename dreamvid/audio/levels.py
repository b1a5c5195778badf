"""How loud a sound is over time, overall and by frequency bands, as envelopes in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft
from scipy.signal import ShortTimeFFT, get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.framing import HOP, Decimator, Framer, WindowMeter, count_hops
from dreamvid.audio.framing import RATE as RATE

Curve = NDArray[np.float32]  # (hops,)


class Band(NamedTuple):
    """A range of frequencies in Hz, and the window in samples that it is measured with; of every `skip`th sample."""

    low: float
    high: float
    window: int
    skip: int = 1


# Longer windows tell neighboring frequencies apart, shorter ones neighboring moments. In 2048 samples a tone is 172
# Hz wide; the gap below mid keeps those of bass drums out of it, up to 114 Hz.
BANDS = {
    "rms": Band(20, 20_000, 2048),
    "bass": Band(20, 150, 4096),
    "mid": Band(200, 2_000, 2048),
    "high": Band(2_000, 16_000, 2048),
}
_WIDTH = 352_256  # Hz · samples: how wide a tone is under a window, times the window's length
_BLUR = 1.75  # of a band's width: a tone may be so much wider than the band it lies in
_WINDOWS = (1024, 2048, 4096, 8192)
_HALF_WIDTH = 0.172  # of a Blackman-Harris window, from its middle to half its height
_GRAIN = 63  # samples added up first, where a sound is measured by its samples: a seventh of a hop
_CHUNK = 1024  # hops transformed at a time: 20 MB at most
_SKIP, _HIGHEST_SKIPPED = 7, 1000.0  # samples, of which one will do for bands up to so many Hz

_QUIETEST = 1e-4  # -80 dB of full scale: below is the noise of converters and dither
_FAINTEST = 0.02  # -34 dB of the whole track: below, a band holds what leaks from others and the noise of codecs
_SPAN = RATE // 2  # hops among which the loudest is looked for
_LOUD_SHARE = 95  # per cent
_AUDIBLE = 1e-3  # of the loudest


def band_between(low: float, high: float) -> Band:
    """The band from `low` to `high`, in Hz, with the shortest window that tells it apart from its neighbors.

    Measured against Butterworth band-passes (`benchmarks/bands.py`): where a bass drum from 40 to 90 Hz rises as
    quickly, they let through three times as much of a tone at 110 Hz.
    """
    fine = (window for window in _WINDOWS if _WIDTH / window <= _BLUR * (high - low))
    window = next(fine, _WINDOWS[-1])
    if high > _HIGHEST_SKIPPED:
        return Band(low, high, window)
    return Band(low, high, 2 * _SKIP * next_fast_len(math.ceil(window / _SKIP / 2)), _SKIP)


class LevelMeter(WindowMeter):
    """Measures the root mean square of a sound in some bands, all with the same window.

    A spectrum's sum is the mean square of the sound under a Blackman-Harris window, whose side lobes lie 92 dB down
    (Harris 1978). The window lies a little before its hop, such that an attack reaches half its height when it sounds
    and not before: or a drum at the start of a frame would light up the frame before it.
    """

    def __init__(self, bands: Mapping[str, Band], window: int, skip: int = 1) -> None:
        rate, hop, length = SAMPLE_RATE / skip, HOP // skip, window // skip
        shape = get_window("blackmanharris", length).astype(np.float32)
        transform = ShortTimeFFT(shape, hop, rate, fft_mode="onesided2X", scale_to="psd", phase_shift=None)
        frequencies = np.fft.rfftfreq(length, 1 / rate)
        self._shape, self._unit = transform.win, np.float32(transform.delta_f)
        self._rows = {name: slice(*np.searchsorted(frequencies, (one.low, one.high))) for name, one in bands.items()}
        self._sums: dict[str, list[NDArray[np.float64]]] = {name: [] for name in bands}
        framer = Framer(length, length // 2 + round(_HALF_WIDTH * length), _CHUNK, mirrored=True, hop=hop)
        super().__init__(framer, None if skip == 1 else Decimator(skip, _HIGHEST_SKIPPED))
        self._window, self._hop = length, hop

    def _measure(self, windows: Samples) -> None:
        spectra = rfft(windows * self._shape, axis=1)
        spectra[:, 1:-1] *= np.sqrt(2)  # what stands at negative frequencies
        for name, rows in self._rows.items():
            part = np.ascontiguousarray(spectra[:, rows].T)
            power = np.square(part.real, dtype=np.float64)
            power += np.square(part.imag, dtype=np.float64)
            power *= self._unit
            self._sums[name].append(power.sum(0))

    def curves(self) -> dict[str, NDArray[np.float64]]:
        """(hops,) of each band, as decoded: about [0, 1]."""
        # Where the window reaches beyond the end, the sound would seem to click: the level stays as it was.
        whole = max(1, 1 + (self._framer.seen - round((0.5 - _HALF_WIDTH) * self._window)) // self._hop)
        curves = {}
        for name, sums in self._sums.items():
            curves[name] = np.sqrt(np.concatenate(sums))
            curves[name][whole:] = curves[name][whole - 1]
        return curves


class PowerMeter:
    """Measures the root mean square of a sound from its samples.

    Within a hundredth it is what `LevelMeter` measures as `rms`, in an eighth of the time: the power under a window is
    the same in time as in frequency (Parseval). Its constant part is taken off; what sounds above 20 kHz is not.
    """

    def __init__(self) -> None:
        self._left = np.empty(0, np.float32)
        self._sums: list[NDArray[np.float32]] = []
        self._squares: list[NDArray[np.float32]] = []
        self._seen = 0

    def take(self, samples: Samples) -> None:
        """See the next samples."""
        self._seen += len(samples)
        self._gather(np.concatenate([self._left, samples]))

    def end(self) -> None:
        """There are no more."""
        self._gather(np.pad(self._left, (0, _GRAIN)))

    def _gather(self, samples: Samples) -> None:
        whole = len(samples) // _GRAIN * _GRAIN
        grains = samples[:whole].reshape(-1, _GRAIN)
        self._sums.append(grains.sum(1))
        self._squares.append(np.einsum("ij,ij->i", grains, grains))
        self._left = samples[whole:]

    def curves(self) -> dict[str, NDArray[np.float64]]:
        """(hops,) of `rms`, about [0, 1]."""
        window = BANDS["rms"].window
        whole = max(1, 1 + (self._seen - round((0.5 - _HALF_WIDTH) * window)) // HOP)
        before = round((0.5 + _HALF_WIDTH) * window)
        first = -(-before // _GRAIN)  # grains before the hop, the earliest of which begins before the window
        middles = np.arange(_GRAIN / 2, window + _GRAIN, _GRAIN) - (first * _GRAIN - before)
        shape = np.interp(middles, np.arange(window) + 0.5, get_window("blackmanharris", window), left=0, right=0)
        gathered = []
        for grains, weights in ((self._squares, np.square(shape)), (self._sums, shape)):
            padded = np.pad(np.concatenate(grains), (first, len(shape)), mode="symmetric")
            views = np.lib.stride_tricks.sliding_window_view(padded, len(shape))[:: HOP // _GRAIN]
            gathered.append(views[: count_hops(self._seen)] @ weights / weights.sum() / _GRAIN)
        squares, means = gathered
        level = np.sqrt(np.maximum(squares - np.square(means), 0))
        level[whole:] = level[whole - 1]
        return {"rms": level}


def level_meters(bands: Mapping[str, Band]) -> list[LevelMeter]:
    """What measures some bands: those of one window together."""
    windows = sorted({(band.window, band.skip) for band in bands.values()})
    return [
        LevelMeter({name: band for name, band in bands.items() if (band.window, band.skip) == known}, *known)
        for known in windows
    ]


def follow(curve: NDArray[np.floating], attack: float, release: float) -> Curve:
    """Smooth (hops,) by a one-pole follower; `attack` and `release` are its time constants in seconds, up and down."""
    up, down = (1 - math.exp(-1 / (RATE * seconds)) if seconds else 1.0 for seconds in (attack, release))
    level, levels = 0.0, []
    for value in curve.tolist():
        level += (up if value > level else down) * (value - level)
        levels.append(level)
    return np.array(levels, np.float32)


def loudest(curve: NDArray[np.floating]) -> float:
    """Return how high (hops,) >= 0 usually rises: what 95 % of its half seconds stay below, silent ones left out.

    So a single bang does not make everything else faint, and a rare drum is not lost among the silence around it.
    """
    peaks = np.maximum.reduceat(curve, np.arange(0, len(curve), _SPAN))
    return float(np.percentile(peaks[peaks >= _AUDIBLE * peaks.max()], _LOUD_SHARE))


def normalize(curves: dict[str, Curve], overall: float) -> dict[str, Curve]:
    """Scale each curve to [0, 1] by its `loudest`, clipped; silence, and what is faint beside `overall`, stay low."""
    faintest = max(_FAINTEST * overall, _QUIETEST)
    return {name: np.clip(curve / max(loudest(curve), faintest), 0, 1) for name, curve in curves.items()}
