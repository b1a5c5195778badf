"""Only the channels that answer most strongly to the picture."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dreamvid.dream.objective import Objective, mean_square, spread_channels
from dreamvid.runtime.registers import OBJECTIVES


@OBJECTIVES.register("strongest")
@dataclass(frozen=True)
class Strongest(Objective):
    """The energy of the channels that answer most strongly to the whole picture, chosen anew at each step.

    What the picture resembles already is dreamed further: grass where there is grass, walls where there are edges.

    Attributes:
        channels: how many.
    """

    channels: int = 8

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ValueError("objective strongest: channels must be at least 1")

    def wanted(self, features: Tensor) -> Tensor:
        return self.direction(features)

    def direction(self, features: Tensor, spread: float = 0.0, gathered: Tensor | None = None) -> Tensor:
        energy = mean_square(features) if gathered is None else gathered
        count = min(self.channels, features.shape[1])
        chosen = energy >= energy.topk(count, dim=1).values[:, -1:]
        alone = features * chosen.reshape(chosen.shape + (1,) * (features.ndim - 2))
        return spread_channels(alone, spread, energy * chosen)

    def gathers(self, spread: float) -> bool:  # noqa: ARG002
        return True

    def gather(self, features: Tensor) -> Tensor:
        return mean_square(features)
