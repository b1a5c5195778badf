"""Where in a sound something begins."""

from __future__ import annotations

import math
import tempfile

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.ndimage import median_filter
from scipy.signal import ShortTimeFFT, get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.framing import HOP, RATE, Framer, WindowMeter
from dreamvid.audio.levels import Curve, loudest

Flux = NDArray[np.float32]
"""(bands, hops): by how many decibels each mel band has risen since the hop before, falls being 0."""

LOW_BANDS = 3
"""The bands up to about 300 Hz, where the bass drum is."""
WEAKEST_ONSET = 2.5
"""Decibels: a smaller rise over all bands, as steady noise has now and then, is no onset to speak of."""
WEAKEST_RISE = 0.35
"""Of a band from silence to full: a smaller one within a hop is no onset to speak of."""
LATE = 0.005
"""Seconds after an onset at which the rise is steepest; measured on clicks and drums."""

_WINDOW = 1024  # samples: short, since it is the moment that counts
_DELAY = 352  # samples from a window's middle to its hop, so that nothing is seen before it sounds
_BANDS, _LOWEST, _HIGHEST = 40, 30, 16_000  # Hz
_KNEE, _MEL_STEP, _LOG_STEP = 1000.0, 200 / 3, math.log(6.4) / 27  # Hz, Hz a mel, and above the knee
_AHEAD = 4096  # samples of a window that sees an attack one hop ahead; measured on drums
_COMPRESSION = 30.0  # of a band's level: what is 1/30 as loud as the loudest has little weight
_FLOOR = 1e-6  # -60 dB of the loudest band of the loudest hop
_CHUNK = 4096  # hops transformed at a time
_KEPT = 2**27  # bytes in memory of what waits for the end
_START_HOPS = 2  # whose window reaches before the start
_BEFORE = 80  # per cent of the time in the first second
_CUT_HOPS = 1  # whose window reaches beyond the end, where a tone would break off like a click
_NEIGHBOURHOOD = RATE // 2 + 1  # hops over which the unrest of a steady noise is taken off


class FluxMeter(WindowMeter):
    """Measures the rise of each mel band at each hop.

    Before its start the sound is taken to be as it is most of the time in its first second: so a drum at 0 counts, and
    a noise or a tone that is there from the start does not.
    """

    def __init__(self) -> None:
        shape = get_window("hann", _WINDOW).astype(np.float32)
        self._shape = ShortTimeFFT(shape, HOP, SAMPLE_RATE, scale_to="magnitude", phase_shift=None).win
        self._mel = _mel_bands()
        super().__init__(Framer(_WINDOW, _WINDOW // 2 + _DELAY, _CHUNK))
        # What counts as faint is known at the end, and ten hours of this are a gigabyte.
        self._powers = tempfile.SpooledTemporaryFile(max_size=_KEPT)  # noqa: SIM115 - `close` does
        self._hops: list[int] = []
        self._loudest = 0.0
        self._rises: list[Flux] = []

    def _measure(self, windows: Samples) -> None:
        spectra = np.ascontiguousarray(rfft(windows * self._shape, axis=1).T)
        power = np.square(spectra.real, dtype=np.float64)
        power += np.square(spectra.imag, dtype=np.float64)
        power = self._mel @ power
        self._loudest = max(self._loudest, float(power.max()))
        self._hops.append(power.shape[1])
        self._powers.write(power.tobytes())

    def end(self) -> None:
        """There are no more."""
        super().end()
        self._powers.seek(0)
        floor, last = max(self._loudest * _FLOOR, 1e-20), None
        for hops in self._hops:
            power = np.frombuffer(self._powers.read(8 * _BANDS * hops)).reshape(_BANDS, hops)
            decibels = 10 * np.log10(np.maximum(power, floor))
            if last is None:
                last = np.percentile(decibels[:, :RATE], _BEFORE, 1, keepdims=True).astype(np.float32)
                decibels[:, :_START_HOPS] = np.maximum(decibels[:, :_START_HOPS], last)
            self._rises.append(np.maximum(np.diff(decibels, axis=1, prepend=last), 0).astype(np.float32))
            last = decibels[:, -1:]
        self.close()

    def close(self) -> None:
        """Let go of what was kept for the end; may be called more than once, and where there was no end."""
        self._powers.close()

    def flux(self) -> Flux:
        """All of it; ten hours take 0.6 GB."""
        if len(self._rises) > 1:  # each part goes as soon as it is in its place
            flux, first = np.empty((_BANDS, sum(part.shape[1] for part in self._rises)), np.float32), 0
            self._rises.reverse()
            while self._rises:
                part = self._rises.pop()
                flux[:, first : first + part.shape[1]] = part
                first += part.shape[1]
            self._rises = [flux]
        self._rises[0][:, -_CUT_HOPS:] = 0
        return self._rises[0]

    def onsets(self) -> Curve:
        """`onset_curve` of all bands, without putting the whole together."""
        rise = np.concatenate([part.mean(0) for part in self._rises])
        rise[-_CUT_HOPS:] = 0
        return _above_usual(rise)


def onset_curve(flux: Flux) -> Curve:
    """Return (hops,) decibels: the mean rise over the bands, above what is usual around it."""
    return _above_usual(flux.mean(0))


def rise_curve(level: NDArray[np.floating], window: int) -> Curve:
    """Return (hops,): how much louder a band has just become, 1 from silence to its loudest.

    As the ear has it, by the logarithm of the level: Müller 2015, "Fundamentals of Music Processing", 6.1. That is
    steepest where the `window`, in samples, that the level was measured with has just reached the attack: the curve
    is so much later that nothing is seen before it sounds.
    """
    late = window // _AHEAD
    full = loudest(level)
    if not full:
        return np.zeros(len(level), np.float32)
    heard = np.log1p(_COMPRESSION * level / full) / math.log1p(_COMPRESSION)
    heard = np.pad(heard, (late + 1 + late, 0), mode="edge")
    return _above_usual(np.maximum(heard[1 + late :] - heard[: -1 - late], 0)[: len(level)])


def _above_usual(rise: NDArray[np.floating]) -> Curve:
    return np.asarray(np.maximum(rise - median_filter(rise, _NEIGHBOURHOOD, mode="constant"), 0), np.float32)


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
