"""Motion to frames further back in the shot, so that what comes out from behind something is known again.

After Ruder, Dosovitskiy and Brox 2016 (arXiv:1604.08610, section 3.3, long-term consistency): flow is measured directly
between the two frames, because flow from frame to frame, joined together, breaks where something came between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.estimate import Motion, MotionEstimator
from dreamvid.motion.flow import FlowField, Frame
from dreamvid.motion.occlusion import soften

_STRIDES = (4, 12, 36)
"""A frame looks back to one frame for each of these: at least as many frames back, and less than twice as many."""
_LEAST_SIDE, _MOST_SIDE = 240, 480  # px; between them half a frame's: a quarter of the time
FRESH_SHARE = 0.005
"""Of the picture: with less of it fresh there is nothing to look for."""
_MOST_DIFFERENCE = 0.06  # of the range from black to white: how far two views of the same place may differ
_PATCH = 5  # px: what that is averaged over


@dataclass(frozen=True, eq=False)
class EarlierFrame:
    """A frame that later ones of its shot look back to: how many frames after the shot's first, and its raw picture,
    reduced."""

    number: int
    picture: Frame


@dataclass(frozen=True, eq=False)
class EarlierMotion:
    """The way from a frame back to frame `number` of its shot.

    Its reliability is 0 also where that frame shows something else. Both are of the reduced size, in its pixels.
    """

    number: int
    motion: Motion


def numbers_looked_back_to(number: int) -> list[int]:
    """The numbers of the frames that frame `number` of a shot looks back to, the nearest first."""
    found = {(number // stride - 1) * stride for stride in _STRIDES}
    return sorted((earlier for earlier in found if earlier >= 0), reverse=True)


def is_needed_after(earlier: int, number: int) -> bool:
    """Whether any frame after frame `number` looks back to frame `earlier`; so it is of six at most."""
    return any(earlier % stride == 0 and number + 1 < earlier + 2 * stride for stride in _STRIDES)


def reduce(frame: Frame) -> Frame:
    """A raw frame at the size at which it is compared with others."""
    height, width = frame.shape[:2]
    side = max(height, width)
    shrink = min(max(side // 2, _LEAST_SIDE), _MOST_SIDE) / side
    if shrink >= 1:
        return frame
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.float32)


class LongRangeEstimator:
    """Measures the way back to earlier frames, where it can be of use; from one thread at a time."""

    def __init__(self, method: str = "dis", *, device: str = "cpu") -> None:
        self._estimator = MotionEstimator(method, max_side=None, device=device)

    def measure(
        self, frame: Frame, reliability: npt.NDArray[np.float32], earlier: Sequence[EarlierFrame]
    ) -> Iterator[EarlierMotion]:
        """The ways from `frame` to `earlier` frames.

        There are none if the way back by one frame, which has that `reliability`, leaves next to nothing fresh.
        """
        if float(1 - reliability.mean()) < FRESH_SHARE:
            return
        now = reduce(frame)
        for one in earlier:
            motion = self._estimator.measure(one.picture, now)
            same = soften(differ(now, one.picture, motion.backward))
            yield EarlierMotion(one.number, Motion(motion.backward, np.minimum(motion.reliability, same)))


def differ(now: Frame, earlier: Frame, backward: FlowField) -> npt.NDArray[np.bool_]:
    """Where the earlier frame, moved along the flow, shows something else: (H, W) bool."""
    height, width = now.shape[:2]
    x = np.arange(width, dtype=np.float32) + backward[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + backward[..., 1]
    moved = cv2.remap(earlier, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = cv2.blur(np.abs(now - moved).max(axis=-1), (_PATCH, _PATCH))
    different: npt.NDArray[np.bool_] = difference > _MOST_DIFFERENCE
    return different
