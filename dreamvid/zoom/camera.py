"""The camera of a zoom: exact affine motion from any time to any other, and one sharp resampling.

Convention: a motion is a 3 x 3 matrix that takes a pixel of the later picture, (x, y, 1) with pixel centers at whole
numbers, y down, to the place in the earlier picture that it shows (the backward map, as `warp_backward` wants it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor

from dreamvid.config.settings import ZoomFrameSettings
from dreamvid.dream.pyramid import Size
from dreamvid.motion import warp_backward

STEP = Fraction(1, 240)
"""Seconds over which a camera that changes is taken as steady; frames of 24, 25, 30, 48, 50 and 60 fps share the grid
or nearly so, and a film comes out the same at each."""


def camera_motion(
    settings_at: Callable[[Fraction], ZoomFrameSettings], size: Size, start: Fraction, end: Fraction, *, steady: bool
) -> Tensor:
    """The motion from `start` to `end`, in seconds, as a 3 x 3 float64 matrix.

    Zoom, rotation and pan are velocities: the motion is the solution of the differential equation that they make, so
    that two halves of a time compose to the whole exactly. `steady`: the camera does not change.
    """
    if steady:
        return torch.matrix_exp(_velocity(settings_at(start), size) * float(end - start))
    motion = torch.eye(3, dtype=torch.float64)
    time = start
    while time < end:
        following = min(end, (time // STEP + 1) * STEP)
        velocity = _velocity(settings_at(middle_of_step(time)), size)
        motion = motion @ torch.matrix_exp(velocity * float(following - time))
        time = following
    return motion


def steps_until(end: Fraction) -> Iterator[Fraction]:
    """The times, in seconds, at which a camera that changes is looked at until `end`."""
    return (middle_of_step(step * STEP) for step in range(math.ceil(end / STEP)))


def middle_of_step(time: Fraction) -> Fraction:
    """The middle of the step that a time falls into."""
    return (time // STEP) * STEP + STEP / 2


def _velocity(camera: ZoomFrameSettings, size: Size) -> Tensor:
    """How fast the place that a pixel shows moves as time goes back: zoom and rotation about the center, and pan."""
    height, width = size
    growth, turn = math.log(camera.zoom), math.radians(camera.rotate)
    x, y = camera.center_x * width - 0.5, camera.center_y * height - 0.5
    right, down = camera.pan_x * width, camera.pan_y * height
    return torch.tensor(
        [
            [-growth, turn, growth * x - turn * y + right],
            [-turn, -growth, growth * y + turn * x + down],
            [0.0, 0.0, 0.0],
        ],
        dtype=torch.float64,
    )


def move(picture: Tensor, motion: Tensor) -> Tensor:
    """What `picture` (N, C, H, W) looks like after `motion`; outside it is continued as in a mirror.

    One Catmull-Rom resampling; no motion gives the picture back bit for bit.
    """
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    shown_x = motion[0, 0] * x + motion[0, 1] * y + motion[0, 2]
    shown_y = motion[1, 0] * x + motion[1, 1] * y + motion[1, 2]
    return fetch(picture, shown_x, shown_y)


def fetch(picture: Tensor, x: Tensor, y: Tensor, mode: Literal["bicubic", "bilinear"] = "bicubic") -> Tensor:
    """Fetch each pixel of `picture` (N, C, H, W) from the place (x, y), each (H, W); outside it is continued as in a
    mirror."""
    height, width = picture.shape[-2:]
    own_y, own_x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    flow = torch.stack([_mirrored(x, width) - own_x, _mirrored(y, height) - own_y])
    return warp_backward(picture, flow[None].float().expand(len(picture), -1, -1, -1), mode)


def _mirrored(place: Tensor, length: int) -> Tensor:
    """Fold places outside [-0.5, length - 0.5] back in, as a mirror at each edge does."""
    inside = (place >= -0.5) & (place <= length - 0.5)
    folded = (place + 0.5).remainder(2 * length)
    return torch.where(inside, place, torch.minimum(folded, 2 * length - folded) - 0.5)
