"""Showing a training run: a bar within the epoch, and a line for each epoch."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from dreamvid.notices import Downloading, Notice
from dreamvid.train.events import EpochDone, Event, Finished, Prepared, StepDone


def show(events: Generator[Event, None, None]) -> None:
    """Run through `events`, which does the work; the weights' file is named on standard output at the end."""
    console = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip
    with bar, contextlib.closing(events):
        task = bar.add_task("reading pictures", total=None, state="")
        for event in events:
            match event:
                case Notice(text):
                    console.print(text, markup=False, soft_wrap=True)
                case Downloading():
                    bar.update(task, description=str(event))
                case Prepared():
                    console.print(_describe(event), markup=False)
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
                    )
                case Finished():
                    if event.skipped:
                        console.print(f"{event.skipped} unreadable pictures were skipped", markup=False)
                    console.print(f"validation top-1 {event.val_top1:.1%}", markup=False)
                    sys.stdout.write(f"{event.output}\n")


def _describe(event: Prepared) -> str:
    resumed = f"; going on from step {event.resumed}" if event.resumed else ""
    return (
        f"{event.classes} classes, {event.train_pictures} pictures to train on, {event.val_pictures} to validate; "
        f"{event.parameters / 1e6:.2f} M parameters, {event.epochs} epochs, {event.steps} steps{resumed}"
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
