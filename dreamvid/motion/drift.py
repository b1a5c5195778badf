"""The motion of a picture as a whole: how a camera moves it, as one affine velocity.

Where two pictures shine through each other no flow can be measured. What can be done is to go on with the motion that
each has where it is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.cuts import Gray, to_8_bits

Matrix = npt.NDArray[np.float64]
"""(3, 3): takes the place (x, y, 1) of a pixel center of one picture to the place in another that shows the same."""

_GRID = 6  # px between the places at which flow is looked at
_ROUNDS = 4  # of reweighting
_FLAT = 0.01  # RMS contrast of a picture in which nothing can be followed
_LEAST_SCALE = 0.05  # px: what counts as noise of the flow at least


@dataclass(frozen=True, eq=False)
class Drift:
    """How a picture moves from frame to frame.

    velocity: (2, 3) float64, from (x, y, 1), in longer sides of the picture from its center, to the way that the place
    has come since the frame before, in the same unit. x to the right, y down.
    """

    velocity: npt.NDArray[np.float64]

    @classmethod
    def mean(cls, drifts: Sequence[Drift]) -> Drift:
        """The mean of several; of none, that of a picture at rest."""
        if not drifts:
            return STILL
        return cls(np.mean([drift.velocity for drift in drifts], axis=0))

    def matrix(self, frames: int, width: int, height: int) -> Matrix:
        """Take a pixel's place now to its place `frames` earlier (later, if negative), in a picture of that size."""
        back = np.eye(3)
        back[:2] -= self.velocity
        side = max(width, height)
        place = np.array([[side, 0, (width - 1) / 2], [0, side, (height - 1) / 2], [0, 0, 1]], np.float64)
        matrix: Matrix = place @ np.linalg.matrix_power(back, frames) @ np.linalg.inv(place)
        return matrix


STILL = Drift(np.zeros((2, 3)))


class DriftEstimator:
    """Fits one affine velocity to the flow between two small gray pictures; from one thread at a time."""

    def __init__(self) -> None:
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(1)

    def measure(self, first: Gray, second: Gray) -> Drift:
        """How `first`, (H, W) float32, has become `second`. What moves otherwise, a person, say, counts for little."""
        if min(first.std(), second.std()) < _FLAT:
            return STILL
        flow = self._dis.calc(to_8_bits(second), to_8_bits(first), None)
        height, width = second.shape
        side = max(width, height)
        x, y = np.meshgrid(np.arange(2, width, _GRID), np.arange(2, height, _GRID))
        places = np.stack(
            [(x.ravel() - (width - 1) / 2) / side, (y.ravel() - (height - 1) / 2) / side, np.ones(x.size)], axis=1
        )
        ways = -flow[2::_GRID, 2::_GRID].reshape(-1, 2).astype(np.float64) / side
        weights = np.ones((x.size, 1))
        for _ in range(_ROUNDS):  # iteratively reweighted least squares, with Cauchy's weights
            found = np.linalg.lstsq(places * weights, ways * weights, rcond=None)[0]
            errors = np.linalg.norm(ways - places @ found, axis=1)
            scale = max(float(np.median(errors)), _LEAST_SCALE / side)
            weights = (1 / (1 + (errors / (2 * scale)) ** 2))[:, None]
        return Drift(found.T)
