"""The usual objective: more of whatever the layer answers with."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dreamvid.dream.objective import Objective, Score
from dreamvid.runtime.registers import OBJECTIVES


@OBJECTIVES.register("energy")
@dataclass(frozen=True)
class Energy(Objective):
    """The energy of the activation F, ½||F||², whose gradient is F itself (Mordvintsev, Olah & Tyka 2015).

    Balanced, it is  sum_c ||F_c||^(2 - spread), see `spread_channels`. The attainment is the RMS of F.
    """

    def wanted(self, features: Tensor) -> Tensor:
        return features

    def of_channels(self) -> Objective:
        """The mean activation: of a single channel, the square would draw the same, but slower from nothing."""
        return Score()
