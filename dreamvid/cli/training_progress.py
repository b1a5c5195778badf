"""Showing a training run: a bar within the epoch, and a line for each epoch."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from dreamvid.cli.progress import StoppedByUserError
from dreamvid.runtime.events import Downloading, Notice
from dreamvid.train.events import EpochDone, Event, StepDone, TrainingFinished, TrainingStarted


class _Patience:
    """Lets Ctrl-C, or a polite kill, wait for the step that is under way; given once more it waits for nothing.

    A context manager, for the main thread. Broken off in the middle of a step, a run would go on from its last
    checkpoint, and lose minutes.
    """

    def __init__(self) -> None:
        self.is_over = False

    def __enter__(self) -> Self:
        # What is ignored stays so: shells have it that way for what runs in the background.
        heeded = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) != signal.SIG_IGN]
        self._before = {one: signal.signal(one, self._take) for one in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, *_: object) -> None:
        if self.is_over:
            raise KeyboardInterrupt
        self.is_over = True


def show(events: Generator[Event, None, None]) -> None:
    """Run through `events`, which does the work; the weights' file is named on standard output at the end.

    Raises `StoppedByUserError` where it is interrupted, with a line that says what is kept.
    """
    console = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip
    folder: Path | None = None
    with bar, contextlib.closing(events), contextlib.ExitStack() as training:
        patience = _Patience()
        task = bar.add_task("reading pictures", total=None, state="")
        for event in events:
            match event:
                case Notice(text):
                    console.print(text, markup=False, soft_wrap=True)
                case Downloading():
                    bar.update(task, description=str(event))
                case TrainingStarted():
                    folder = event.folder
                    training.enter_context(patience)
                    console.print(_describe(event), markup=False, soft_wrap=True)
                    bar.update(task, description="training", total=event.steps, completed=event.resumed)
                case StepDone():
                    state = (
                        f"epoch {event.epoch}  loss {event.loss:.3f}  top-1 {event.top1:.1%}  "
                        f"{event.pictures_per_second:.0f} pictures/s  {_duration(event.seconds_left)} left"
                    )
                    bar.update(task, completed=event.step, state=state)
                case EpochDone():
                    kind = " robust" if event.robust else ""
                    console.print(
                        f"epoch {event.epoch}/{event.epochs}{kind} at {event.size} px: training loss "
                        f"{event.train_loss:.3f}, top-1 {event.train_top1:.1%}; validation loss {event.val_loss:.3f}, "
                        f"top-1 {event.val_top1:.1%} ({_duration(event.seconds)})",
                        markup=False,
                        soft_wrap=True,
                    )
                case TrainingFinished():
                    if event.skipped:
                        console.print(f"{event.skipped} unreadable pictures were skipped", markup=False, soft_wrap=True)
                    console.print(f"validation top-1 {event.val_top1:.1%}", markup=False, soft_wrap=True)
                    sys.stdout.write(f"{event.output}\n")
                    return
            if patience.is_over:
                break
    raise StoppedByUserError(
        f"interrupted; the run is kept in {folder}: run the same command again to resume, or with --fresh to start over"
    )


def _describe(event: TrainingStarted) -> str:
    resumed = f"; resuming from step {event.resumed}" if event.resumed else ""
    return (
        f"{event.classes} classes, {event.train_pictures} pictures for training, {event.val_pictures} for validation; "
        f"{event.parameters / 1e6:.2f} M parameters, {event.epochs} epochs, {event.steps} steps{resumed}"
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
