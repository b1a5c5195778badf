"""`dreamvid visualize`: pictures from noise, of what a part of a network answers to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dreamvid.cli.options import Config, Progress, with_options
from dreamvid.config.settings import read_settings_file
from dreamvid.visualize.settings import COMMAND, VISUALISE_GROUPS, make_visualize_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.render import Event
    from dreamvid.visualize.job import DrawingEvent, DrawingStarted, PictureDone


@with_options(VISUALISE_GROUPS, COMMAND)
def visualize(
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="File, folder, or pattern such as eyes/%02d.png",
            show_default="<layer>-<channel>.png",
        ),
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="Put all pictures on one labeled contact sheet")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files")] = False,
    config: Config = None,
    progress: Progress = "rich",
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    r"""Draw, from noise, what a layer, channel, neuron or class responds to.

    dreamvid visualize --layer inception4d --channels 5,50 --count 4 --diversity 0.5

    Each channel, class and whole layer gets a picture of its own.
    """
    method, settings = make_visualize_settings(read_settings_file(Path(config)) if config else {}, given)

    from dreamvid.visualize.job import VisualizationJob, visualize

    job = VisualizationJob(settings, method, Path(output) if output else None, sheet, overwrite)
    show(visualize(job), progress)


def show(events: Iterator[DrawingEvent], how: str) -> None:
    """Run through `events`, which does the work, and show them `how`: rich, json or none."""
    if how == "rich":
        _show_bar(events)
        return
    from dreamvid.cli import progress

    progress.show(cast("Iterator[Event]", events), how)  # lines of JSON are made of any events


def _show_bar(events: Iterator[DrawingEvent]) -> None:
    """A bar of all steps on standard error; the names of the files, each when it is there, on standard output."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from dreamvid.render import Downloading, Notice
    from dreamvid.visualize.job import DrawingFinished, DrawingStarted, PictureDone, StepDone

    console = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None, state="")
        named: set[Path] = set()
        for event in events:
            match event:
                case Notice(text):
                    console.print(text, markup=False, soft_wrap=True)
                case Downloading():
                    bar.update(task, description=str(event))
                case DrawingStarted():
                    console.print(_describe(event), markup=False, soft_wrap=True)
                    bar.update(task, total=event.steps)
                case StepDone():
                    bar.update(task, advance=1, description=event.subject, state=f"response {event.response:.2f}")
                case PictureDone():
                    console.print(_figures(event), markup=False, soft_wrap=True)
                    if event.target is not None:
                        named.add(event.target)
                        typer.echo(event.target)
                case DrawingFinished(targets, pictures, seconds):
                    console.print(f"{pictures} picture{'s' * (pictures != 1)} in {seconds:.1f} s", markup=False)
                    for target in targets:
                        if target not in named:
                            typer.echo(target)


def _describe(event: DrawingStarted) -> str:
    what = f"{event.pictures} picture{'s' * (event.pictures != 1)} of {event.width}x{event.height}"
    return f"{what}; {event.model} {', '.join(event.layers)} on {event.device} ({event.precision})"


def _figures(event: PictureDone) -> str:
    alike = "" if event.similarity is None else f", similarity {event.similarity:.2f}"
    return f"{event.subject} ({event.number}): response {event.at_start:.2f} -> {event.response:.2f}{alike}"
