"""Sound, beats and cuts of what is looked at, for the timeline: looked for once, and two sounds at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from dreamvid.audio import ENVELOPES, analyze_sound
from dreamvid.audio.analysis import BEATS
from dreamvid.audio.hearing import hear
from dreamvid.config.settings import Settings
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
        more = settings.needs_sound.difference(ENVELOPES, (BEATS,))
        key = clip.path, sound, more, settings.band, settings.beats, settings.midi
        if listen:
            with self._lock:
                if key not in self._tracks:
                    self._tracks[key] = self._listen(clip, rate, sound, settings, more, is_wanted)
                    for old in [*self._tracks][:-_TRACKS_KEPT]:
                        del self._tracks[old]
        return self._tracks.get(key, Track(max(1, clip.frame_count), rate))


    def _listen(
        self,
        clip: ClipInfo,
        rate: Fraction,
        sound: Path | None,
        settings: Settings,
        more: Collection[str],
        is_wanted: Callable[[], bool],
    ) -> Track:
        heard = None
        if sound is not None:
            with HEARING:
                is_plain = not more and settings.beats is None
                heard = analyze_sound(sound) if is_plain else hear(settings, {*ENVELOPES, *more}, sound, rate)
        if clip.path not in self._cuts:
            marks = _while_wanted(watch_cuts(clip.path, rate, info=clip), is_wanted)
            self._cuts[clip.path] = tuple(shot.first for shot in gather_shots(marks) if shot.first)
        return Track(max(1, clip.frame_count), rate, heard, self._cuts[clip.path])


def _while_wanted(marks: Iterable[bool], is_wanted: Callable[[], bool]) -> Iterator[bool]:
    for mark in marks:
        if not is_wanted():
            raise SettingsError("the page was closed")
        yield mark
