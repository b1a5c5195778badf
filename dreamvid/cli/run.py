"""`dreamvid run JOB.yaml`: a list of clips, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid.cli.options import Progress
from dreamvid.errors import DreamvidError

if TYPE_CHECKING:
    from dreamvid.render import Event, Job


def run(
    file: Annotated[
        Path, typer.Argument(metavar="JOB.yaml", help="List of clips, with shared and individual settings")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs")] = False,
    progress: Progress = "rich",
) -> None:
    """Render a list of clips; if one fails, report it and continue with the next.

    Clips that the same job has already rendered are skipped; interrupted renders are resumed.
    """
    from dreamvid.render import render_job
    from dreamvid.render.batch import read_batch

    render_list(read_batch(file, overwrite=overwrite), render_job, overwrite, progress)


def render_list(
    jobs: Sequence[Job], render: Callable[[Job], Iterator[Event]], overwrite: bool, progress: str
) -> None:
    """Render jobs one after the other; those that are there already, of the same job, are left out.

    Raises `typer.Exit` with code 1 where some have failed.
    """
    from dreamvid.cli.progress import StoppedByUserError, show
    from dreamvid.render.batch import is_done

    done = kept = 0
    failures: list[str] = []
    for number, job in enumerate(jobs, 1):
        if not overwrite and is_done(job):
            typer.echo(f"clip {number} of {len(jobs)}: {job.target} is already complete", err=True)
            kept += 1
            continue
        typer.echo(f"clip {number} of {len(jobs)}: {job.source} -> {job.target}", err=True)
        try:
            show(render(job), progress)
            done += 1
        except StoppedByUserError:
            raise
        except DreamvidError as error:
            failures.append(f"clip {number}: {error}")
            typer.echo(failures[-1], err=True)
    typer.echo(f"{done} rendered, {kept} already complete, {len(failures)} failed", err=True)
    if failures:
        raise typer.Exit(1)
