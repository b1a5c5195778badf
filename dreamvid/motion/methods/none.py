"""No motion at all."""

from __future__ import annotations

import numpy as np

from dreamvid.motion.flow import FlowField, FlowMethod, Frame
from dreamvid.runtime.registers import FLOWS


@FLOWS.register("none")
class NoFlow(FlowMethod):
    """Takes everything to stand still."""

    stands_still = True

    def prepare(self, frame: Frame) -> Frame:
        return frame

    def between(self, first: Frame, second: Frame) -> FlowField:  # noqa: ARG002
        return np.zeros((*first.shape[:2], 2), np.float32)
