"""What happens at each step of a run, as a pure function of the step: epoch, picture size, learning rate, phase.

Nothing here has state, and all randomness of a step follows from (seed, step): that is what makes a resumed run
equal to an unbroken one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from dreamvid.train.settings import TrainSettings

_WARM_UP_SHARE = 0.15  # of a one-cycle phase: the rate rises this long
_START_RATE = 0.1  # of the peak
_END_RATE = 0.002
_STREAMS = ("order", "augment", "dropout")


@dataclass(frozen=True)
class Step:
    """One step: where it is, and what it does."""

    index: int
    epoch: int
    place: int  # within the epoch
    robust: bool
    size: int  # side of the pictures, in pixels
    lr: float


@dataclass(frozen=True)
class Plan:
    """The steps of a run: `epochs` plain ones, then `robust_epochs` adversarial ones."""

    epochs: int
    robust_epochs: int
    steps_per_epoch: int
    resolution: int
    growth: dict[float, int]
    lr: float
    robust_lr: float
    schedule: str

    @classmethod
    def of(cls, settings: TrainSettings, pictures: int) -> Plan:
        """Return the plan for resolved settings and a number of training pictures."""
        resolution, lr, robust_lr = settings.resolution, settings.lr, settings.robust_lr
        if resolution is None or lr is None or robust_lr is None:
            raise ValueError("the plan needs resolved settings")
        # The last, smaller batch of an epoch is left out, unless it is the only one.
        return cls(
            settings.epochs,
            settings.robust_epochs if settings.robust else 0,
            max(1, pictures // settings.batch_size),
            resolution,
            settings.growth,
            lr,
            robust_lr,
            settings.schedule,
        )

    @property
    def total_epochs(self) -> int:
        return self.epochs + self.robust_epochs

    @property
    def total_steps(self) -> int:
        return self.total_epochs * self.steps_per_epoch

    def step(self, index: int) -> Step:
        """Return step `index`, counted from 0 over the whole run."""
        epoch, place = divmod(index, self.steps_per_epoch)
        robust = epoch >= self.epochs
        if robust:
            first, epochs, peak = self.epochs, self.robust_epochs, self.robust_lr
        else:
            first, epochs, peak = 0, self.epochs, self.lr
        done = (index - first * self.steps_per_epoch) / (epochs * self.steps_per_epoch)
        sizes = [size for share, size in sorted(self.growth.items()) if epoch < share * self.epochs]
        size = sizes[0] if sizes and not robust else self.resolution
        return Step(index, epoch, place, robust, size, peak * learning_rate(done, self.schedule))


def learning_rate(done: float, schedule: str) -> float:
    """Return the learning rate at a share `done` of a phase, as a share of its peak.

    "onecycle" (Smith & Topin 2018) rises from a tenth and falls to nearly nothing, "cosine" (Loshchilov & Hutter
    2017) only falls.
    """
    if schedule == "cosine":
        return _cosine(1, _END_RATE, done)
    if done < _WARM_UP_SHARE:
        return _cosine(_START_RATE, 1, done / _WARM_UP_SHARE)
    return _cosine(1, _END_RATE, (done - _WARM_UP_SHARE) / (1 - _WARM_UP_SHARE))


def generator_for(seed: int, stream: str, index: int = 0) -> torch.Generator:
    """Return the CPU generator of one purpose ("order", "augment", "dropout") at one step or epoch."""
    # torch's generator takes in 32 bits of its seed and no more: the three numbers must be mixed before.
    mixed = np.random.SeedSequence((seed, _STREAMS.index(stream), index)).generate_state(1)
    return torch.Generator().manual_seed(int(mixed[0]))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
