"""What dreamers of one network share, whatever their looks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager

import torch

from dreamvid.dream.budget import TileBudget
from dreamvid.dream.graphs import StepGraphs, cuda_record
from dreamvid.dream.look import Look
from dreamvid.runtime.events import Tell, ignore

Threads = Callable[[int], AbstractContextManager[None]]
"""Entered while a picture of so many pixels is dreamed, by whoever owns the process: there its threads may be counted
out. See `dreamvid.runtime.device.Machine.threads_for`."""


def all_threads(pixels: int) -> AbstractContextManager[None]:  # noqa: ARG001
    """Leave the process as it is."""
    return contextlib.nullcontext()


class Shared:
    """What dreamers of one network find out once, and use together; for one thread at a time.

    Attributes:
        budget: what is dreamed in tiles.
        graphs: the recorded steps.
        threads: entered around the steps of each octave.
        measured: what calibration found, by `calibration_key`.
        steps: the lengths of steps that were found, by look.
        bytes_per_pixel: what a gradient takes, by look.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        *,
        budget: TileBudget | None = None,
        measured: MutableMapping[str, float] | None = None,
        threads: Threads = all_threads,
        tell: Tell = ignore,
    ) -> None:
        """`budget` None: nothing is dreamed in tiles. `measured` may keep what calibration finds for other programs.
        `tell` hears what people should know of recorded steps."""
        self.budget = TileBudget() if budget is None else budget
        self.measured: MutableMapping[str, float] = {} if measured is None else measured
        self.threads = threads
        self.graphs = StepGraphs(
            cuda_record(torch.device(device)) if torch.device(device).type == "cuda" else None, tell
        )
        self.steps: dict[Look, float] = {}
        self.bytes_per_pixel: dict[Look, float] = {}
