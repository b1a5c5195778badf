"""Bright is near: no network, and a relief that always fits what has been dreamed."""

from __future__ import annotations

import cv2
import numpy as np

from dreamvid.runtime.registers import DEPTHS
from dreamvid.space.depth_model import DepthModel, Plane

_SOFTNESS = 1 / 24  # of the short side: what is finer is texture, not shape
_DEVIATIONS = 2.0  # of the smoothed picture, from the middle to the nearest and the farthest


@DEPTHS.register("brightness")
class BrightnessDepth(DepthModel):
    """The smoothed luma, spread about its mean."""

    def nearness(self, picture: Plane) -> Plane:
        luma = np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY), np.float32)
        soft = np.asarray(cv2.GaussianBlur(luma, (0, 0), _SOFTNESS * min(luma.shape)), np.float32)
        spread = _DEVIATIONS * max(float(soft.std()), 1e-3)
        return np.asarray(np.clip(0.5 + (soft - soft.mean()) / (2 * spread), 0, 1), np.float32)
