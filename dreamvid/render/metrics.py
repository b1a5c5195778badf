"""Measuring finished frames, so that flicker is a number."""

from __future__ import annotations

from torch import Tensor

from dreamvid.dream import DreamCore
from dreamvid.motion import warp_backward
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.runtime.events import Figures

_TINY = 1e-12


class FrameMetrics:
    """Looks at the frames of a film in order; it remembers the last one's residual."""

    def __init__(self) -> None:
        self._before: Tensor | None = None

    def measure(self, raw: Tensor, shown: Tensor, motion: FrameMotion | None, dreamer: DreamCore) -> Figures:
        """The figures of a frame, `raw` and `shown` (1, 3, H, W) in [0, 1]; `motion` leads back to the one before."""
        residual = shown - raw
        error = None if motion is None or self._before is None else warped_error(self._before, residual, motion)
        self._before = residual
        reached, given = dreamer.attainment(shown), dreamer.attainment(raw)
        return Figures(reached, reached / given if given > 0 else None, error)


def warped_error(before: Tensor, now: Tensor, motion: FrameMotion) -> float:
    """Mean |w(before) - now| over the mean |now|, weighted by the reliability of the flow (0: nowhere reliable).

    Lai et al. 2018 ("Learning Blind Video Temporal Consistency") measure the frames themselves in this way; measured on
    the residual, what moves in the source does not count.
    """
    error = ((warp_backward(before, motion.flow) - now).abs() * motion.reliability).mean()
    return float(error / (now.abs() * motion.reliability).mean().clamp_min(_TINY))
