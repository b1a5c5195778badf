"""The frame loop: what is read is followed along its motion, dreamed and handed on, one frame in, one frame out."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from dreamvid.dream import compose
from dreamvid.media import Reader
from dreamvid.motion import Motion, MotionEstimator, mark_cuts
from dreamvid.render.ahead import ReadAhead
from dreamvid.render.carry import Carry
from dreamvid.render.events import Event, FrameDone, ShotStarted
from dreamvid.render.frames import Frame, to_frame, to_tensor
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.settings import MotionSettings

Dreams = Generator[tuple[Frame | None, Event], None, None]
_FRAMES_AHEAD = 4  # decoded; with the look-ahead of the cut detection, about 8 frames are in memory at a time
_MOTIONS_AHEAD = 3


@dataclass(frozen=True, eq=False)
class Step:
    """A raw frame, (H, W, 3) float32 in [0, 1], and the way back to the one before it; None where a shot begins."""

    raw: Frame
    motion: Motion | None


def follow_motion(frames: Iterable[Frame], rate: float, settings: MotionSettings, device: str) -> Iterator[Step]:
    """Every frame with its motion. A cut, and the first frame, have none."""
    estimator = MotionEstimator(settings.flow, device=device)
    marked = mark_cuts(frames, rate) if settings.cuts == "auto" else ((frame, False) for frame in frames)
    previous: Frame | None = None
    for frame, is_cut in marked:
        yield Step(frame, None if previous is None or is_cut else estimator.measure(previous, frame))
        previous = frame


def dream_film(reader: Reader, planner: Planner, settings: MotionSettings, device: torch.device) -> Dreams:
    """Dream all frames of `reader`: each comes with its `FrameDone`; a `ShotStarted` comes before, with no frame.

    Decoding and motion run ahead in threads of their own while this one dreams.
    """
    if reader.rate is None:
        raise ValueError("a film has a frame rate")
    carry = Carry()
    shot = -1
    since_dreamed = 0
    clock = time.perf_counter()
    with ReadAhead(reader, _FRAMES_AHEAD) as frames:
        steps = follow_motion(frames, float(reader.rate), settings, str(device))
        with ReadAhead(steps, _MOTIONS_AHEAD) as ready:
            for index, step in enumerate(ready):
                raw = to_tensor(step.raw, device)
                plan = planner.at((reader.first_index + index) / reader.rate)
                if step.motion is None:
                    shot += 1
                    yield None, ShotStarted(shot, index)
                    residual = carry.begin(raw, plan)
                    since_dreamed = 0
                elif since_dreamed + 1 < settings.every:
                    residual = carry.coast(raw, step.motion, plan)
                    since_dreamed += 1
                else:
                    residual = carry.follow(raw, step.motion, plan)
                    since_dreamed = 0
                frame, energy = _show(raw, residual, plan)
                now = time.perf_counter()
                yield frame, FrameDone(index, shot, energy, carry.fresh, now - clock)
                clock = now


def dream_still(reader: Reader, planner: Planner, device: torch.device) -> Dreams:
    """Dream a single picture; nothing is carried and nothing governed, what was added is multiplied by the strength."""
    clock = time.perf_counter()
    for index, raw_frame in enumerate(reader):
        raw = to_tensor(raw_frame, device)
        plan = planner.at(Fraction(0))
        yield None, ShotStarted(index, index)
        frame, energy = _show(raw, plan.strength * (plan.dreamer.dream(raw) - raw), plan)
        yield frame, FrameDone(index, index, energy, 1.0, time.perf_counter() - clock)


def _show(raw: Tensor, residual: Tensor, plan: FramePlan) -> tuple[Frame, float]:
    """The finished frame, and the RMS of what was added to it."""
    shown = compose(raw, residual, keep_color=plan.dreamer.look.keep_color, mask=plan.mask)
    return to_frame(shown), float((shown - raw).square().mean().sqrt())
