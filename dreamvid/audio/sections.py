"""Where a piece of music changes, and which of its sections sound alike: verses and choruses, without their names.

Foote 2000, "Automatic Audio Segmentation Using a Measure of Audio Novelty" (ICME): sections meet where what comes is
like itself, what was is like itself, and the two are unlike each other.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window

from dreamvid.audio.decode import SAMPLE_RATE, Samples
from dreamvid.audio.framing import RATE, Framer, WindowMeter
from dreamvid.audio.grid import Times

Features = NDArray[np.float64]
"""(tenths of seconds, …)"""

_WINDOW = 8192  # samples: tells notes apart from 130 Hz on
_STRIDE = RATE // 10  # hops from one spectrum to the next
FEATURE_RATE = RATE // _STRIDE
"""Features a second."""
_CHUNK = 40 * _STRIDE
_LOWEST_NOTE, _HIGHEST_NOTE = 48, 96  # MIDI: between which harmony is heard
_BANDS = 12
_EDGES = np.geomspace(40, 16_000, _BANDS + 1)  # Hz, of the bands in which timbre is heard
_FLOOR = 60.0  # dB below the loudest band: silence
_CHROMA_WEIGHT = 0.5  # beside timbre: chords change within sections, too
_UNIT = 2.0  # seconds that are compared where no bars are known
_MOST = 2000  # units; of longer music several are joined
_FEWEST = 16  # units among which sections are looked for; or bars that are worth comparing
_REACH = 8  # units before and after that are compared
_LEAST_SPREAD = 5.0, 0.05  # dB, shares: features that differ less are taken to be steady
_LEAST_NOVELTY = 0.15
_ALIKE = 0.55  # of the distance between neighbors: sections nearer to each other are the same


class Sections(NamedTuple):
    """Where sections begin, in seconds, and the kind of each, from 0."""

    times: Times
    kinds: tuple[int, ...]


class SectionMeter(WindowMeter):
    """Measures timbre and harmony ten times a second."""

    def __init__(self) -> None:
        frequencies = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
        self._shape = get_window("hann", _WINDOW).astype(np.float32)
        self._edges = np.searchsorted(frequencies, _EDGES)
        notes = np.round(69 + 12 * np.log2(np.maximum(frequencies, 1e-9) / 440)).astype(int)
        heard = (notes >= _LOWEST_NOTE) & (notes < _HIGHEST_NOTE)
        self._classes = np.array([heard & (notes % 12 == pitch) for pitch in range(12)], np.float32).T
        super().__init__(Framer(_WINDOW, _WINDOW // 2, _CHUNK))
        self._rows: list[NDArray[np.float32]] = []

    def _measure(self, windows: Samples) -> None:
        power = np.square(np.abs(rfft(windows[::_STRIDE] * self._shape, axis=1)))
        bands = np.add.reduceat(power, self._edges[:-1], axis=1)
        self._rows.append(np.hstack([bands, np.sqrt(power) @ self._classes]).astype(np.float32))

    def chroma(self) -> Features:
        """(tenths of seconds, 12): the shares of the twelve notes."""
        return self.features()[:, _BANDS:]

    def features(self) -> Features:
        """(tenths of seconds, features): levels of bands in dB, and the shares of the twelve notes."""
        rows = np.concatenate(self._rows).astype(np.float64)
        power, chroma = rows[:, :_BANDS], rows[:, _BANDS:]
        level = 10 * np.log10(np.maximum(power, 1e-12))
        level = np.maximum(level, level.max() - _FLOOR)
        shares = chroma / np.maximum(chroma.sum(1, keepdims=True), 1e-9)
        return np.hstack([level, shares])


def find_sections(features: Features, bars: Times, duration: float) -> Sections:
    """Find the sections of music of which `SectionMeter` gives the features; they begin with its bars, if it has any.

    The first begins at 0. There is one where the music is too short to tell.
    """
    edges = _units(bars, duration)
    if len(edges) - 1 < _FEWEST:
        return Sections(np.zeros(1), (0,))
    places = np.clip(np.round(edges * FEATURE_RATE).astype(int), 0, len(features))
    units = np.array(
        [features[min(a, len(features) - 1) : max(a + 1, b)].mean(0) for a, b in itertools.pairwise(places.tolist())]
    )
    units = _scaled(units)
    cuts = _cuts(_novelty(units))
    return Sections(np.concatenate([[0.0], edges[cuts]]), _kinds(units, cuts))


def _units(bars: Times, duration: float) -> Times:
    """The edges of what is compared: bars, or stretches of two seconds."""
    step = float(np.median(np.diff(bars))) if len(bars) >= _FEWEST else _UNIT
    known = bars[bars < duration] if len(bars) >= _FEWEST else np.zeros(1)
    # Where the beats stop, what is compared goes on.
    edges = np.concatenate([np.arange(known[0], 0, -step)[:0:-1], known, np.arange(known[-1], duration, step)[1:]])
    return np.asarray(np.append(edges[:: max(1, len(edges) // _MOST)], duration), np.float64)


def _scaled(units: Features) -> Features:
    """Features that each count as much, but harmony less; those that hardly change count hardly."""
    spread = np.maximum(units.std(0), np.r_[np.full(_BANDS, _LEAST_SPREAD[0]), np.full(12, _LEAST_SPREAD[1])])
    weights = np.r_[np.ones(_BANDS), np.full(12, _CHROMA_WEIGHT)]
    return np.asarray((units - units.mean(0)) / spread * weights, np.float64)


def _novelty(units: Features) -> NDArray[np.float64]:
    """Return (units,): how unlike what comes is to what was, 0 to 1."""
    reach = max(2, min(_REACH, len(units) // 4))
    squares = np.square(units).sum(1)
    found = np.zeros(len(units))
    scale = float(np.median(squares)) or 1.0
    shape = np.exp(-0.5 * np.square((np.arange(reach) + 0.5) / (0.6 * reach)))
    for place in range(2, len(units) - 1):
        before, after = units[max(0, place - reach) : place][::-1], units[place : place + reach]
        near, far = shape[: len(before)], shape[: len(after)]
        within = (_likeness(before, before, near, near, scale) + _likeness(after, after, far, far, scale)) / 2
        found[place] = within - _likeness(before, after, near, far, scale)
    return found


def _likeness(
    first: Features, second: Features, near: NDArray[np.float64], far: NDArray[np.float64], scale: float
) -> float:
    distance = np.square(first[:, None] - second[None]).sum(2)
    weights = near[:, None] * far[None]
    return float((np.exp(-distance / (2 * scale)) * weights).sum() / weights.sum())


def _cuts(novelty: NDArray[np.float64]) -> NDArray[np.int64]:
    """The units with which sections begin: peaks that stand alone."""
    reach = max(2, min(_REACH, len(novelty) // 4)) // 2
    cuts = [
        place
        for place in range(reach, len(novelty) - reach + 1)
        if place < len(novelty)
        and novelty[place] > _LEAST_NOVELTY
        and novelty[place] == novelty[max(0, place - reach) : place + reach + 1].max()
    ]
    return np.array(cuts, np.int64)


def _kinds(units: Features, cuts: NDArray[np.int64]) -> tuple[int, ...]:
    """The kind of each section: that of an earlier one that is like it, else a new one."""
    means = [part.mean(0) for part in np.split(units, cuts)]
    if len(means) == 1:
        return (0,)
    gaps = [float(np.linalg.norm(a - b)) for a, b in itertools.pairwise(means)]
    bound = _ALIKE * float(np.median(gaps))
    known: list[NDArray[np.float64]] = []
    kinds: list[int] = []
    for number, mean in enumerate(means):
        distances = [float(np.linalg.norm(mean - other)) for other in known]
        nearest = int(np.argmin(distances)) if known else 0
        if known and distances[nearest] < bound and (not number or nearest != kinds[-1]):
            kinds.append(nearest)
        else:
            kinds.append(len(known))
            known.append(mean)
    return tuple(kinds)
