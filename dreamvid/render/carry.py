"""The temporal carry: what makes a dream stay on its object from frame to frame.

What is carried is the residual r = dream - raw frame, never the dream itself (README, "How it works"). It is warped
along the backward optical flow, weighted by how far the flow can be trusted, added to the next raw frame, and dreamed
on with few iterations; a governor keeps the result where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream import Dreamer
from dreamvid.motion import Motion, warp_backward

_TINY = 1e-12
_LOW_PASS_SHARE = 1 / 8  # of the short side: what is smoother than this is tint and brightness, not a dream
_FRESH_GAIN = 3.0  # how much longer the steps are where content was just uncovered


class Carry:
    """The state of one shot: its carried residual, (1, 3, H, W) float32 on the dreamer's device, or None at its start.

    The energy that the residual may reach is the RMS that the same look gives a fixed calibration picture, times
    `strength`: it depends on nothing that came before, so shots and chunks of shots agree in any order.
    """

    def __init__(self, dreamer: Dreamer, blend: float, warm_iterations: Sequence[int], strength: float) -> None:
        """`blend` in [0, 1] is how much of the warped residual enters the next frame; `warm_iterations` per octave."""
        self.residual: Tensor | None = None
        self.fresh = 1.0  # share of the last picture that could not be carried
        self.device = dreamer.device
        self._dreamer = dreamer
        self._blend = blend
        self._energy_limit = strength * dreamer.nominal_energy
        self._cold = dreamer.look.iterations_per_octave(dreamer.look.iterations)
        self._warm = dreamer.look.iterations_per_octave(warm_iterations)

    def begin(self, raw: Tensor) -> Tensor:
        """The dream of the first frame of a shot: nothing that came before enters it. (1, 3, H, W) in [0, 1]."""
        self.fresh = 1.0
        return self._settle(raw, self._dreamer.dream(raw) - raw)

    def follow(self, raw: Tensor, motion: Motion) -> Tensor:
        """The dream of the next frame, dreamed on from the carried residual; `motion` leads back from it.

        More iterations are spent the more of the picture is new, and longer steps just there.
        """
        fresh = self._measure_fresh(motion)
        counts = [
            warm + max(0, round((cold - warm) * self.fresh)) for cold, warm in zip(self._cold, self._warm, strict=True)
        ]
        carried = self._blend * self._warped(motion)
        dreamed = self._dreamer.dream(
            raw, iterations=counts, carried=carried, gain=1 + (_FRESH_GAIN - 1) * fresh
        )
        return self._settle(raw, dreamed - raw + _clipped_off(raw, carried))

    def coast(self, raw: Tensor, motion: Motion) -> Tensor:
        """Move the dream along without dreaming: the frames between those of `--every N`."""
        self._measure_fresh(motion)
        return self._settle(raw, self._warped(motion))

    def _measure_fresh(self, motion: Motion) -> Tensor:
        fresh = torch.from_numpy(1 - motion.reliability)[None, None].to(self.device)
        self.fresh = float(fresh.mean())
        return fresh

    def _warped(self, motion: Motion) -> Tensor:
        if self.residual is None:
            raise RuntimeError("a shot begins with `begin`")
        flow = torch.from_numpy(np.ascontiguousarray(motion.backward.transpose(2, 0, 1)))[None].to(self.device)
        reliability = torch.from_numpy(motion.reliability)[None, None].to(self.device)
        return warp_backward(self.residual, flow) * reliability

    def _settle(self, raw: Tensor, residual: Tensor) -> Tensor:
        """The governor: take out the residual's low frequencies and cap its energy, then keep it."""
        residual = residual - 0.5 * _low_pass(residual)
        energy = residual.square().mean().sqrt()
        self.residual = residual * (self._energy_limit / energy.clamp_min(_TINY)).clamp_max(1)
        return (raw + self.residual).clamp(0, 1)


def _clipped_off(raw: Tensor, carried: Tensor) -> Tensor:
    """What of the carried residual the display's range has no room for.

    It is carried on unseen: else one white or black frame would cost half of the dream.
    """
    wished = raw + carried
    return wished - wished.clamp(0, 1)


def _low_pass(image: Tensor) -> Tensor:
    """Two box filters of an eighth of the short side, reflecting at the borders."""
    height, width = image.shape[-2:]
    radius = max(1, round(min(height, width) * _LOW_PASS_SHARE / 2))
    for _ in range(2):
        padded = F.pad(image, (radius,) * 4, mode="reflect")
        image = F.avg_pool2d(F.avg_pool2d(padded, (2 * radius + 1, 1), 1), (1, 2 * radius + 1), 1)
    return image
