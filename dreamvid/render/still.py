"""A picture that nothing is carried to: dreamed, brought to its contrast, and finished."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from dreamvid.dream import compose, level
from dreamvid.media import Reader
from dreamvid.render.events import FrameDone, ShotStarted
from dreamvid.render.frames import Dreams, join_alpha, split_alpha, to_frame, to_tensor
from dreamvid.render.inspection import Inspector
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.settings import Settings

_MOST = 2.0  # that a still's residual is multiplied by


def dream_residual(raw: Tensor, plan: FramePlan[Any]) -> Tensor:
    """What a dream adds to a picture, (1, 3, H, W) in [0, 1], that nothing is carried to, at its nominal contrast."""
    return level_still(plan.dreamer.dream(raw), raw, plan)


def level_still(dream: Tensor, raw: Tensor, plan: FramePlan[Any]) -> Tensor:
    """What a dream of `raw` has added, at its nominal contrast."""
    return level(dream - raw, raw, plan.contrast, most=_MOST)


def dream_still(reader: Reader, planner: Planner[Settings], device: torch.device) -> Dreams:
    """Dream a single picture; nothing is carried and nothing governed, what was added is multiplied by the strength."""
    clock = time.perf_counter()
    for index, raw_frame in enumerate(reader):
        colours, alpha = split_alpha(raw_frame)
        raw = to_tensor(colours, device)
        plan = planner.at(0)
        yield None, ShotStarted(index, index)
        shown = finish(raw, plan.gain * dream_residual(raw, plan), plan)
        yield from planner.notices()
        figures = Inspector().measure(raw, shown, None, plan.dreamer) if plan.settings.report else None
        done = FrameDone(index, index, energy_of(shown - raw), 1.0, time.perf_counter() - clock, figures)
        yield join_alpha(to_frame(shown), alpha), done


def finish(raw: Tensor, residual: Tensor, plan: FramePlan[Any]) -> Tensor:
    """The finished frame."""
    return compose(raw, residual, keep_color=plan.dreamer.look.keep_color, mask=plan.mask)


def energy_of(residual: Tensor) -> float:
    """The RMS of a residual, in [0, 1]."""
    return float(residual.square().mean().sqrt())
