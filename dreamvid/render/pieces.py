"""How long the pieces of a film in two passes are, and the joins of loops; and what their files take."""

from __future__ import annotations

import math
from fractions import Fraction

from dreamvid.config.settings import Settings
from dreamvid.motion.views import MOST_VIEWS, VIEW_EVERY

LONGEST_JOIN = Fraction(2)
"""Seconds over which a loop's end turns into its beginning, at most."""
JOIN_SHARE = Fraction(1, 4)
"""The same, of the loop."""
MOST_SECTION = 240
"""Frames that are dreamed backward before the first of them is shown, at most."""
_LEAST_SECTION = 24
_LEAST_JOIN = 12  # frames
_FILE_BYTES = 2**30  # that the raw frames of a section may take, and the goals of a loop
_SPOOLED, _KEYFRAME = 3, 4  # bytes a pixel


def join_frames(frames: int, rate: Fraction) -> int:
    """Over how many of a loop's frames its end turns into its beginning."""
    return min(math.ceil(min(LONGEST_JOIN, frames / rate * JOIN_SHARE) * rate), frames - 1)


def join_frames_within(frames: int, rate: Fraction, width: int, height: int) -> int:
    """The same of a film whose goals are kept on disk: fewer of large frames."""
    most = max(_LEAST_JOIN, _FILE_BYTES // ((_SPOOLED + _KEYFRAME) * width * height))
    return min(join_frames(frames, rate), most)


def join_shares(number: int, join: int) -> tuple[float, float]:
    """How much of frame `number` of a join of so many frames turns into its goal, before it is dreamed and after.

    Each frame feeds the next: of what is still the old picture, as much is turned as the whole is due.
    """
    done, share = _eased(number / (join + 1)), _eased((number + 1) / (join + 1))
    return (share - done) / (1 - done), share**4


def section_length(width: int, height: int) -> int:
    """How many frames of a size are dreamed backward before the first of them is shown."""
    return min(MOST_SECTION, max(_LEAST_SECTION, _FILE_BYTES // (_SPOOLED * width * height)))


def backward_frames(settings: Settings, frames: int, rate: Fraction, width: int, height: int) -> int:
    """How many frames of a film are dreamed backward."""
    join = join_frames_within(frames, rate, width, height) if settings.loop else 0
    return (frames if settings.two_pass else 0) + join


def scratch_bytes(settings: Settings, frames: int, rate: Fraction, width: int, height: int) -> int:
    """What the files between the passes take at most, about."""
    pixels = width * height
    join = join_frames_within(frames, rate, width, height) if settings.loop else 0
    needed = (_SPOOLED + _KEYFRAME) * join
    if settings.two_pass:
        section = min(frames, section_length(width, height))
        needed += _SPOOLED * section + _KEYFRAME * (min(MOST_VIEWS, frames // VIEW_EVERY) + section // VIEW_EVERY + 1)
    return needed * pixels


def _eased(share: float) -> float:
    return share * share * (3 - 2 * share)
