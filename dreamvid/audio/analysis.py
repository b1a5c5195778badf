"""What a sound track says over time, and what a frame hears of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamvid.audio.beats import NO_BEATS, Beats, Times, find_beats
from dreamvid.audio.decode import SAMPLE_RATE, Samples, decode_sound
from dreamvid.audio.levels import BANDS, HOP, RATE, Curve, follow, hop_count, loudest, measure_levels, normalize
from dreamvid.audio.onsets import WEAKEST_ONSET, measure_flux, onset_curve
from dreamvid.errors import SettingsError, did_you_mean

LEVELS = tuple(BANDS)
"""The envelopes that say how loud it is."""
ENVELOPES = (*LEVELS, "onset", "beat")

_LONGEST = 60  # seconds, of attack and release
_SLOWEST, _FASTEST = 20, 400  # beats per minute, given
_TINY = 1e-6  # hops: by which times may miss a hop or frame by rounding


@dataclass(frozen=True)
class SoundAnalysis:
    """Named envelopes of a sound track, on the clock of its picture: 0 is when the first frame is shown."""

    rate: int
    """Hops per second."""
    duration: float
    """Length of the sound in seconds."""
    waveform: Curve
    """(hops,) the largest absolute sample from each hop to the next, as decoded: the sound as a picture shows it."""
    envelopes: Mapping[str, Curve]
    """(hops,) float32 in [0, 1]; hop k stands for the time k / rate. Attack, release and offset are in it."""
    beat_times: Times
    """When the picture has its beats, in seconds, ascending; empty where none was looked for or found."""
    tempo: float | None
    """Beats per minute, the mean where it drifts; None where there are no beats."""

    def at(self, seconds: float, frame_seconds: float = 0.0) -> dict[str, float]:
        """Return the peak of each envelope during a frame that is shown from `seconds` on for `frame_seconds`.

        The peak, because a drum between two frames must not be missed: it is seen in the frame during which it sounds.
        So a frame at 24 a second gets the largest of what frames at 48 or 96 get in its time. With `frame_seconds` 0 it
        is the value at that moment, linear between hops. Before 0 and after the end all is 0.
        """
        first = math.ceil(seconds * self.rate - _TINY)
        last = math.ceil((seconds + frame_seconds) * self.rate - _TINY)
        before = first - seconds * self.rate  # hops from the moment to the next hop
        values = {}
        for name, curve in self.envelopes.items():
            peak = curve[max(first, 0) : max(last, 0)].max(initial=0)
            if 0 <= first < len(curve):
                previous = curve[first - 1] if first else 0
                peak = max(peak, curve[first] + max(before, 0) * (previous - curve[first]))
            values[name] = float(peak)
        return values


def analyze_sound(
    path: Path | str,
    *,
    attack: float = 0.01,
    release: float = 0.2,
    offset: float = 0.0,
    bpm: float | None = None,
    names: Collection[str] | None = None,
) -> SoundAnalysis:
    """Measure the sound of a film or sound file; the same file gives the same numbers.

    `names` are those of `ENVELOPES` that are wanted (None: all), and only they are computed. Envelopes rise in `attack`
    and fall in `release` seconds (time constants of a one-pole follower); a beat is 1 at once and fades in `release`.
    With a positive `offset` in seconds, rounded to hops, the picture reacts later. `bpm` lays a steady grid of beats of
    that tempo over the whole track instead of looking for the tempo.

    Raises MediaError if the file cannot be read or has no sound, SettingsError for an invalid name or number.
    """
    wanted = _check_names(ENVELOPES if names is None else names)
    _check_numbers(attack, release, offset, bpm)
    samples = decode_sound(Path(path))
    curves, beats = _measure(samples, wanted, attack, release, bpm)
    delay = round(offset * RATE)
    times = beats.times + delay / RATE
    duration = len(samples) / SAMPLE_RATE
    return SoundAnalysis(
        rate=RATE,
        duration=duration,
        waveform=np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), HOP)),
        envelopes={name: _delayed(curves[name], delay) for name in wanted},
        beat_times=times[(times >= 0) & (times < duration)],
        tempo=beats.tempo,
    )


def _measure(
    samples: Samples, names: Collection[str], attack: float, release: float, bpm: float | None
) -> tuple[dict[str, Curve], Beats]:
    """Return the envelopes `names` as the sound has them, and its beats."""
    # The overall level is measured always, as the yardstick of what counts as faint.
    levels = measure_levels(samples, {name for name in LEVELS if name in names} | {"rms"})
    levels = {name: follow(curve, attack, release) for name, curve in levels.items()}
    curves, beats = normalize(levels, loudest(levels["rms"])), NO_BEATS
    if "onset" in names or "beat" in names:
        flux = measure_flux(samples)
        if "onset" in names:
            onsets = follow(onset_curve(flux), attack, release)
            curves["onset"] = np.clip(onsets / max(loudest(onsets), WEAKEST_ONSET), 0, 1)
        if "beat" in names:
            beats = find_beats(flux, bpm)
            curves["beat"] = _pulses(beats.times, hop_count(samples), release)
    return curves, beats


def _pulses(times: Times, hops: int, release: float) -> Curve:
    """Return (hops,) that is 1 at the hop nearest to each beat and fades until the next."""
    at_beats = np.zeros(hops, np.float32)
    at_beats[np.minimum(np.round(times * RATE).astype(int), hops - 1)] = 1
    return follow(at_beats, 0.0, release)


def _delayed(curve: Curve, hops: int) -> Curve:
    """Shift a curve by `hops`, later if positive; 0 comes in, the length stays."""
    hops = max(-len(curve), min(hops, len(curve)))
    return np.pad(curve, (max(hops, 0), max(-hops, 0)))[max(-hops, 0) :][: len(curve)]


def _check_names(names: Collection[str]) -> tuple[str, ...]:
    """Return the names in their usual order, each once."""
    for name in names:
        if name not in ENVELOPES:
            known = ", ".join(ENVELOPES)
            raise SettingsError(f"there is no envelope '{name}' ({known}){did_you_mean(name, ENVELOPES)}")
    return tuple(name for name in ENVELOPES if name in names)


def _check_numbers(attack: float, release: float, offset: float, bpm: float | None) -> None:
    for flag, seconds in (("attack", attack), ("release", release)):
        if not 0 <= seconds <= _LONGEST:
            raise SettingsError(f"--{flag}: must be between 0 and {_LONGEST} seconds, not {seconds:g}")
    if not math.isfinite(offset):
        raise SettingsError(f"--offset: must be a finite number of seconds, not {offset:g}")
    if bpm is not None and not _SLOWEST <= bpm <= _FASTEST:
        raise SettingsError(f"--bpm: must be between {_SLOWEST} and {_FASTEST} beats per minute, not {bpm:g}")
