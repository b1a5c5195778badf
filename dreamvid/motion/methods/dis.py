"""Dense inverse search, the default.

The figures for the default, DIS, are end-point errors in pixels and milliseconds on one core, 8 px
of border left out, on samples/known_flow.mp4 (320x180) and samples/journey.mp4 (480x270; its sky is
nearly flat, which is where the error lives):

    preset, finest scale, refinements     known_flow       journey: hills   journey: portrait
    ULTRAFAST, 2, 0                       .123   0.5 ms    .33    1.5 ms    .30    1.6 ms
    FAST, 2, 5                            .110   1.1 ms    .25    2.9 ms    .20    2.9 ms
    FAST, 1, 5                            .044   4.0 ms    .36    9.2 ms    .14   10.0 ms
    FAST, 1, 5, smoothness 40 (used)      .035   3.9 ms    .34    9.1 ms    .12    9.3 ms
    FAST, 0, 5                            .047  16.3 ms    .48   37.9 ms    .15   38.0 ms
    MEDIUM, 1, 5                          .044   5.6 ms    .37   12.9 ms    .13   13.1 ms
    Farneback (window 15)                 .050   9.1 ms    .73   24.8 ms    .70   25.6 ms

Local histogram equalization changed nothing (.043, .37, .13 with MEDIUM). Stretching dark frames to the full
8 bits did: at 8 % brightness .046 instead of .050, .45 instead of .53, .18 instead of .25.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dreamvid.motion.flow import FlowField, FlowMethod, Frame, pad_edge, to_8_bits, to_gray
from dreamvid.runtime.registers import FLOWS

_MIN_SIDE_PX = 32  # below this the coarsest scale of the pyramid has no room for an 8 px patch


@FLOWS.register("dis")
class DisFlow(FlowMethod):
    """Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) with variational refinement; the default.

    See the module's docstring for why these settings. Frames under 32 px a side are padded with their edge.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(1)
        self._dis.setVariationalRefinementIterations(5)
        self._dis.setVariationalRefinementAlpha(40.0)

    def prepare(self, frame: Frame) -> Any:
        return to_gray(pad_edge(frame, _MIN_SIDE_PX)), frame.shape[:2]

    def between(self, first: Any, second: Any) -> FlowField:
        (a, (height, width)), (b, _) = first, second
        a, b = to_8_bits(a, b)
        flow = self._dis.calc(a, b, None)  # a field given here would be taken as a first guess
        return np.ascontiguousarray(flow[:height, :width])
