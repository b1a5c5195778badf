"""A camera's way through space: poses at some times, and between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.space.twist import Twist, twist_between

Matrix = npt.NDArray[np.float64]

_TO_OUR_AXES = np.diag([1.0, -1.0, -1.0])  # y down and z forward, where files have y up and look along -z


class Pose(NamedTuple):
    """Where a camera is and where it looks at a time, as files have it.

    Attributes:
        seconds: from the film's beginning.
        position: (3,) in units of the file.
        rotation: (3, 3), from camera axes to the world's; the camera looks along -z, with y up and x to the right.
        fov: degrees across the width; None: not said.
    """

    seconds: float
    position: Matrix
    rotation: Matrix
    fov: float | None = None


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Poses in order of time, at least one. Before the first and after the last the camera stands still.

    Between two poses positions and fields of view go along a monotone cubic (PCHIP, Fritsch and Carlson 1980), which
    overshoots nowhere, and rotations along the shortest arc.
    """

    poses: Sequence[Pose]
    scale: float = 1.0

    def twist(self, start: float, end: float) -> Twist:
        """The steady motion that leads from the pose at `start` to that at `end`, in seconds."""
        return twist_between(self._matrix(start), self._matrix(end), end - start)

    def fov(self, seconds: float) -> float | None:
        """Degrees across the width at a time, or None where the file does not say."""
        if self.poses[0].fov is None:
            return None
        return float(self._fov(self._within(seconds)))

    def _matrix(self, seconds: float) -> Tensor:
        """From camera axes, x right, y down and z forward, to the world's, (4, 4) float64."""
        matrix = np.eye(4)
        seconds = self._within(seconds)
        matrix[:3, 3] = self.scale * self._position(seconds)
        matrix[:3, :3] = self._rotation(seconds) @ _TO_OUR_AXES
        return torch.from_numpy(matrix)

    def _within(self, seconds: float) -> float:
        return min(max(seconds, self.poses[0].seconds), self.poses[-1].seconds)

    @functools.cached_property
    def _times(self) -> Matrix:
        return np.array([pose.seconds for pose in self.poses])

    @functools.cached_property
    def _position(self) -> Callable[[float], Matrix]:
        return self._along(np.stack([pose.position for pose in self.poses]))

    @functools.cached_property
    def _fov(self) -> Callable[[float], Matrix]:
        return self._along(np.array([pose.fov for pose in self.poses], np.float64))

    @functools.cached_property
    def _rotation(self) -> Callable[[float], Matrix]:
        rotations = np.stack([pose.rotation for pose in self.poses])
        if len(self.poses) == 1:
            return lambda _: rotations[0]
        from scipy.spatial.transform import Rotation, Slerp

        arcs = Slerp(self._times, Rotation.from_matrix(rotations))
        return lambda seconds: np.asarray(arcs(seconds).as_matrix())

    def _along(self, values: Matrix) -> Callable[[float], Matrix]:
        if len(self.poses) == 1:
            return lambda _: np.asarray(values[0])
        from scipy.interpolate import PchipInterpolator

        curve: Callable[[float], Matrix] = PchipInterpolator(self._times, values)
        return curve
