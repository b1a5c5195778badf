"""What happens to a film's frames before they are dreamed: each is followed back to the one before it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Tensor

from dreamvid.motion import MotionEstimator
from dreamvid.registers import FLOWS
from dreamvid.render.frames import Frame, Track, send, split_alpha

_MOST_FOLLOWERS = 8


@dataclass(frozen=True, eq=False)
class FramePair:
    """A raw frame, (H, W, 3) float32 in [0, 1], and the one before it; None where a shot begins.

    Its alpha, (H, W, 1), if it has one, goes along.
    """

    before: Frame | None
    raw: Frame
    alpha: Frame | None = None


@dataclass(frozen=True, eq=False)
class MotionFrame:
    """A raw frame on the device, (1, 3, H, W), in no particular layout, and the way back to the one before it; its
    alpha as in `FramePair`."""

    raw: Tensor
    track: Track | None
    alpha: Frame | None


def pair_up(frames: Iterable[Frame], cuts: Iterable[bool], skip: int) -> Iterator[FramePair]:
    """Every frame after the first `skip`, with the one before; a cut, and the first frame of all, have none."""
    before: Frame | None = None
    # Of a damaged clip fewer verdicts than frames may have come.
    for index, (frame, is_cut) in enumerate(zip(frames, chain(cuts, repeat(False)), strict=False)):
        raw, alpha = split_alpha(frame)
        if index >= skip:
            yield FramePair(None if is_cut else before, raw, alpha)
        before = raw


class MotionStage:
    """Measures the motion of pairs, and sends them to the device; for any number of threads at a time."""

    def __init__(self, method: str, device: torch.device) -> None:
        self._method, self._device = method, device
        self._local = threading.local()

    def __call__(self, pair: FramePair) -> MotionFrame:
        """A frame with its motion."""
        track = None
        if pair.before is not None:
            if not hasattr(self._local, "estimator"):
                self._local.estimator = MotionEstimator(self._method, device=str(self._device))
            track = Track.of(self._local.estimator.measure(pair.before, pair.raw), self._device)
        return MotionFrame(send(pair.raw, self._device), track, pair.alpha)


def follower_count(method: str, device: torch.device, threads: int) -> int:
    """How many threads measure motion, on a machine with so many threads to compute with.

    A GPU dreams several frames in the time that one processor core takes to follow one; some methods run on the GPU
    themselves.
    """
    if FLOWS.find(method).uses_device:
        return 1
    spare = threads // 4 if device.type == "cpu" else threads - 2
    return max(1, min(_MOST_FOLLOWERS, spare))
