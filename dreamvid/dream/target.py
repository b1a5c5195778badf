"""What is climbed at one tap of a network, and how much that counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from dreamvid.dream.objective import Objective, numbers
from dreamvid.dream.objectives.energy import Energy


@dataclass(frozen=True)
class Target:
    """What is climbed at one tap.

    Attributes:
        weight: how much this tap counts beside the others; negative: away from it.
        channels: the feature maps that count; None: all.
        objective: what is climbed of these.
    """

    weight: float = 1.0
    channels: tuple[int, ...] | None = None
    objective: Objective = field(default_factory=Energy)

    def direction(self, activation: Tensor, spread: float = 0.0, gathered: Tensor | None = None) -> Tensor:
        """Return the direction of ascent, shaped like `activation`: (N, C, h, w), or (N, C) for scores.

        Where `activation` is only a part of the picture's, `gathered` is what `gather` gives for all of it.
        """
        wanted = self.objective.direction(self._chosen(activation.detach()), spread, gathered)
        if self.channels is None:
            return wanted
        return torch.zeros_like(activation).index_copy(1, numbers(self.channels, activation.device), wanted)

    def gather(self, activation: Tensor) -> Tensor:
        """Return what parts of a picture must know of the whole; see `Objective.gather`."""
        return self.objective.gather(self._chosen(activation.detach()))

    def attainment(self, activation: Tensor) -> float:
        """Return how far the responses go where the ascent leads; see `Objective.attainment`."""
        return self.objective.attainment(self._chosen(activation.detach()))

    def guided(self, columns: Tensor | None) -> Target:
        """The same with the features of a guide, (C, M); None: it has none at this tap."""
        if columns is None:
            return self
        return replace(self, objective=self.objective.guided(columns, self.channels))

    def _chosen(self, activation: Tensor) -> Tensor:
        if self.channels is None:
            return activation
        return activation.index_select(1, numbers(self.channels, activation.device))
