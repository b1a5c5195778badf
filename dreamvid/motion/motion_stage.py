"""What happens to a film's frames before they are dreamed: each is followed back to the one before it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Self

import torch
from torch import Tensor

from dreamvid.motion import Motion, MotionEstimator
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
    motion: FrameMotion | None
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
        motion = None
        if pair.before is not None:
            if not hasattr(self._local, "estimator"):
                self._local.estimator = MotionEstimator(self._method, device=str(self._device))
            motion = FrameMotion.of(self._local.estimator.measure(pair.before, pair.raw), self._device)
        return MotionFrame(send(pair.raw, self._device), motion, pair.alpha)


def motion_threads(method: str, device: torch.device, threads: int) -> int:
    """How many threads measure motion, on a machine with so many threads to compute with.

    A GPU dreams several frames in the time that one processor core takes to follow one; some methods run on the GPU
    themselves.
    """
    if FLOWS.find(method).uses_device:
        return 1
    spare = threads // 4 if device.type == "cpu" else threads - 2
    return max(1, min(_MOST_FOLLOWERS, spare))
