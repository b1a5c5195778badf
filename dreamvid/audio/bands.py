"""How loud a sound is in bands of frequencies that somebody has chosen, and when something begins in them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfilt

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.framing import HOP, RATE, Framer
from dreamvid.audio.levels import Curve, loudest

WEAKEST_RISE = 0.1
"""Of that from silence to full: a smaller one is no onset to speak of."""

_ORDER = 3
_CHUNK = 1024  # hops measured at a time
_COMPRESSION = 30.0  # what is 1/30 as loud as the loudest has little weight
_USUAL = RATE // 2 + 1  # hops over which the unrest of a noise is taken off


class BandMeter:
    """Measures the level of a sound in bands: (low, high) in Hz, by name.

    Through a causal Butterworth band-pass. It is half as quick as the short-time spectra of `levels`, and tells apart
    what they cannot at the same rise: nothing is seen before it sounds, as with a filter that runs both ways, and
    a bass drum from 40 to 90 Hz is at half its height in its own hop, where a spectrum as fine needs three more.
    """

    def __init__(self, bands: Mapping[str, tuple[float, float]]) -> None:
        self._bands = {name: _BandFilter(low, high) for name, (low, high) in bands.items()}

    def take(self, samples: Samples) -> None:
        """See the next samples."""
        for band in self._bands.values():
            band.take(samples)

    def end(self) -> None:
        """There are no more."""
        for band in self._bands.values():
            band.end()

    def levels(self) -> dict[str, NDArray[np.float64]]:
        """(hops,) of each band: the root mean square."""
        return {name: band.level for name, band in self._bands.items()}

    def onsets(self) -> dict[str, Curve]:
        """(hops,) of each band: how much louder it has become since the hop before, 1 for silence to full.

        As the ear has it, by the logarithm of the level (Müller 2015, "Fundamentals of Music Processing", 6.1).
        """
        return {name: _rise(band.level) for name, band in self._bands.items()}


class _BandFilter:
    def __init__(self, low: float, high: float) -> None:
        self._sections = butter(_ORDER, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
        self._state = np.zeros((len(self._sections), 2))
        # Half a period of the lowest tone, of which the square is then the same all the time.
        window = max(HOP, math.ceil(SAMPLE_RATE / (2 * low)))
        self._framer = Framer(window, window // 2, _CHUNK)
        self._parts: list[NDArray[np.float64]] = []

    def take(self, samples: Samples) -> None:
        filtered, self._state = sosfilt(self._sections, samples, zi=self._state)
        for windows in self._framer.take(np.square(filtered, dtype=np.float32)):
            self._parts.append(windows.mean(1, dtype=np.float64))

    def end(self) -> None:
        for windows in self._framer.end():
            self._parts.append(windows.mean(1, dtype=np.float64))

    @property
    def level(self) -> NDArray[np.float64]:
        return np.sqrt(np.concatenate(self._parts))


def _rise(level: NDArray[np.float64]) -> Curve:
    full = loudest(level)
    if not full:
        return np.zeros(len(level), np.float32)
    heard = np.log1p(_COMPRESSION * level / full) / math.log1p(_COMPRESSION)
    rise = np.maximum(np.diff(heard, prepend=0.0), 0)
    return np.asarray(np.maximum(rise - median_filter(rise, _USUAL, mode="constant"), 0), np.float32)
