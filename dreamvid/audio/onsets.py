"""Where in a sound something begins, measured with librosa."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import ShortTimeFFT, get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.levels import HOP, RATE, Curve, hop_count
from dreamvid.errors import DreamvidError

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
_FLOOR = 1e-6  # -60 dB of the loudest band of the loudest hop
_CHUNK = 4096  # hops transformed at a time
_START_HOPS = 2  # whose window reaches before the start
_BEFORE = 80  # per cent of the time in the first second
_CUT_HOPS = 1  # whose window reaches beyond the end, where a tone would break off like a click
_NEIGHBOURHOOD = RATE // 2 + 1  # hops over which the unrest of a steady noise is taken off


def measure_flux(samples: Samples) -> Flux:
    """Return the rise of each mel band at each hop. Needs librosa.

    Before its start the sound is taken to be as it is most of the time in its first second: so a drum at 0 counts, and
    a noise or a tone that is there from the start does not.
    """
    mel = librosa_module("filters").mel(sr=SAMPLE_RATE, n_fft=_WINDOW, n_mels=_BANDS, fmin=_LOWEST, fmax=_HIGHEST)
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
    decibels = np.concatenate([before, decibels], 1)
    rise = librosa_module("onset").onset_strength_multi(
        S=decibels, sr=SAMPLE_RATE, hop_length=HOP, center=False, channels=range(_BANDS + 1)
    )
    flux = np.array(rise[:, 1:], np.float32)
    flux[:, -_CUT_HOPS:] = 0
    return flux


def onset_curve(flux: Flux) -> Curve:
    """Return (hops,) decibels: the mean rise over the bands, above what is usual around it."""
    rise = flux.mean(0)
    return np.asarray(np.maximum(rise - median_filter(rise, _NEIGHBOURHOOD, mode="constant"), 0))


def librosa_module(name: str) -> Any:
    """Import a module of librosa, late since that takes seconds. Raises DreamvidError if it cannot be had."""
    try:
        return importlib.import_module(f"librosa.{name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "librosa":
            raise DreamvidError(
                "onset and beat need librosa, which is not installed; get it with: pip install 'dreamvid[audio]'"
            ) from error
        raise _broken(error) from error
    except (ImportError, RuntimeError) as error:  # versions that do not go together; no place for compiled code
        raise _broken(error) from error


def _broken(error: Exception) -> DreamvidError:
    remedy = "install it anew with: pip install --force-reinstall 'dreamvid[audio]'"
    if "cache" in str(error):
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written to"
    return DreamvidError(f"onset and beat need librosa, which cannot be loaded ({error}); {remedy}")
