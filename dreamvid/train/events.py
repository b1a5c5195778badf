"""What a training run reports while it goes on; the progress bar, the log and the tests read the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dreamvid.runtime.events import Progress


@dataclass(frozen=True)
class TrainingStarted:
    """The pictures are found and the network is built.

    `resumed` is the step that the run goes on from, 0 if new; `skipped` counts unreadable pictures, as far as known;
    `folder` is where the run's state is kept.
    """

    classes: int
    train_pictures: int
    val_pictures: int
    parameters: int
    epochs: int
    steps: int
    resumed: int
    skipped: int
    folder: Path


@dataclass(frozen=True)
class StepDone:
    """One batch is learned; `step` counts from 1 to `steps`. Loss and accuracy are running means of the epoch."""

    step: int
    steps: int
    epoch: int
    loss: float
    top1: float
    lr: float
    pictures_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochDone:
    """One epoch is over; counted from 1. Validation values are NaN where there are no such pictures."""

    epoch: int
    epochs: int
    robust: bool
    size: int
    lr: float
    train_loss: float
    train_top1: float
    val_loss: float
    val_top1: float
    seconds: float
    skipped: int


@dataclass(frozen=True)
class TrainingFinished:
    """The weights are written."""

    output: Path
    val_top1: float
    skipped: int


Event = Progress | TrainingStarted | StepDone | EpochDone | TrainingFinished
