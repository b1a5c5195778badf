"""The motion of a rigid camera: velocities, and the exact motions that they integrate to.

Convention: camera axes are x right, y down, z forward. A camera with velocity V and angular velocity W, both in its own
axes, sees a point X that stands still move as dX/dt = -V - W x X (Longuet-Higgins and Prazdny 1980).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Twist(NamedTuple):
    """Velocity in units per second, and angular velocity in radians per second about the camera's axes: positive
    `turn_x` looks up, `turn_y` right, and `turn_z` rolls the camera clockwise."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    turn_x: float = 0.0
    turn_y: float = 0.0
    turn_z: float = 0.0

    def plus(self, other: Twist) -> Twist:
        """Both at once."""
        return Twist(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def velocity(self) -> Tensor:
        """(3,) float64."""
        return torch.tensor(self[:3], dtype=torch.float64)

    @property
    def turn(self) -> Tensor:
        """The matrix of the cross product with the angular velocity, (3, 3) float64."""
        x, y, z = self[3:]
        return torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)


class Leg(NamedTuple):
    """A stretch of time over which the camera moves steadily."""

    twist: Twist
    seconds: float


def plane_velocity(twist: Twist) -> Tensor:
    """How fast the place that a ray shows moves as time goes back, over a plane that is always one unit ahead; (3, 3).

    Its matrix exponential is a homography of rays. Forward motion is written as a shrinking of x and y: without a turn
    about x or y, the matrix is affine, exactly.
    """
    velocity = twist.turn
    velocity[0, 2] += twist.x
    velocity[1, 2] += twist.y
    velocity[0, 0] -= twist.z
    velocity[1, 1] -= twist.z
    return velocity


def rigid_velocity(twist: Twist, farthest: float) -> Tensor:
    """How fast points in camera axes move as time goes on, (4, 4) on (X, Y, Z, 1).

    `farthest` is the inverse of the distance of the background. Space grows about the camera as fast as that comes
    closer, so that it stays where it is, and a flight never ends. 0: nothing is renewed.
    """
    velocity = torch.zeros(4, 4, dtype=torch.float64)
    velocity[:3, :3] = -twist.turn + twist.z * farthest * torch.eye(3, dtype=torch.float64)
    velocity[:3, 3] = -twist.velocity
    return velocity


def twist_between(earlier: Tensor, later: Tensor, seconds: float) -> Twist:
    """The steady motion from one pose to another, each (4, 4) from camera axes to the world's.

    The logarithm of a rigid motion (Murray, Li and Sastry 1994, proposition 2.9).
    """
    motion = torch.linalg.inv(earlier) @ later
    rotation, shift = motion[:3, :3], motion[:3, 3]
    axis = torch.stack(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    sine, cosine = float(axis.norm()) / 2, (float(rotation.trace()) - 1) / 2
    angle = math.atan2(sine, cosine)
    turn = axis / 2 if sine < 1e-9 else axis * (angle / (2 * sine))
    matrix = Twist(0, 0, 0, *turn.tolist()).turn
    # The inverse of the left Jacobian of SO(3).
    share = 1 / 12 if angle < 1e-4 else (1 - angle / 2 / math.tan(angle / 2)) / angle**2
    velocity = (torch.eye(3, dtype=torch.float64) - matrix / 2 + share * matrix @ matrix) @ shift
    return Twist(*(velocity / seconds).tolist(), *(turn / seconds).tolist())
