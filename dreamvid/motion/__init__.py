"""Motion in the picture: optical flow, warping, occlusion, and shot boundaries."""

from __future__ import annotations

from dreamvid.motion.cuts import CutDetector, mark_cuts
from dreamvid.motion.estimate import Motion, MotionEstimator
from dreamvid.motion.flow import FlowEstimator, FlowField, FlowMethod, fetch_raft, make_flow_estimator, measure_flow
from dreamvid.motion.occlusion import find_unreliable, points_outside, soften
from dreamvid.motion.warp import warp_backward

__all__ = [
    "CutDetector",
    "FlowEstimator",
    "FlowField",
    "FlowMethod",
    "Motion",
    "MotionEstimator",
    "fetch_raft",
    "find_unreliable",
    "make_flow_estimator",
    "mark_cuts",
    "measure_flow",
    "points_outside",
    "soften",
    "warp_backward",
]
