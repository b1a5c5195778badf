"""What a render says while it runs. The progress bar, the JSON log and the tests all read the same events."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.notices import Downloading, Notice


@dataclass(frozen=True)
class Started:
    """Everything is open and loaded; the first frame comes next. `frames` is None if the clip does not say."""

    source: Path
    target: Path
    frames: int | None
    width: int
    height: int
    rate: Fraction | None
    model: str
    layers: tuple[str, ...]
    device: str
    precision: str
    resumed: int = 0
    """Frames that an interrupted render of the same had finished."""


@dataclass(frozen=True)
class ShotStarted:
    """A shot begins at `frame`; shots and frames count from 0."""

    shot: int
    frame: int


@dataclass(frozen=True)
class Figures:
    """What a finished frame was measured by.

    Attributes:
        objective: how much of what is dreamed of it holds, see `Dreamer.attainment`.
        lift: the same over that of the raw frame; None where there is none.
        warped_error: mean |residual of the frame before, moved along the flow - residual|, over the mean |residual|,
            both where the flow can be trusted: 0 the dream stays on its object, 1 it has nothing to do with what was
            there. None where a shot begins.
    """

    objective: float
    lift: float | None = None
    warped_error: float | None = None


@dataclass(frozen=True)
class FrameDone:
    """One frame is on its way to the encoder.

    `energy` is the RMS of the dream minus the raw frame, and `fresh` the share of the picture that could not be carried
    over, both in [0, 1]; `seconds` is the time since the previous frame. `figures` are measured if a report is wanted.
    """

    frame: int
    shot: int
    energy: float
    fresh: float
    seconds: float
    figures: Figures | None = None


@dataclass(frozen=True)
class Finished:
    """The file is complete under its final name."""

    target: Path
    frames: int
    seconds: float


@dataclass(frozen=True)
class FarmProgress:
    """Of a film that many machines render: shots, or chunks of long ones, that are done, and workers that are ready."""

    done: int
    units: int
    workers: int


@dataclass(frozen=True)
class FramesLost:
    """Something was tried in vain, a shot as a rule: so many frames that had been done count no more."""

    frames: int
    reason: str


Event = Notice | Downloading | Started | ShotStarted | FrameDone | Finished | FarmProgress | FramesLost
