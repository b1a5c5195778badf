"""Only the strongest channels of each place."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dreamvid.dream.objective import Objective
from dreamvid.registers import OBJECTIVES


@OBJECTIVES.register("strongest")
@dataclass(frozen=True)
class Strongest(Objective):
    """The energy of the channels that answer most strongly at each place: what a place resembles most, and no mixture.

    Attributes:
        channels: how many.
    """

    channels: int = 8

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ValueError("objective strongest: channels must be at least 1")

    def wanted(self, features: Tensor) -> Tensor:
        strength = features.abs()
        most = min(self.channels, features.shape[1])
        least = strength.topk(most, dim=1).values.amin(1, keepdim=True)
        return features * (strength >= least)
