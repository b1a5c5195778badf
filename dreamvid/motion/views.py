"""Views: a few frames of a shot by which a place is known again that went out of sight, however long ago.

Which frames are kept follows from the raw pictures alone, so that motion can be measured ahead of the dream. A view is
found again by phase correlation of small pictures (Kuglin and Hines 1975), which says where it lies; flow is then
measured directly between the two frames, and checked as in `long_range`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.estimate import Motion, MotionEstimator
from dreamvid.motion.flow import FlowField, Frame, to_gray
from dreamvid.motion.long_range import FRESH_SHARE, EarlierMotion, differ, reduce
from dreamvid.motion.occlusion import points_outside, soften

VIEW_EVERY = 12
"""Frames between one view and the next, counted from the shot's first frame."""
MOST_VIEWS = 32
"""Views of a shot that are kept, of those that were shown."""
_THUMB_SIDE = 96  # px, the longer side
_MOST_SHOWN, _MOST_COMING = 2, 1  # views that one frame looks at
_LEAST_GAIN = 0.05  # of what is fresh: a view that may show less of it is not looked at
_LEAST_RESPONSE = 0.05  # of phase correlation, where 1 is the same picture: below, nothing is the same
_LEAST_SHIFT = 3  # px of the reduced frame: less is left to the flow

Shift = tuple[float, float, float]
"""From a frame to a view: (dx, dy) in shares of the width and the height, and how sure it is."""


@dataclass(frozen=True, eq=False)
class View:
    """A frame that later ones are compared with: its number in the film, and its raw picture, reduced, of 8 bits."""

    number: int
    picture: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, number: int, frame: Frame) -> View:
        """The view of a raw frame, (H, W, 3) in [0, 1]."""
        return cls(number, (np.clip(reduce(frame), 0, 1) * 255 + 0.5).astype(np.uint8))

    @functools.cached_property
    def frame(self) -> Frame:
        """The picture, (H, W, 3) float32 in [0, 1]."""
        return self.picture.astype(np.float32) / np.float32(255)

    @functools.cached_property
    def thumb(self) -> Frame:
        """A small picture of it; see `_thumb`."""
        return _thumb(self.frame)


@dataclass(frozen=True)
class KnownViews:
    """The views that a frame may find again: those that were shown, and those that are to come."""

    shown: tuple[View, ...] = ()
    coming: tuple[View, ...] = ()


NO_VIEWS = KnownViews()


@dataclass(frozen=True)
class ViewUpdate:
    """What becomes of the views after a frame: the view that it is, if it is one, and the shown ones that are kept."""

    view: View | None
    kept: frozenset[int]


class ViewBook:
    """The views of a shot that were shown, in their order: `MOST_VIEWS` at most."""

    def __init__(self, views: Iterable[View] = ()) -> None:
        self._views = list(views)
        self._overlaps: dict[tuple[int, int], float] = {}

    @property
    def views(self) -> tuple[View, ...]:
        """Those that are kept."""
        return tuple(self._views)

    @property
    def numbers(self) -> frozenset[int]:
        """Their numbers."""
        return frozenset(view.number for view in self._views)

    def clear(self) -> None:
        """Forget them all: another shot begins."""
        self._views.clear()
        self._overlaps.clear()

    def add(self, view: View) -> None:
        """Keep another one, with a higher number; of too many, the one goes that its neighbors show best."""
        self._views.append(view)
        if len(self._views) > MOST_VIEWS:
            inner = range(1, len(self._views) - 1)
            del self._views[min(inner, key=self._loss)]

    def _loss(self, place: int) -> tuple[int, int]:
        """What is lost without a view: of its picture, in tenths; then how long the gap becomes, in frames."""
        before, view, after = self._views[place - 1 : place + 2]
        known = max(self._overlap(before, view), self._overlap(view, after))
        return round(10 * (1 - known)), after.number - before.number

    def _overlap(self, first: View, second: View) -> float:
        key = first.number, second.number
        if key not in self._overlaps:
            self._overlaps[key] = _overlap(_shift(first.thumb, second.thumb))
        return self._overlaps[key]


class ViewEstimator:
    """Measures the way back to the views that show what is fresh in a frame; from one thread at a time."""

    def __init__(self, method: str = "dis", *, device: str = "cpu") -> None:
        self._estimator = MotionEstimator(method, max_side=None, device=device)

    def measure(
        self, frame: Frame, reliability: npt.NDArray[np.float32], views: KnownViews
    ) -> Iterator[EarlierMotion]:
        """The ways from `frame` to a few views, those that were shown first.

        There are none if the way back by one frame, which has that `reliability`, leaves next to nothing fresh.
        """
        if not (views.shown or views.coming) or float(1 - reliability.mean()) < FRESH_SHARE:
            return
        now = reduce(frame)
        thumb = _thumb(now)
        small = cv2.resize(1 - reliability, thumb.shape[1::-1], interpolation=cv2.INTER_AREA)
        fresh = np.asarray(small, np.float32)
        least = _LEAST_GAIN * float(fresh.sum())
        for group, most in ((views.shown, _MOST_SHOWN), (views.coming, _MOST_COMING)):
            for view, shift in _choose(thumb, fresh.copy(), group, most, least):
                yield EarlierMotion(view.number, self._way(now, view, shift))

    def _way(self, now: Frame, view: View, shift: Shift) -> Motion:
        """The way to a view that lies so far off: it is moved there first, so that what is left is small."""
        height, width = now.shape[:2]
        dx, dy = round(shift[0] * width), round(shift[1] * height)
        if max(abs(dx), abs(dy)) < _LEAST_SHIFT:
            dx = dy = 0
        matrix = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
        moved = cv2.warpAffine(view.frame, matrix, (width, height), flags=0, borderMode=cv2.BORDER_REPLICATE)
        motion = self._estimator.measure(np.asarray(moved, np.float32), now)
        backward: FlowField = motion.backward + np.array([dx, dy], np.float32)
        wrong = differ(now, view.frame, backward) | points_outside(backward)
        return Motion(backward, np.minimum(motion.reliability, soften(wrong)))


def _choose(
    thumb: Frame, fresh: Frame, views: Sequence[View], most: int, least: float
) -> Iterator[tuple[View, Shift]]:
    """The views that may show most of what is `fresh`, one after the other; what one may show is taken out."""
    shifts = [(view, _shift(thumb, view.thumb)) for view in views]
    for _ in range(most):
        gains = [float(_shown(fresh, shift).sum()) * shift[2] ** 0.5 for _, shift in shifts]
        best = max(range(len(gains)), key=gains.__getitem__, default=None)
        if best is None or float(_shown(fresh, shifts[best][1]).sum()) < least:
            return
        yield shifts[best]
        _shown(fresh, shifts[best][1])[:] = 0


def _shown(field: Frame, shift: Shift) -> Frame:
    """The part of a field that a view shows which lies so far off; no copy."""
    height, width = field.shape
    dx, dy = round(shift[0] * width), round(shift[1] * height)
    return field[max(0, -dy) : max(0, height - max(0, dy)), max(0, -dx) : max(0, width - max(0, dx))]


def _thumb(frame: Frame) -> Frame:
    """A small gray picture that fades out toward its borders, without its mean."""
    height, width = frame.shape[:2]
    shrink = min(1.0, _THUMB_SIDE / max(height, width))
    size = (max(2, round(width * shrink)), max(2, round(height * shrink)))
    gray = cv2.resize(to_gray(frame), size, interpolation=cv2.INTER_AREA)
    return np.asarray((gray - gray.mean()) * cv2.createHanningWindow(size, cv2.CV_32F), np.float32)


def _shift(now: Frame, view: Frame) -> Shift:
    (dx, dy), response = cv2.phaseCorrelate(now, view)
    if not response > _LEAST_RESPONSE:  # it may be no number at all where there is nothing to see
        return 0.0, 0.0, _LEAST_RESPONSE
    return dx / now.shape[1], dy / now.shape[0], min(1.0, response)


def _overlap(shift: Shift) -> float:
    """How much of a view another one shows, by the shift between them."""
    return 0.0 if shift[2] <= _LEAST_RESPONSE else max(0.0, 1 - abs(shift[0])) * max(0.0, 1 - abs(shift[1]))
