"""The frame loop: what is read is followed along its motion, dreamed and handed on, one frame in, one frame out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Tensor

from dreamvid.dream import compose
from dreamvid.media import Reader
from dreamvid.motion import Motion, MotionEstimator
from dreamvid.render.ahead import ReadAhead, depth_within
from dreamvid.render.carry import Carry
from dreamvid.render.events import FrameDone, ShotStarted
from dreamvid.render.frames import Dreams, Frame, join_alpha, split_alpha, to_frame, to_tensor
from dreamvid.render.inspection import Inspector
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.render.snapshot import Snapshot
from dreamvid.settings import Settings

_FRAMES_AHEAD = 4  # decoded; with what has been followed already, about 9 frames are in memory at a time
_MOTIONS_AHEAD = 3


@dataclass(frozen=True, eq=False)
class Step:
    """A raw frame, (H, W, 3) float32 in [0, 1], and the way back to the one before it; None where a shot begins.

    Its alpha, (H, W, 1), if it has one, goes along.
    """

    raw: Frame
    motion: Motion | None
    alpha: Frame | None = None


def follow_motion(frames: Iterable[Frame], cuts: Iterable[bool], method: str, device: str, skip: int) -> Iterator[Step]:
    """Every frame after the first `skip`, with its motion; a cut, and the first frame of all, have none."""
    estimator = MotionEstimator(method, device=device)
    previous: Frame | None = None
    # Of a damaged clip fewer verdicts than frames may have come.
    for index, (frame, is_cut) in enumerate(zip(frames, chain(cuts, repeat(False)), strict=False)):
        raw, alpha = split_alpha(frame)
        if index >= skip:
            yield Step(raw, None if previous is None or is_cut else estimator.measure(previous, raw), alpha)
        previous = raw


class Film:
    """A film while it is dreamed: the carried residual, and how far it has come."""

    def __init__(self, planner: Planner[Settings], device: torch.device, snapshot: Snapshot | None = None) -> None:
        """`snapshot` is a state to go on from; without one the film begins."""
        self._planner = planner
        self._settings = planner.settings
        self._device = device
        self._carry = Carry()
        self._inspector = Inspector() if planner.settings.report else None
        self.done = 0
        """Frames so far."""
        self._shot = -1
        self._since_dreamed = 0
        if snapshot is not None:
            self.done = snapshot.done
            self._shot = snapshot.numbers["shot"]
            self._since_dreamed = snapshot.numbers["since_dreamed"]
            self._carry.residual = snapshot.tensors["residual"].to(device)

    @property
    def lead(self) -> int:
        """How many frames before the next one must be read again."""
        return min(self.done, 1)

    def snapshot(self) -> Snapshot:
        """The state after the frames so far; taken between two frames."""
        if self._carry.residual is None:
            raise RuntimeError("a film that has not begun has no state")
        tensors = {"residual": self._carry.residual.to("cpu", copy=True)}
        return Snapshot(self.done, tensors, {"shot": self._shot, "since_dreamed": self._since_dreamed})

    def dream(self, reader: Reader, cuts: Iterable[bool]) -> Dreams:
        """Dream all frames of `reader`, which begins `lead` frames before the next one; `cuts` says of each whether a
        shot begins there.

        Each comes with its `FrameDone`; a `ShotStarted` comes before, with no frame. Decoding and motion run ahead in
        threads of their own while this one dreams.
        """
        if reader.rate is None:
            raise ValueError("a film has a frame rate")
        skip = self.lead
        first = reader.first_index + skip - self.done  # of the film, in the source
        clock = time.perf_counter()
        frame_bytes = reader.width * reader.height * 3 * 4
        with ReadAhead(reader, depth_within(frame_bytes, _FRAMES_AHEAD)) as frames:
            steps = follow_motion(frames, cuts, self._settings.flow, str(self._device), skip)
            with ReadAhead(steps, depth_within(2 * frame_bytes, _MOTIONS_AHEAD)) as ready:  # a frame and its motion
                for step in ready:
                    index = self.done
                    raw = to_tensor(step.raw, self._device)
                    plan = self._planner.at(first + index)
                    if step.motion is None:
                        self._shot += 1
                        yield None, ShotStarted(self._shot, index)
                    shown = _show(raw, plan.gain * self._next_residual(raw, step.motion, plan), plan)
                    figures = None
                    if self._inspector is not None:
                        figures = self._inspector.measure(raw, shown, step.motion, plan.dreamer)
                    yield from self._planner.notices()
                    self.done += 1
                    energy = _energy(shown - raw)
                    now = time.perf_counter()
                    done = FrameDone(index, self._shot, energy, self._carry.fresh, now - clock, figures)
                    yield join_alpha(to_frame(shown), step.alpha), done
                    clock = now

    def _next_residual(self, raw: Tensor, motion: Motion | None, plan: FramePlan[Settings]) -> Tensor:
        if motion is not None and self._since_dreamed + 1 < self._settings.every:
            self._since_dreamed += 1
            return self._carry.coast(raw, motion, plan)
        self._since_dreamed = 0
        return self._carry.begin(raw, plan) if motion is None else self._carry.follow(raw, motion, plan)


def dream_still(reader: Reader, planner: Planner[Settings], device: torch.device) -> Dreams:
    """Dream a single picture; nothing is carried and nothing governed, what was added is multiplied by the strength."""
    clock = time.perf_counter()
    for index, raw_frame in enumerate(reader):
        colours, alpha = split_alpha(raw_frame)
        raw = to_tensor(colours, device)
        plan = planner.at(0)
        yield None, ShotStarted(index, index)
        shown = _show(raw, plan.settings.strength * (plan.dreamer.dream(raw) - raw), plan)
        yield from planner.notices()
        figures = Inspector().measure(raw, shown, None, plan.dreamer) if plan.settings.report else None
        done = FrameDone(index, index, _energy(shown - raw), 1.0, time.perf_counter() - clock, figures)
        yield join_alpha(to_frame(shown), alpha), done


def _show(raw: Tensor, residual: Tensor, plan: FramePlan[Settings]) -> Tensor:
    """The finished frame."""
    return compose(raw, residual, keep_color=plan.dreamer.look.keep_color, mask=plan.mask)


def _energy(residual: Tensor) -> float:
    return float(residual.square().mean().sqrt())
