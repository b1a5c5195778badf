"""Motion in the picture: optical flow, warping, occlusion, and shot boundaries."""

from __future__ import annotations

from dreamvid.motion.cuts import CutDetector, mark_cuts
from dreamvid.motion.estimate import Motion, MotionEstimator
from dreamvid.motion.flow import FlowField, FlowMethod, make_flow_method, measure_flow
from dreamvid.motion.occlusion import find_unreliable, points_outside, soften
from dreamvid.motion.warp import warp_backward, warp_pixels

__all__ = [
    "CutDetector",
    "FlowField",
    "FlowMethod",
    "Motion",
    "MotionEstimator",
    "find_unreliable",
    "make_flow_method",
    "mark_cuts",
    "measure_flow",
    "points_outside",
    "soften",
    "warp_backward",
    "warp_pixels",
]
