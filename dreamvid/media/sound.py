"""Sound tracks that go with a finished picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.media.probe import SoundInfo, probe_sound


@dataclass(frozen=True)
class SoundTrack:
    """All the sound of a video or sound file, from `start` on.

    `start` is in seconds from the file's first picture, or from its beginning where it has none: so it is the
    time `index / rate` of the frame that becomes the first one.
    """

    path: Path
    start: Fraction = Fraction(0)


def check_sound(sound: SoundTrack) -> SoundInfo:
    """Return the sound tracks of the file; raises MediaError if it cannot be read, not if it is silent."""
    return probe_sound(sound.path)
