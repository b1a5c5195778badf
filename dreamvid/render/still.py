"""A picture that nothing is carried to: dreamed, brought to its contrast, and finished."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dreamvid.config.settings import Settings
from dreamvid.dream import compose, level
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.metrics import FrameMetrics
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.runtime.events import FrameDone, ShotStarted
from dreamvid.runtime.frames import Dreams, Frame, join_alpha, split_alpha, to_frame, to_tensor
from dreamvid.runtime.layers import LayeredFrame, Plane

_MOST = 2.0  # that a still's residual is multiplied by


def dream_still(raw: Tensor, plan: FramePlan[Any]) -> Tensor:
    """The dream of a picture, (1, 3, H, W) in [0, 1], that nothing is carried to, ready to be shown."""
    return compose_still(raw, plan.dreamer.dream(raw), plan)


def compose_still(raw: Tensor, dream: Tensor, plan: FramePlan[Any]) -> Tensor:
    """The finished picture of a `raw` one and the `dream` of it, perhaps of an octave that is not the last.

    What was added is brought to its nominal contrast, multiplied by the strength, and shown where the mask allows.
    """
    residual = level(dream - raw, raw, plan.contrast, most=_MOST)
    return compose_frame(raw, plan.gain * residual, plan)


def compose_frame(raw: Tensor, residual: Tensor, plan: FramePlan[Any]) -> Tensor:
    """The finished frame of a raw one and what its dream adds."""
    return compose(raw, residual, keep_color=plan.dreamer.look.keep_color, mask=plan.mask)


def dream_pictures(pictures: Iterable[Frame], planner: Planner[Settings], device: torch.device) -> Dreams:
    """Dream what is no film: nothing is carried and nothing governed, what was added is multiplied by the strength."""
    clock = time.perf_counter()
    for index, raw_frame in enumerate(pictures):
        colors, alpha = split_alpha(raw_frame)
        raw = to_tensor(colors, device)
        plan = planner.at(0, picture=raw)
        yield None, ShotStarted(index, index)
        shown = dream_still(raw, plan)
        figures = FrameMetrics().measure(raw, shown, None, plan.dreamer) if plan.settings.report else None
        done = FrameDone(index, index, energy_of(shown - raw), 1.0, time.perf_counter() - clock, figures)
        yield finish_frame(raw, shown, plan, alpha), done


def finish_frame(
    raw: Tensor,
    shown: Tensor,
    plan: FramePlan[Any],
    alpha: Frame | None,
    motion: FrameMotion | None = None,
) -> Frame | LayeredFrame:
    """A finished frame, `raw` and `shown` (1, 3, H, W) in [0, 1], for those who write it: with the layers that the
    settings want, if any. Without `motion` a shot begins."""
    beauty = join_alpha(to_frame(shown), alpha)
    names = plan.settings.passes
    if names is None:
        return beauty
    size = beauty.shape[:2]
    flow, reliability = np.zeros((*size, 2), np.float32), np.zeros(size, np.float32)
    if motion is not None and "flow" in names:
        flow = motion.flow[0].permute(1, 2, 0).cpu().numpy()
    if motion is not None and "reliability" in names:
        reliability = _plane(motion.reliability)
    return LayeredFrame(
        beauty,
        source=join_alpha(to_frame(raw), alpha) if "source" in names or "dream" in names else None,
        backward=flow if "flow" in names else None,
        reliability=reliability if "reliability" in names else None,
        mask=(np.ones(size, np.float32) if plan.mask is None else _plane(plan.mask)) if "mask" in names else None,
        depth=_plane(plan.depth) if "depth" in names and plan.depth is not None else None,
    )


def _plane(field: Tensor) -> Plane:
    """(1, 1, H, W) tensor to (H, W) array."""
    return np.asarray(field[0, 0].cpu().numpy(), np.float32)


def energy_of(residual: Tensor) -> float:
    """The RMS of a residual, in [0, 1]."""
    return float(residual.square().mean().sqrt())
