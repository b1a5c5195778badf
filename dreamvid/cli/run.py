"""`dreamvid run JOB.yaml|TIMELINE`: a list of clips, or the clips of a timeline, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamvid.cli.options import Config, Like, Preset, Progress, with_options
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import GROUPS, Settings, key_of, make_settings, read_settings_file
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.output.recipe import read_look

if TYPE_CHECKING:
    from dreamvid.render import Event, Job

LISTS = (".yaml", ".yml")
"""What the names of lists of clips end in; all else is taken for a timeline."""
_MOST_HANDLES = 10_000


@with_options(GROUPS, "run")
def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="JOB.yaml|TIMELINE",
            help="List of clips, with shared and individual settings; or a timeline (.otio, .edl), with the settings "
            "given here",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Timelines: folder for the dreams and the new timeline"
        ),
    ] = None,
    handles: Annotated[
        int | None,
        typer.Option(
            "--handles",
            metavar="N",
            min=0,
            max=_MOST_HANDLES,
            help="Timelines: extra frames to dream before and after each clip, as far as its media have them",
            show_default="0",
        ),
    ] = None,
    media: Annotated[
        list[Path] | None,
        typer.Option("--media", metavar="FOLDER", help="Timelines: where to look for missing media. Repeatable"),
    ] = None,
    edl_rate: Annotated[
        str | None,
        typer.Option("--edl-rate", metavar="FPS", help="Frame rate of an EDL", show_default="24"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs")] = False,
    preset: Preset = None,
    config: Config = None,
    like: Like = None,
    progress: Progress = "rich",
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Render a list of clips, or the clips of a timeline; if one fails, report it and continue with the next.

    dreamvid run job.yaml

    dreamvid run edit.otio -o dreamed --handles 12 --codec prores

    Clips that the same job has already rendered are skipped; interrupted renders are resumed. Of a timeline, only the
    frames that it uses are dreamed, and a copy with the dreams linked is written to the folder.
    """
    own = {"output": output, "handles": handles, "media": media, "edl_rate": edl_rate}
    if file.suffix.lower() in LISTS:
        refuse_beside_a_list({**own, "preset": preset, "config": config, "like": like, **given})
        from dreamvid.render import render_job
        from dreamvid.render.batch import read_batch

        render_list(read_batch(file, overwrite=overwrite), render_job, overwrite, progress)
        return
    if output is None:
        raise SettingsError(f"-o: {file} is a timeline; give a folder for what is rendered, such as -o dreamed")
    settings = make_settings(
        read_preset(preset, "dream") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), Settings) if like else {},
        given,
    )
    _run_timeline(file, output, settings, handles or 0, media or [], edl_rate, overwrite, progress)


def refuse_beside_a_list(given: Mapping[str, Any]) -> None:
    """Raise `SettingsError` for the first option that has a value: a list has settings of its own."""
    for name, value in given.items():
        if value:
            raise SettingsError(
                f"--{key_of(name)}: a list of clips contains its own settings; put it there, under `shared:` or a clip"
            )


def _run_timeline(
    file: Path,
    folder: Path,
    settings: Settings,
    handles: int,
    media: Sequence[Path],
    edl_rate: str | None,
    overwrite: bool,
    progress: str,
) -> None:
    from dreamvid.cli.shots import parse_rate
    from dreamvid.render import render_job
    from dreamvid.render.batch import is_done
    from dreamvid.timeline.plan import plan_timeline

    rate = None if edl_rate is None else parse_rate(edl_rate, "--edl-rate")
    plan = plan_timeline(file, folder, settings, handles=handles, media=media, overwrite=overwrite, rate=rate)
    for problem in plan.problems:
        typer.echo(problem, err=True)
    failures = _render_all([pull.job for pull in plan.pulls], render_job, overwrite, progress)
    linked = plan.link(is_done)
    typer.echo(f"{linked} of {len(plan.pulls)} dreams linked in the timeline", err=True)
    typer.echo(plan.target)
    if failures or plan.problems:
        raise typer.Exit(1)


def render_list(
    jobs: Sequence[Job], render: Callable[[Job], Iterator[Event]], overwrite: bool, progress: str
) -> None:
    """Render jobs one after the other; those that are there already, of the same job, are left out.

    Raises `typer.Exit` with code 1 where some have failed.
    """
    if _render_all(jobs, render, overwrite, progress):
        raise typer.Exit(1)


def _render_all(
    jobs: Sequence[Job], render: Callable[[Job], Iterator[Event]], overwrite: bool, progress: str
) -> list[str]:
    """The same; return what is to be said of those that have failed."""
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
    return failures
