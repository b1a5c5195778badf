"""The frame loop: what is read is followed along its motion, dreamed and handed on, one frame in, one frame out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import torch
from torch import Tensor

from dreamvid.config.settings import FrameSettings, Settings
from dreamvid.config.vectors import method_of
from dreamvid.motion.motion_stage import (
    DissolveFrame,
    DissolveSource,
    MotionFrame,
    MotionStage,
    motion_threads,
    pair_up,
)
from dreamvid.motion.vectors import VectorFiles
from dreamvid.output.snapshot import Snapshot
from dreamvid.render.carry import Carry, Goal, Recalled
from dreamvid.render.dissolve import Crossing
from dreamvid.render.metrics import FrameMetrics
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.render.still import compose_frame, energy_of, finish_frame
from dreamvid.runtime.events import FrameDone, ShotStarted
from dreamvid.runtime.frames import Dreams, Frame, split_alpha, to_tensor
from dreamvid.runtime.pipeline import ReadAhead, depth_within, map_ahead

FRAMES_AHEAD = 4  # decoded; with what has been followed already, about 9 frames are in memory at a time
MOTIONS_AHEAD = 3  # and as many more as there are threads that measure motion


class FilmFrames(Protocol):
    """What a film is dreamed from: frames of one size, at a rate, the first of which has this number in the source.

    A `Reader` is one; they are iterated once, in another thread.
    """

    @property
    def rate(self) -> Fraction | None: ...
    @property
    def first_index(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def __iter__(self) -> Iterator[Frame]: ...


class Film:
    """A film while it is dreamed: the carried residual, and how far it has come."""

    def __init__(
        self,
        planner: Planner[Settings],
        device: torch.device,
        snapshot: Snapshot | None = None,
        vectors: VectorFiles | None = None,
    ) -> None:
        """`snapshot` is a state to go on from; without one the film begins. `vectors` are the clip's motion, where it
        is known from files."""
        self._planner = planner
        self._settings = planner.settings
        self._device = device
        self._vectors = vectors
        self._carry = Carry()
        self._metrics = FrameMetrics() if planner.settings.report else None
        self.done = 0
        """Frames so far."""
        self._shot = -1
        self._since_dreamed = 0
        self._crossing: Crossing | None = None
        if snapshot is not None:
            self.done = snapshot.done
            self._shot = snapshot.numbers["shot"]
            self._since_dreamed = snapshot.numbers["since_dreamed"]
            tensors = {name: tensor.to(device) for name, tensor in snapshot.tensors.items()}
            self._carry.restore(tensors, snapshot.numbers.get("frames_of_shot", 1))
            self._crossing = Crossing.restore(tensors, snapshot.numbers)

    @property
    def lead(self) -> int:
        """How many frames before the next one must be read again."""
        return self._carry.lead if self._crossing is None else 1

    def snapshot(self) -> Snapshot:
        """The state after the frames so far; taken between two frames."""
        state, numbers = self._carry.state(), {}
        if self._crossing is not None:
            state, numbers = state | self._crossing.state(), self._crossing.numbers()
        tensors = {name: tensor.to("cpu", copy=True) for name, tensor in state.items()}
        numbers |= {"shot": self._shot, "since_dreamed": self._since_dreamed, "frames_of_shot": self._carry.frames}
        return Snapshot(self.done, tensors, numbers)

    def dream(self, reader: FilmFrames, cuts: Iterable[bool], dissolves: DissolveSource | None = None) -> Dreams:
        """Dream all frames of `reader`, which begins `lead` frames before the next one; `cuts` says of each whether a
        shot begins there, and `dissolves` of each, by its number in the source, whether it turns into another.

        Each comes with its `FrameDone`; a `ShotStarted` comes before, with no frame. Decoding and motion run ahead in
        threads of their own while this one dreams.
        """
        if reader.rate is None:
            raise ValueError("a film has a frame rate")
        skip = self.lead
        first = reader.first_index + skip - self.done  # of the film, in the source
        clock = time.perf_counter()
        frame_bytes = reader.width * reader.height * 3 * 4
        with ReadAhead(reader, depth_within(frame_bytes, FRAMES_AHEAD)) as frames:
            method = method_of(self._settings.flow)
            threads = motion_threads(method, self._device, torch.get_num_threads())
            depth = depth_within(2 * frame_bytes, MOTIONS_AHEAD + threads - 1)  # a frame and its motion
            pairs = pair_up(frames, cuts, skip, self._carry.frames - skip, dissolves, reader.first_index)
            with map_ahead(MotionStage(method, self._device, self._vectors), pairs, depth, threads) as moving:
                yield from self._dream_moving(moving, first, clock)

    def _dream_moving(self, moving: Iterable[MotionFrame], first: int, clock: float) -> Dreams:
        """Dream frames whose motion is known, the first of which follows at time `clock`; the film's own first frame
        has the number `first` in the source."""
        for frame in moving:
            index = self.done
            raw = frame.raw.contiguous()
            plan = self._planner.at(first + index, picture=raw)
            if frame.motion is None:
                self._shot += 1
                yield None, ShotStarted(self._shot, index)
            shown = compose_frame(raw, plan.gain * self._next_residual(raw, frame, plan), plan)
            figures = None
            if self._metrics is not None:
                figures = self._metrics.measure(raw, shown, frame.motion, plan.dreamer)
            self.done += 1
            energy = energy_of(shown - raw)
            now = time.perf_counter()
            done = FrameDone(index, self._shot, energy, self._carry.fresh, now - clock, figures)
            yield finish_frame(raw, shown, plan, frame.alpha, frame.motion), done
            clock = now

    def _next_residual(self, raw: Tensor, frame: MotionFrame, plan: FramePlan[FrameSettings]) -> Tensor:
        if frame.dissolve is not None:
            return self._cross(raw, frame.dissolve, plan, is_first=frame.motion is None)
        self._crossing = None
        if frame.motion is not None and self._since_dreamed + 1 < self._settings.every:
            self._since_dreamed += 1
            return self._carry.coast(raw, frame.motion, plan, frame.earlier, self._recalled(frame), self._goal())
        self._since_dreamed = 0
        if frame.motion is None:
            return self._carry.begin(raw, plan)
        return self._carry.follow(raw, frame.motion, plan, frame.earlier, self._recalled(frame), self._goal())

    def _cross(self, raw: Tensor, frame: DissolveFrame, plan: FramePlan[FrameSettings], *, is_first: bool) -> Tensor:
        """The residual of a frame in a dissolve; `is_first`: nothing came before it."""
        if frame.has_arrived and self._crossing is not None:
            self._carry, self._crossing = self._crossing.coming, None
            return self._carry.shown
        if is_first or frame.has_arrived:
            self._crossing = None
            return self._carry.begin(raw, plan)
        if self._crossing is None:
            self._crossing = Crossing(frame.index - 1, self._come(frame, plan))
        self._since_dreamed = 0
        return self._crossing.residual(self._carry.shown, frame.dissolve, frame.index)

    def _come(self, frame: DissolveFrame, plan: FramePlan[FrameSettings]) -> Carry:
        """The dream that a dissolve turns into, at the first frame in which its picture is alone."""
        coming = Carry()
        coming.begin(to_tensor(split_alpha(frame.arriving)[0], self._device), plan)
        return coming

    def _recalled(self, frame: MotionFrame) -> Recalled:  # noqa: ARG002 - for a film in two passes
        """What else is remembered, and the way there."""
        return ()

    def _goal(self) -> Goal | None:
        """What the next frame turns into, if anything."""
        return None
