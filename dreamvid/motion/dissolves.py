"""Where one picture gradually turns into another: dissolves, and fades to black or white and from them.

In a dissolve each frame is a mixture, (1 - share) A + share B, of two pictures that move on their own. A stretch of
frames from s to e is one if

- mixture: every frame between is such a mixture of A, frame s moved on as it moved before s, and B, frame e moved back
  as it moves after e, and their shares rise from 0 to 1, as far as blurred small pictures say;
- change: A and B differ by much of their contrast;
- other: A cannot be moved onto B. Else it is one picture in another light, or seen from elsewhere.

Pans, things that pass, flashes, fire and water fail the first, changes of light the third. Of stretches that overlap,
the one with the largest change counts: it holds the whole of the dissolve. It is then trimmed to where shares rise.

Of 42 random clips with a dissolve, none of which the thresholds were set on, it was found in 40; of 42 others, chosen
to be hard, 2 were taken for one, both with fire (`benchmarks/dissolves.py`). On one core it takes 2.7 ms a frame of
an ordinary shot, beside what cuts take.

Known to fail: dissolves of less than five frames or more than three seconds, and fades shorter than ten frames, which
are flashes; wipes; a dissolve in which both pictures move fast and not as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.cuts import Gray, Matcher, mark_cuts, reduce_to_gray
from dreamvid.motion.drift import Drift, DriftEstimator, Matrix
from dreamvid.motion.flow import Frame

_FRAMES_PER_SECOND = 24  # at which they are looked for, near enough
_HALF_LENGTHS = (2, 3, 5, 7, 10, 14, 19, 26, 36)  # frames, of the stretches that are tried
_SMALL = 32  # px, the longer side of what is compared: blurred so far, errors of the motion do not matter
_BLUR_PX = 2.0  # before it is reduced
_DRIFT_FRAMES = 3  # over which the motion before and after is taken
_PLACES = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6)  # of a stretch, at which it is looked at
_LEAST_OVERLAP = 0.3  # of the picture that both must show
_LEAST_CHANGE = 0.05  # of the range from black to white, RMS
_LEAST_RELATIVE_CHANGE = 0.6  # over the contrast of both
_CONTRAST_FLOOR = 0.01
_MOST_UNEXPLAINED = 0.03  # of the energy of the change
_MOST_BENT = 0.3  # how far shares may be from a straight line: eased dissolves are allowed
_LEAST_PATTERN = 0.025  # of the change's energy: the rest is light
_LEAST_FADE = 10  # frames
_FLAT = 0.01  # RMS contrast of a picture with nothing in it
_LEAST_MISMATCH = 0.45
_LEAST_HALF_MISMATCH = 0.25
_IDLE_COST = 0.004  # of a stretch's score, for each frame: it should not be longer than the dissolve
_KNOWN = 0.9
_PURE = 0.04  # a share below this is none


@dataclass(frozen=True, eq=False)
class Dissolve:
    """A dissolve: frame `left` is the last of the old picture alone, frame `arrived` the first of the new one alone.

    shares: of the new picture in the frames between, rising, in (0, 1).
    leaving, coming: how the old picture moved before it, and how the new one moves after it.
    """

    left: int
    arrived: int
    shares: tuple[float, ...]
    leaving: Drift
    coming: Drift

    def share(self, index: int) -> float:
        """The share of the new picture in a frame: 0 before it begins, 1 after it ends."""
        if index <= self.left:
            return 0.0
        return 1.0 if index >= self.arrived else self.shares[index - self.left - 1]


@dataclass(frozen=True)
class _Stretch:
    """Frames that may be a dissolve; the higher the score, the more of it and the less else they hold."""

    first: int
    last: int
    score: float

    def overlaps(self, other: _Stretch) -> bool:
        """Whether some of its frames are the other's, too."""
        return self.first < other.last and other.first < self.last


class DissolveDetector:
    """Finds dissolves in a stream of small gray pictures, with a look-ahead of some seconds.

    Keeps pictures of 128 px, of that time and twice that back.
    """

    def __init__(self, rate: float) -> None:
        """`rate` is in frames per second."""
        self._stride = max(1, round(float(rate) / _FRAMES_PER_SECOND))
        longest = 2 * max(_HALF_LENGTHS) * self._stride
        self.look_ahead = 2 * longest + (_DRIFT_FRAMES + 1) * self._stride
        """So many frames after a frame must be known before it is known whether a dissolve begins there."""
        self._longest = longest
        self._grays: dict[int, Gray] = {}
        self._small: dict[int, Gray] = {}
        self._drifts: dict[int, Drift] = {}
        self._found: list[_Stretch] = []
        self._estimator, self._matcher = DriftEstimator(), Matcher()
        self._count = 0
        self._looked_at = 0
        self._others: dict[_Stretch, bool] = {}
        self._trimmed: dict[_Stretch, Dissolve | None] = {}

    def add(self, gray: Gray) -> None:
        """Take the next frame, as `reduce_to_gray` gives it."""
        index = self._count
        self._grays[index], self._small[index] = gray, _reduce(gray)
        if index:
            self._drifts[index] = self._estimator.measure(self._grays[index - 1], gray)
        self._count += 1
        margin = (_DRIFT_FRAMES + 1) * self._stride
        self._look(index - margin)
        for old in [one for one in self._grays if one < index - 2 * self.look_ahead]:
            del self._grays[old], self._small[old]
            self._drifts.pop(old, None)

    def finish(self) -> None:
        """Say that there are no more frames."""
        self._look(self._count - 1)

    def at(self, index: int) -> Dissolve | None:
        """The dissolve that frame `index` is in: after its `left`, up to its `arrived`.

        Ask in rising order, when `look_ahead` frames more are known, or after `finish`.
        """
        self._found = [one for one in self._found if one.last > index - self._longest]
        self._others = {one: is_other for one, is_other in self._others.items() if one.last > index - self._longest}
        for stretch in self._chosen():
            if stretch.first < index <= stretch.last:
                if stretch not in self._trimmed:
                    self._trimmed = {stretch: self._trim(stretch)}
                dissolve = self._trimmed[stretch]
                if dissolve is not None and dissolve.left < index <= dissolve.arrived:
                    return dissolve
        return None

    def _chosen(self) -> list[_Stretch]:
        """Of stretches that overlap, those with the highest score that show two pictures."""
        chosen: list[_Stretch] = []
        for stretch in sorted(self._found, key=lambda one: (-one.score, one.first, one.last)):
            if not any(stretch.overlaps(other) for other in chosen) and self._are_others(stretch):
                chosen.append(stretch)
        return chosen

    def _look(self, last: int) -> None:
        """Try the stretches that end with frames up to `last`."""
        for end in range(self._looked_at, last + 1):
            firsts = [end - 2 * half * self._stride for half in _HALF_LENGTHS]
            for first in self._changed([one for one in firsts if one in self._small], end):
                if (stretch := self._try(first, end)) is not None:
                    self._found.append(stretch)
        self._looked_at = max(self._looked_at, last + 1)

    def _changed(self, firsts: list[int], last: int) -> list[int]:
        """Those of the frames whose picture differs enough from that of frame `last`, and not in its light alone."""
        if not firsts:
            return []
        before, after = np.stack([self._small[one] for one in firsts]), self._small[last]
        changes = after - before
        size, pattern = np.sqrt((changes**2).mean((1, 2))), changes.std((1, 2))
        old, new = before.std((1, 2)), after.std()
        contrast = np.hypot(old, new) + _CONTRAST_FLOOR
        is_fade = np.minimum(old, new) < _FLAT
        is_long = last - np.array(firsts) >= _LEAST_FADE * self._stride  # what is shorter is a flash
        is_other = np.where(is_fade, is_long, pattern**2 >= _LEAST_PATTERN * size**2)
        enough = (size >= _LEAST_CHANGE) & (size >= _LEAST_RELATIVE_CHANGE * contrast) & is_other
        return [first for first, is_enough in zip(firsts, enough, strict=True) if is_enough]

    def _try(self, first: int, last: int) -> _Stretch | None:
        """The stretch, if all that is between is a mixture of its ends."""
        places = {first + round((last - first) * place) for place in _PLACES} - {first, last}
        mixtures = _Mixtures(self, first, last)
        unexplained, changes = [], []
        for place in sorted(places, key=lambda one: abs(2 * one - first - last)):  # the middle first: it tells most
            mixture = mixtures.at(place)
            straight = (place - first) / (last - first)
            if mixture is None or abs(mixture[0] - straight) > _MOST_BENT or mixture[1] > 3 * _MOST_UNEXPLAINED:
                return None
            unexplained.append(mixture[1])
            changes.append(mixture[2])
        if float(np.mean(unexplained)) > _MOST_UNEXPLAINED or min(changes) < _LEAST_CHANGE:
            return None
        idle = _IDLE_COST * (last - first) / self._stride
        return _Stretch(first, last, min(changes) * (1 - idle))

    def _are_others(self, stretch: _Stretch) -> bool:
        """Whether the ends of a stretch show two pictures, and each half of the way is not so little that it could be
        one picture after all."""
        if stretch not in self._others:
            first, last, middle = stretch.first, stretch.last, (stretch.first + stretch.last) // 2
            self._others[stretch] = self._differ(first, last, _LEAST_MISMATCH) and (
                self._differ(first, middle, _LEAST_HALF_MISMATCH) or self._differ(middle, last, _LEAST_HALF_MISMATCH)
            )
        return self._others[stretch]

    def _differ(self, first: int, last: int, least: float) -> bool:
        """Whether one frame cannot be moved onto the other: neither as it is, nor moved on as it moved before, nor as
        it seems to move from frame to frame."""
        height, width = self._grays[first].shape
        if self._mismatch(first, last) < least:
            return False
        if self._mismatch(first, last, self.drift_before(first).matrix(last - first, width, height)) < least:
            return False
        chained: Matrix = np.eye(3)
        for index in range(first + 1, last + 1):
            chained = chained @ self._drifts[index].matrix(1, width, height)
        return self._mismatch(first, last, chained) >= least

    def _mismatch(self, first: int, last: int, matrix: Matrix | None = None) -> float:
        before, after = self._grays[first], self._grays[last]
        if matrix is not None:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            before = np.asarray(cv2.warpAffine(before, matrix[:2], before.shape[::-1], flags=flags), np.float32)
        return self._matcher.match(before, after).mismatch

    def _trim(self, stretch: _Stretch) -> Dissolve | None:
        """The dissolve that a stretch holds, from the last frame before its shares rise to the first after."""
        found = self._shares(stretch.first, stretch.last)
        none = [index for index, share in found.items() if share < _PURE]
        all_ = [index for index, share in found.items() if share > 1 - _PURE]
        first = max(none, default=stretch.first)
        last = min((index for index in all_ if index > first), default=stretch.last)
        if last - first < 2:
            return None
        shares = self._shares(first, last)
        rising = np.maximum.accumulate(np.clip([shares[index] for index in range(first + 1, last)], _PURE, 1 - _PURE))
        return Dissolve(first, last, tuple(rising.tolist()), self.drift_before(first), self.drift_after(last))

    def _shares(self, first: int, last: int) -> dict[int, float]:
        mixtures = _Mixtures(self, first, last)
        known = {first: 0.0, last: 1.0}
        for index in range(first + 1, last):
            mixture = mixtures.at(index)
            if mixture is not None:
                known[index] = mixture[0]
        shares = np.interp(np.arange(first, last + 1), sorted(known), [known[index] for index in sorted(known)])
        return dict(zip(range(first, last + 1), shares.tolist(), strict=True))

    def drift_before(self, index: int) -> Drift:
        """How the picture moved in the frames up to `index`."""
        return Drift.mean([self._drifts[one] for one in range(index - _DRIFT_FRAMES, index + 1) if one in self._drifts])

    def drift_after(self, index: int) -> Drift:
        """How the picture moves in the frames after `index`."""
        following = range(index + 1, index + _DRIFT_FRAMES + 2)
        return Drift.mean([self._drifts[one] for one in following if one in self._drifts])

    def small(self, index: int) -> Gray:
        """A frame, blurred and small."""
        return self._small[index]


class _Mixtures:
    """What a stretch of frames is if its first frame turns into its last."""

    def __init__(self, detector: DissolveDetector, first: int, last: int) -> None:
        self._detector, self._first, self._last = detector, first, last
        self._before, self._after = detector.drift_before(first), detector.drift_after(last)

    def at(self, index: int) -> tuple[float, float, float] | None:
        """Of a frame between: the last one's share in it, what of it is not explained, as a part of the energy of the
        change, and the RMS of the change. None where the two have too little of the picture in common."""
        old, old_seen = self._moved(self._first, self._before, index - self._first)
        new, new_seen = self._moved(self._last, self._after, index - self._last)
        seen = old_seen & new_seen
        if seen.mean() < _LEAST_OVERLAP:
            return None
        change, come = (new - old)[seen], (self._detector.small(index) - old)[seen]
        energy = max(float((change * change).sum()), 1e-9)
        share = float((change * come).sum()) / energy
        left = come - share * change
        return share, float((left * left).sum()) / energy, float(np.sqrt((change * change).mean()))

    def _moved(self, index: int, drift: Drift, frames: int) -> tuple[Gray, npt.NDArray[np.bool_]]:
        """A frame as it looks so many frames later, and where that is known."""
        picture = self._detector.small(index)
        height, width = picture.shape
        matrix = drift.matrix(frames, width, height)[:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.ones_like(picture), matrix, (width, height), flags=flags)
        return np.asarray(moved, np.float32), inside > _KNOWN


def _reduce(gray: Gray) -> Gray:
    height, width = gray.shape
    scale = _SMALL / max(height, width)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    blurred = cv2.GaussianBlur(gray, (0, 0), _BLUR_PX)
    return np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, eq=False)
class Mark:
    """What a frame is to the one before it: whether a shot begins there, or else the dissolve it is in."""

    is_cut: bool = False
    dissolve: Dissolve | None = None


def mark_transitions(frames: Iterable[Frame], rate: float, first: int = 0) -> Iterator[Mark]:
    """Say of each frame, in order, what it is to the one before it.

    frames: (H, W, 3) float32 RGB in [0, 1], of one size; rate: frames per second; first: the number of the first frame,
    by which dissolves count. Runs ahead of what it yields by some seconds, and holds small gray pictures of them. A cut
    is no part of a dissolve.
    """
    detector = DissolveDetector(rate)
    cuts: dict[int, bool] = {}
    judged = 0

    def judge(index: int) -> Mark:
        dissolve = detector.at(index)
        if dissolve is not None and any(cuts.get(one, False) for one in range(dissolve.left + 1, dissolve.arrived + 1)):
            dissolve = None
        elif dissolve is not None:
            dissolve = replace(dissolve, left=dissolve.left + first, arrived=dissolve.arrived + first)
        for old in [one for one in cuts if one < index - detector.look_ahead]:
            del cuts[old]
        return Mark(cuts[index], dissolve)

    for count, (frame, is_cut) in enumerate(mark_cuts(frames, rate), start=1):
        cuts[count - 1] = is_cut
        detector.add(reduce_to_gray(frame))
        if count > detector.look_ahead:
            yield judge(judged)
            judged += 1
    detector.finish()
    for index in range(judged, judged + len([one for one in cuts if one >= judged])):
        yield judge(index)
