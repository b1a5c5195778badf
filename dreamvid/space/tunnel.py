"""Inside an endless round tunnel whose wall carries the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dreamvid.space.lens import Lens, Size, pixel_grid
from dreamvid.space.twist import Leg, Twist

_LARGEST_STEP = 0.1  # of a step of Runge and Kutta, in radians or in units
_FARTHEST_RAY = 8.0  # times half a picture: what the camera comes to see from beyond that is of no account


def tunnel_nearness(size: Size) -> Tensor:
    """The inverse distance of the wall at each pixel, (H, W) float64: 1 at the left and right edge, 0 in the middle.

    So the tunnel's radius is the tangent of half the field of view, whatever that is.
    """
    lens = Lens.of(90, size)  # of which half a width is one
    x, y = lens.rays(*pixel_grid(size))
    return torch.hypot(x, y)


def tunnel_places(legs: Sequence[Leg], before: Lens, after: Lens, size: Size) -> tuple[Tensor, Tensor]:
    """Where in the earlier picture lies what each pixel shows after the camera has moved, as x and y, (H, W) float64.

    The tunnel always lies around the camera and straight ahead, as if it bent along. Its points move by the field of
    Longuet-Higgins and Prazdny; followed back in time by the method of Runge and Kutta. Without a turn or a move to the
    side this is 1/r' = 1/r - s with r the distance from the middle in half widths, after s units of dolly.
    """
    place = torch.stack(after.rays(*pixel_grid(size)))
    half = (after.x + 0.5) / after.focal
    edge = _FARTHEST_RAY * half * max(1.0, size[0] / size[1])
    for twist, seconds in reversed(legs):
        reach = abs(seconds) * (math.hypot(*twist[:3]) + math.hypot(*twist[3:]))
        steps = math.ceil(reach / _LARGEST_STEP)
        for _ in range(steps):
            place = _step_back(place, twist, seconds / steps, half).clamp(-edge, edge)
    return before.pixels(place[0], place[1])


def _step_back(place: Tensor, twist: Twist, seconds: float, radius: float) -> Tensor:
    first = _velocity(place, twist, radius)
    second = _velocity(place + seconds / 2 * first, twist, radius)
    third = _velocity(place + seconds / 2 * second, twist, radius)
    fourth = _velocity(place + seconds * third, twist, radius)
    return place + seconds / 6 * (first + 2 * second + 2 * third + fourth)


def _velocity(place: Tensor, twist: Twist, radius: float) -> Tensor:
    """How fast the ray to a place on the wall moves as time goes back."""
    x, y = place[0], place[1]
    nearness = torch.hypot(x, y) / radius
    across, down = (twist.x - x * twist.z) * nearness, (twist.y - y * twist.z) * nearness
    tilt = twist.turn_y * x - twist.turn_x * y
    return torch.stack(
        [across + twist.turn_y + x * tilt - twist.turn_z * y, down - twist.turn_x + y * tilt + twist.turn_z * x]
    )
