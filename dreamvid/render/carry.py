"""The temporal carry: what makes a dream stay on its object from frame to frame.

What is carried is the residual r = dream - raw frame, never the dream itself (docs/how-it-works.md). It is warped
along the backward optical flow, weighted by how far the flow can be trusted, added to the next raw frame, and dreamed
on with few iterations; a governor keeps the result where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from dreamvid.config.settings import FrameSettings
from dreamvid.dream import level
from dreamvid.dream.pyramid import resize
from dreamvid.motion import warp_backward
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.plan import FramePlan

_LOW_PASS_SHARE = 1 / 8  # of the short side: what is smoother than this is tint and brightness, not a dream
_RADIUS_WHEN_SMALL = 5  # px
SETTLING_PASSES = 4
"""Carried steps on a shot's first frame before it is shown, so that it is what the later ones will be."""
_MOST_GROWTH = 1.25  # of the residual, from one frame to the next
_RESTING_GAIN = 0.2  # how long the steps are where nothing moves, over that of a shot's first frame
_MOVING_GAIN = 0.95  # the same where something moves: resampling wears off no more, and longer ones would swim
_WEARING_MOTION = 0.5  # px a frame: by half a pixel resampling wears off as much as it can
_FRESH_GAIN = 3.0  # how much longer the steps are where content was just uncovered


class Carry:
    """The state of one shot: its carried residual, (1, 3, H, W) float32, or None at its start.

    The contrast that the residual is held at follows from strength and look alone: it depends on nothing that came
    before, so shots and chunks of shots agree in any order.
    """

    def __init__(self) -> None:
        self.residual: Tensor | None = None
        self.fresh = 1.0  # share of the last picture that could not be carried

    def begin(self, raw: Tensor, plan: FramePlan[FrameSettings]) -> Tensor:
        """The residual of a shot's first frame `raw`, (1, 3, H, W) in [0, 1]: nothing that came before enters it."""
        self.fresh = 1.0
        residual = self._settle(plan.dreamer.dream(raw) - raw, raw, plan)
        for _ in range(SETTLING_PASSES):
            residual = self._dream_on(raw, residual, plan)
        return residual

    def follow(self, raw: Tensor, motion: FrameMotion, plan: FramePlan[FrameSettings]) -> Tensor:
        """The residual of the next frame, dreamed on from the carried one; `motion` leads back from it.

        More iterations are spent the more of the picture is new, and longer steps just there; where nothing moves they
        are shorter, or the dream would boil.
        """
        fresh = self._measure_fresh(motion)
        look = plan.dreamer.look
        octaves = len(look.sizes((raw.shape[-2], raw.shape[-1])))
        cold, warm = (
            look.iterations_per_octave(counts, octaves) for counts in (look.iterations, plan.settings.warm_iterations)
        )
        counts = [w + max(0, round((c - w) * self.fresh)) for c, w in zip(cold, warm, strict=True)]
        return self._dream_on(raw, self._warped(motion), plan, counts, step_gain(motion, fresh, plan.is_steady))

    def coast(self, raw: Tensor, motion: FrameMotion, plan: FramePlan[FrameSettings]) -> Tensor:
        """Move the residual along without dreaming: the frames between those of `--every N`."""
        self._measure_fresh(motion)
        return self._settle(self._warped(motion), raw, plan)

    def _dream_on(
        self,
        raw: Tensor,
        residual: Tensor,
        plan: FramePlan[FrameSettings],
        counts: Sequence[int] | None = None,
        gain: Tensor | None = None,
    ) -> Tensor:
        carried = plan.settings.blend * residual
        iterations = plan.settings.warm_iterations if counts is None else counts
        dreamed = plan.dreamer.dream(raw, iterations=iterations, carried=carried, gain=gain)
        return self._settle(dreamed - raw + _clipped_off(raw, carried), raw, plan)

    def _measure_fresh(self, motion: FrameMotion) -> Tensor:
        fresh = 1 - motion.reliability
        self.fresh = float(fresh.mean())
        return fresh

    def _warped(self, motion: FrameMotion) -> Tensor:
        if self.residual is None:
            raise RuntimeError("a shot begins with `begin`")
        return warp_backward(self.residual, motion.flow) * motion.reliability

    def _settle(self, residual: Tensor, raw: Tensor, plan: FramePlan[FrameSettings]) -> Tensor:
        """The governor: take out the residual's low frequencies and bring it to its contrast, then keep it."""
        residual = residual - 0.5 * _low_pass(residual)
        self.residual = level(residual, raw, plan.contrast, most=_MOST_GROWTH)
        return self.residual


def step_gain(motion: FrameMotion, fresh: Tensor, is_steady: bool) -> Tensor:
    """What a carried frame's steps are multiplied by, (1, 1, H, W).

    They renew what resampling has worn off; only where what is dreamed changes they must move the dream at rest, too.
    """
    rest, moving = (_RESTING_GAIN, _MOVING_GAIN) if is_steady else (1.0, 1.0)
    worn = (motion.flow.norm(dim=1, keepdim=True) / _WEARING_MOTION).clamp_max(1)
    gain = rest + (moving - rest) * worn
    longer: Tensor = gain + (_FRESH_GAIN - gain) * fresh
    return longer


def _clipped_off(raw: Tensor, carried: Tensor) -> Tensor:
    """What of the carried residual the display's range has no room for.

    It is carried on unseen: else one white or black frame would cost half of the dream.
    """
    wished = raw + carried
    return wished - wished.clamp(0, 1)


def _low_pass(image: Tensor) -> Tensor:
    """Two box filters of an eighth of the short side, reflecting at the borders.

    What they leave is smooth, so they work on a picture that is a few times smaller: a fifteenth of the time.
    """
    size = (image.shape[-2], image.shape[-1])
    radius = max(1, round(min(size) * _LOW_PASS_SHARE / 2))
    shrink = max(1, radius // _RADIUS_WHEN_SMALL)
    small = resize(image, (-(-size[0] // shrink), -(-size[1] // shrink)))
    radius = max(1, round(((2 * radius + 1) / shrink - 1) / 2))
    for _ in range(2):
        padded = F.pad(small, (radius,) * 4, mode="reflect")
        small = F.avg_pool2d(F.avg_pool2d(padded, (2 * radius + 1, 1), 1), (1, 2 * radius + 1), 1)
    return resize(small, size)
