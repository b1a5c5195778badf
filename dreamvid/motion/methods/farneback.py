"""Polynomial expansion."""

from __future__ import annotations

import cv2
import numpy as np

from dreamvid.motion.flow import FlowField, FlowMethod, Frame, to_8_bits, to_gray
from dreamvid.runtime.registers import FLOWS


@FLOWS.register("farneback")
class FarnebackFlow(FlowMethod):
    """Polynomial expansion (Farnebäck 2003): smooth, forgiving of noise, slower and coarser than DIS."""

    def prepare(self, frame: Frame) -> Frame:
        return to_gray(frame)

    def between(self, first: Frame, second: Frame) -> FlowField:
        a, b = to_8_bits(first, second)
        flow = np.zeros((*a.shape, 2), np.float32)
        cv2.calcOpticalFlowFarneback(
            a,
            b,
            flow,
            pyr_scale=0.5,
            levels=5,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )
        return flow
