"""What happens to a film's frames before they are dreamed: each is followed back to the one before it, and where that
leaves something fresh, to earlier ones."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from typing import Protocol, Self

import torch
from torch import Tensor

from dreamvid.motion import Motion, MotionEstimator
from dreamvid.motion.dissolves import Dissolve
from dreamvid.motion.given_motion import measure_given
from dreamvid.motion.long_range import (
    EarlierFrame,
    EarlierMotion,
    LongRangeEstimator,
    is_needed_after,
    numbers_looked_back_to,
    reduce,
)
from dreamvid.motion.vectors import VectorFiles
from dreamvid.motion.views import NO_VIEWS, KnownViews, ViewEstimator, ViewUpdate
from dreamvid.runtime.frames import Frame, send, split_alpha
from dreamvid.runtime.registers import FLOWS

_MOST_FOLLOWERS = 8


@dataclass(frozen=True, eq=False)
class FrameMotion:
    """The way from a frame back to the one before it, on the device.

    flow: (1, 2, H, W), (dx, dy) px; reliability: (1, 1, H, W) in [0, 1]. See `dreamvid.motion.Motion`.
    """

    flow: Tensor
    reliability: Tensor

    @classmethod
    def of(cls, motion: Motion, device: torch.device) -> Self:
        """A motion, sent to a device."""
        return cls(send(motion.backward, device), send(motion.reliability[..., None], device))


@dataclass(frozen=True, eq=False)
class DissolveFrame:
    """A frame of a dissolve: its number, as the dissolve counts, and the picture that it turns into, (H, W, 3)."""

    dissolve: Dissolve
    index: int
    arriving: Frame

    @property
    def has_arrived(self) -> bool:
        """Whether nothing of the old picture is left."""
        return self.index >= self.dissolve.arrived


class DissolveSource(Protocol):
    """The dissolves of a film, by the number of the frame in its source."""

    def at(self, index: int) -> DissolveFrame | None:
        """What a frame is in a dissolve, if it is in one; asked for in order."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """A raw frame, (H, W, 3) float32 in [0, 1], and the one before it; None where a shot begins.

    Its alpha, (H, W, 1), if it has one, goes along, and the earlier frames that it looks back to; of a film in two
    passes also the views that it may find again, and what becomes of them. `indices` are the numbers of the frame
    before and of this one in the source.
    """

    before: Frame | None
    raw: Frame
    alpha: Frame | None = None
    earlier: tuple[EarlierFrame, ...] = ()
    views: KnownViews = NO_VIEWS
    update: ViewUpdate | None = None
    dissolve: DissolveFrame | None = None
    indices: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class MotionFrame:
    """A raw frame on the device, (1, 3, H, W), in no particular layout, and the way back to the one before it; its
    alpha as in `FramePair`. `earlier`: the ways back to earlier frames, by their numbers in the shot, the nearest
    first; smaller than the frame, in pixels of their own. `recalled` are the ways to views, by their numbers, likewise,
    and `update` is what becomes of the views."""

    raw: Tensor
    motion: FrameMotion | None
    alpha: Frame | None
    earlier: Mapping[int, FrameMotion] = field(default_factory=dict)
    recalled: Mapping[int, FrameMotion] = field(default_factory=dict)
    update: ViewUpdate | None = None
    dissolve: DissolveFrame | None = None


def pair_up(
    frames: Iterable[Frame],
    cuts: Iterable[bool],
    skip: int,
    number: int = 0,
    dissolves: DissolveSource | None = None,
    first: int = 0,
) -> Iterator[FramePair]:
    """Every frame after the first `skip`, with the one before; a cut, and the first frame of all, have none.

    `number` is that of the first frame in its shot; the skipped ones, and the next, if it is no cut, are of that shot.
    `dissolves` are counted from the first frame on, which is their frame `first`; where one has arrived, what came
    before is looked back to no more.
    """
    return Pairing(number).pair(frames, cuts, skip, dissolves, first)


class Pairing:
    """Pairs the frames of a film that come in several pieces, one after the other."""

    def __init__(self, number: int = 0) -> None:
        """`number` is that of the first frame in its shot."""
        self._number = number
        self._before: Frame | None = None
        self._index = 0  # of the frame before, in the source
        self._kept: list[EarlierFrame] = []

    def pair(
        self,
        frames: Iterable[Frame],
        cuts: Iterable[bool],
        skip: int = 0,
        dissolves: DissolveSource | None = None,
        first: int = 0,
        indices: Iterable[int] | None = None,
    ) -> Iterator[FramePair]:
        """Pair the next piece; see `pair_up`. `indices` are the numbers of its frames in the source, where they do not
        follow one another from `first` on."""
        # Of a damaged clip fewer verdicts than frames may have come.
        numbered = zip(frames, chain(cuts, repeat(False)), indices or count(first), strict=False)
        for index, (frame, is_cut, of_source) in enumerate(numbered):
            raw, alpha = split_alpha(frame)
            if index >= skip:
                if is_cut:
                    self._before, self._kept, self._number = None, [], 0
                wanted = numbers_looked_back_to(self._number)
                earlier = sorted((one for one in self._kept if one.number in wanted), key=lambda one: -one.number)
                dissolve = None if dissolves is None else dissolves.at(first + index)
                if dissolve is not None:
                    earlier = []
                    if dissolve.has_arrived:
                        self._kept, self._number = [], 0
                pair = self._index, of_source
                yield FramePair(self._before, raw, alpha, tuple(earlier), dissolve=dissolve, indices=pair)
            number = self._number
            self._kept = [one for one in self._kept if is_needed_after(one.number, number)]
            if is_needed_after(number, number):
                self._kept.append(EarlierFrame(number, reduce(raw)))
            self._before, self._index = raw, of_source
            self._number += 1


class MotionStage:
    """Measures the motion of pairs, and sends them to the device; for any number of threads at a time."""

    def __init__(self, method: str, device: torch.device, vectors: VectorFiles | None = None) -> None:
        """Motion comes from `vectors` where they have it, else it is measured by the `method`."""
        self._method, self._device = method, device
        self._vectors = vectors
        self._local = threading.local()

    def __call__(self, pair: FramePair) -> MotionFrame:
        """A frame with its motion."""
        raw = send(pair.raw, self._device)
        if pair.before is None:
            return MotionFrame(raw, None, pair.alpha, update=pair.update, dissolve=pair.dissolve)
        if not hasattr(self._local, "estimator"):
            device = str(self._device)
            self._local.estimator = MotionEstimator(self._method, device=device)
            self._local.long_range = LongRangeEstimator(self._method, device=device)
            self._local.views = ViewEstimator(self._method, device=device)
        motion = self._given(pair.before, pair) or self._local.estimator.measure(pair.before, pair.raw)
        ways: Iterator[EarlierMotion] = self._local.long_range.measure(pair.raw, motion.reliability, pair.earlier)
        earlier = self._sent(ways)
        recalled = self._sent(self._local.views.measure(pair.raw, motion.reliability, pair.views))
        way = FrameMotion.of(motion, self._device)
        return MotionFrame(raw, way, pair.alpha, earlier, recalled, pair.update, pair.dissolve)

    def _given(self, before: Frame, pair: FramePair) -> Motion | None:
        if self._vectors is None or pair.indices is None:
            return None
        return measure_given(self._vectors, before, pair.raw, pair.indices)

    def _sent(self, ways: Iterable[EarlierMotion]) -> dict[int, FrameMotion]:
        return {way.number: FrameMotion.of(way.motion, self._device) for way in ways}


def motion_threads(method: str, device: torch.device, threads: int) -> int:
    """How many threads measure motion, on a machine with so many threads to compute with.

    A GPU dreams several frames in the time that one processor core takes to follow one; some methods run on the GPU
    themselves.
    """
    if FLOWS.find(method).uses_device:
        return 1
    spare = threads // 4 if device.type == "cpu" else threads - 2
    return max(1, min(_MOST_FOLLOWERS, spare))
