"""Sound, beats and cuts of what is looked at, for the timeline: looked for once, and two sounds at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from dreamvid.audio import ENVELOPES
from dreamvid.audio.analysis import BARS, with_grid
from dreamvid.audio.grid import Grid
from dreamvid.audio.gridfile import read_grid
from dreamvid.audio.hearing import SECTIONAL, hear
from dreamvid.config.settings import Settings
from dreamvid.config.sound import SoundSettings
from dreamvid.errors import SettingsError
from dreamvid.media import ClipInfo
from dreamvid.shots.shots import gather_shots, watch_cuts
from dreamvid.studio.timeline import Track

HEARING = threading.BoundedSemaphore(2)
"""Held while a sound is analyzed, which takes a third of a gigabyte for half an hour of it."""
_TRACKS_KEPT = 3


class Listener:
    """Knows what was heard for one page. Safe in threads."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[object, ...], Track] = {}
        self._cuts: dict[Path, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def track(
        self, clip: ClipInfo, sound: Path | None, settings: Settings, is_wanted: Callable[[], bool], *, listen: bool
    ) -> Track:
        """What is known of a clip with a rate that goes with a sound; with `listen`, all that there is to know: also
        the bands of the settings that something follows.

        Raises `MediaError`, and `SettingsError` where it is no longer wanted.
        """
        rate = clip.rate or Fraction(1)
        grid = None if settings.beats is None else read_grid(settings.beats, sound)
        wanted = settings.needs_sound | {*ENVELOPES, BARS}
        if grid is not None and (len(grid.sections) or SECTIONAL.isdisjoint(wanted)):
            # Beats are corrected again and again, and nothing else has to be heard for it.
            settings = settings.model_copy(update={"beats": None})
        key = (clip.path, sound, wanted, *(getattr(settings, name) for name in SoundSettings.model_fields))
        if listen:
            with self._lock:
                if key not in self._tracks:
                    heard = None
                    if sound is not None:
                        with HEARING:
                            heard = hear(settings, wanted, sound, rate)
                    cuts = self._find_cuts(clip, rate, is_wanted)
                    self._tracks[key] = Track(max(1, clip.frame_count), rate, heard, cuts)
                    for old in [*self._tracks][:-_TRACKS_KEPT]:
                        del self._tracks[old]
        # Until somebody listens again, what was heard last is better than nothing.
        like = [track for known, track in [*self._tracks.items()] if known[:2] == key[:2]]
        track = self._tracks.get(key, like[-1] if like else Track(max(1, clip.frame_count), rate))
        return track if grid is None else _corrected(track, grid, settings)

    def _find_cuts(self, clip: ClipInfo, rate: Fraction, is_wanted: Callable[[], bool]) -> tuple[int, ...]:
        if clip.path not in self._cuts:
            marks = _while_wanted(watch_cuts(clip.path, rate, info=clip), is_wanted)
            self._cuts[clip.path] = tuple(shot.first for shot in gather_shots(marks) if shot.first)
        return self._cuts[clip.path]


def _corrected(track: Track, grid: Grid, settings: Settings) -> Track:
    if track.sound is None:
        return track
    return replace(track, sound=with_grid(track.sound, grid, settings.offset, settings.release))


def _while_wanted(marks: Iterable[bool], is_wanted: Callable[[], bool]) -> Iterator[bool]:
    for mark in marks:
        if not is_wanted():
            raise SettingsError("the page was closed")
        yield mark
