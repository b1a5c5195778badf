"""Showing a render's events: a bar for people, lines of JSON for programs, or nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from dreamvid.errors import DreamvidError
from dreamvid.render import Downloading, Event, Finished, FrameDone, Notice, ShotStarted, Started
from dreamvid.render.estimate import Estimate
from dreamvid.runtime.events import BackwardFrameDone, FarmProgress, FramesLost


class StoppedByUserError(DreamvidError):
    """A person, or a polite kill, has stopped what was going on."""

    exit_code = 130


def show(events: Iterator[Event], how: str) -> None:
    """Run through `events`, which does the work, and show them `how`: rich, json or none."""
    try:
        _SHOWN[how](events)
    except KeyboardInterrupt as interrupt:
        raise StoppedByUserError(str(interrupt) or _interrupt(events)) from None


def _interrupt(events: Iterator[Event]) -> str:
    """Tell a render of an interruption that came while its events were shown; return what it says to it."""
    if isinstance(events, Generator):
        try:
            events.throw(KeyboardInterrupt())
        except KeyboardInterrupt as answer:
            return str(answer) or "interrupted"
    return "interrupted"


def _show_nothing(events: Iterator[Event]) -> None:
    for _ in events:
        pass


def _show_json(events: Iterator[Event]) -> None:
    """One object a line on standard output: {"event": "frame-done", "frame": 0, …}."""
    for event in events:
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()
        sys.stdout.write(json.dumps({"event": name, **asdict(event)}, default=_plain) + "\n")
        sys.stdout.flush()


def _plain(value: Any) -> str:
    if isinstance(value, (Path, Fraction)):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in the log")


class _Rate(ProgressColumn):
    """Frames a second, or seconds a frame where that is the readable one; of a download megabytes a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        if task.fields["unit"] == "MB":
            return Text(f"{speed:.1f} MB/s", style="progress.data.speed")
        return Text(f"{speed:.1f} frames/s" if speed >= 1 else f"{1 / speed:.1f} s/frame", style="progress.data.speed")


def _show_bar(events: Iterator[Event]) -> None:
    """A bar on standard error; the finished file's name on standard output."""
    console = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.fields[where]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None, where="", unit="")
        passes = 1
        for event in events:
            match event:
                case Notice(text):
                    console.print(text, markup=False, soft_wrap=True)
                case Downloading(what, done, total):
                    megabytes = None if total is None else round(total / 1e6)
                    bar.update(task, where=what, unit="MB", total=megabytes, completed=round(done / 1e6))
                case Started():
                    console.print(_describe(event), markup=False, soft_wrap=True)
                    bar.reset(task, total=event.frames, completed=event.resumed, where="shot 1", unit="")
                    passes = event.passes
                case ShotStarted(shot=shot):
                    bar.update(task, where=f"shot {shot + 1}")
                case FarmProgress(done, units, workers):
                    bar.update(task, where=f"{done}/{units} shots on {workers} worker{'s' * (workers != 1)}")
                case BackwardFrameDone() if passes > 1:
                    bar.update(task, where="backward pass", advance=1 / passes)
                case FrameDone(shot=shot) if passes > 1:
                    bar.update(task, where=f"shot {shot + 1}", advance=1 / passes)
                case FrameDone():
                    bar.advance(task)
                case FramesLost(frames, reason):
                    console.print(reason, markup=False, soft_wrap=True)
                    bar.advance(task, -frames)
                case Finished(target, frames, seconds):
                    speed = f", {frames / seconds:.2f} frames/s" if frames > 1 else ""
                    console.print(f"{frames} frame{'s' * (frames != 1)} in {seconds:.1f} s{speed}", markup=False)
                    sys.stdout.write(f"{target}\n")


def _describe(event: Started) -> str:
    what = f"{event.source.name}: {event.width}x{event.height}"
    if event.rate is not None:
        what += f" at {float(event.rate):.5g} fps"
    return f"{what}; {event.model} {', '.join(event.layers)} on {event.device} ({event.precision})"


def tell(event: object) -> None:
    """One line for people, on standard error."""
    sys.stderr.write(f"{event}\n")


def show_estimate(estimate: Estimate, how: str) -> None:
    """Show what a render will take, on standard output."""
    if how == "json":
        sys.stdout.write(json.dumps({"event": "estimate", **asdict(estimate)}) + "\n")
        return
    cut = f", plus {_duration(estimate.cut)} for each cut" if estimate.cut else ""
    lines = [
        f"{estimate.frames} frames of {estimate.width}x{estimate.height}",
        f"time    about {_duration(estimate.seconds)}: {_duration(estimate.begin)} to start, then "
        f"{_duration(estimate.frame)} per frame{cut}",
    ]
    if estimate.memory is not None:
        lines.append(f"memory  {_bytes(estimate.memory)}")
    if estimate.device_memory is not None:
        lines.append(f"        {_bytes(estimate.device_memory)} on the accelerator")
    lines.append(f"size    about {_bytes(estimate.size)}, without sound; {_bytes(estimate.free)} free on the disk")
    if estimate.scratch:
        lines.append(f"        and up to {_bytes(estimate.scratch)} in the journal while it renders")
    sys.stdout.write("\n".join(lines) + "\n")


def _duration(seconds: float) -> str:
    """0.042 s, 3.1 s, 2 min 05 s, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _bytes(count: float) -> str:
    """In units of a thousand, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


_SHOWN: dict[str, Callable[[Iterator[Event]], None]] = {"rich": _show_bar, "json": _show_json, "none": _show_nothing}
