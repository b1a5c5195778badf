"""How high a voice or a melody is: YIN (de Cheveigné & Kawahara 2002, J. Acoust. Soc. Am. 111)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import median_filter

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.framing import HOP, Decimator, Framer, WindowMeter

LOWEST, HIGHEST = 49.0, 1760.0
"""Hz: G1 to A6, from a low voice to a high flute."""

_SKIP = 3  # samples: every third one will do for these
_PASSED, _STOPPED = 1800.0, 3400.0  # Hz
_SHORTEST = int(SAMPLE_RATE / _SKIP / HIGHEST) - 1  # lags, in samples of those
_LONGEST = int(SAMPLE_RATE / _SKIP / LOWEST) + 2
_SUM = 341  # samples that are compared with those a lag later
_WINDOW = _SUM + _LONGEST
_LENGTH = next_fast_len(_WINDOW, real=True)
_CHUNK = 256  # hops at a time
_CLEAR = 0.15  # of the mean difference: the first lag at which the sound differs less is taken
_UNCLEAR = 0.35  # where even the best lag differs more there is no pitch
_FAINT = 1e-3  # of the loudest hop's power
_NOTHING = 1e-20
_SHORT, _TIMES = 48, 4  # lags, and how many of such a period are measured
_QUIETEST = 1e-8  # -80 dB of full scale, as power
_APART = 0.5  # notes
_STEADY = 5  # hops: what lasts less than half of it is a slip
_A4, _A4_NOTE = 440.0, 69


class PitchMeter(WindowMeter):
    """Measures the pitch of a sound that has one tone at a time."""

    def __init__(self) -> None:
        super().__init__(Framer(_WINDOW, _WINDOW // 2, _CHUNK, hop=HOP // _SKIP), Decimator(_SKIP, _PASSED, _STOPPED))
        self._notes: list[NDArray[np.float32]] = []
        self._powers: list[NDArray[np.float32]] = []

    def _measure(self, windows: Samples) -> None:
        differences, power = _differences(windows - windows.mean(1, keepdims=True))
        self._notes.append(_notes(differences))
        self._powers.append(power)

    def notes(self) -> NDArray[np.float64]:
        """(hops,) the number of the MIDI note, 69 for 440 Hz, with fractions.

        Where there is no pitch the last one holds, and before the first the first; 0 where there is none at all.
        """
        notes, powers = np.concatenate(self._notes).astype(np.float64), np.concatenate(self._powers)
        notes[powers < max(_FAINT * powers.max(initial=0), _QUIETEST)] = 0
        notes = np.asarray(median_filter(notes, _STEADY))
        # Where a tone begins its first window holds only a part of it.
        before, after = np.append(0, notes[:-1]), np.append(notes[1:], 0)
        notes[(before == 0) & (after > 0) & (np.abs(notes - after) > _APART)] = 0
        voiced = np.flatnonzero(notes)
        if not len(voiced):
            return notes
        last = np.searchsorted(voiced, np.arange(len(notes)), side="right") - 1
        return np.asarray(notes[voiced[np.maximum(last, 0)]])


def _differences(windows: Samples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (hops, lags) YIN's cumulative mean normalized difference, 1 at lag 0, and (hops,) the power."""
    first = windows[:, :_SUM]
    cross = irfft(np.conj(rfft(first, _LENGTH, axis=1)) * rfft(windows, _LENGTH, axis=1), _LENGTH, axis=1)
    total = np.cumsum(np.square(windows), axis=1, dtype=np.float64)
    energy = total[:, _SUM - 1 : _SUM - 1 + _LONGEST]
    energy[:, 1:] -= total[:, : _LONGEST - 1]
    difference = energy.astype(np.float32)
    difference -= 2 * cross[:, :_LONGEST]
    difference += energy[:, :1].astype(np.float32)
    np.maximum(difference, 0, out=difference)
    means = np.cumsum(difference, axis=1)
    means /= np.maximum(np.arange(_LONGEST, dtype=np.float32), 1)
    difference[means <= _NOTHING] = 1
    difference /= np.maximum(means, _NOTHING)
    difference[:, 0] = 1
    return difference, (energy[:, 0] / _SUM).astype(np.float32)


def _notes(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (hops,) notes; 0 where there is no pitch."""
    inner = differences[:, _SHORTEST:-1]
    dips = (inner <= differences[:, _SHORTEST - 1 : -2]) & (inner < differences[:, _SHORTEST + 1 :])
    clear = dips & (inner < _CLEAR)
    best = np.where(clear.any(1), clear.argmax(1), np.where(dips, inner, np.inf).argmin(1))
    rows = np.arange(len(inner))
    voiced = dips[rows, best] & (inner[rows, best] < _UNCLEAR)
    lag = best + _SHORTEST
    period = lag + _bottom(differences, lag)
    # Of a short period some repetitions are measured, between samples as closely as one.
    times = np.where(lag < _SHORT, _TIMES, 1)
    later = np.round(times * period).astype(int)
    later += differences[rows[:, None], later[:, None] + (-1, 0, 1)].argmin(1) - 1
    period = np.where(times > 1, (later + _bottom(differences, later)) / times, period)
    hertz = SAMPLE_RATE / _SKIP / period
    return np.where(voiced, _A4_NOTE + 12 * np.log2(hertz / _A4), 0).astype(np.float32)


def _bottom(differences: NDArray[np.float32], lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (hops,): where the bottom of each hop's dip lies beside its (hops,) lag, by a parabola; −0.5 to 0.5."""
    rows = np.arange(len(differences))
    left, middle, right = (differences[rows, lags + step].astype(np.float64) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend > 0, (left - right) / (2 * np.where(bend > 0, bend, 1)), 0)
    return np.asarray(np.clip(shift, -0.5, 0.5), np.float64)
