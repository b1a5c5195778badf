"""What a render says while it runs. The progress bar, the JSON log and the tests all read the same events."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class Notice:
    """Something a person may want to know, one line."""

    text: str


@dataclass(frozen=True)
class Started:
    """All is open and loaded; the first frame comes next. `frames` is None where the clip does not tell."""

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
class FrameDone:
    """One frame is on its way to the encoder.

    `energy` is the RMS of dream minus raw frame and `fresh` the share of the picture that could not be carried, both
    in [0, 1]; `seconds` is the time since the frame before.
    """

    frame: int
    shot: int
    energy: float
    fresh: float
    seconds: float


@dataclass(frozen=True)
class Finished:
    """The file is complete under its final name."""

    target: Path
    frames: int
    seconds: float


Event = Notice | Started | ShotStarted | FrameDone | Finished
