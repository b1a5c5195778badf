"""`dreamvid INPUT`: dream a video, a picture or a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dreamvid.cli.options import with_options
from dreamvid.presets import read_preset
from dreamvid.recipe import read_look
from dreamvid.settings import GROUPS, Settings, make_settings, read_settings_file


@with_options(GROUPS, repeatable=("layer", "class_"))
def dream(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, picture, sequence (frames/%05d.png) or folder of pictures")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="PATH", help="File, or pattern for a sequence", show_default="<stem>.dream.mp4"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over, where an interrupted render could be gone on with")
    ] = False,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="A named look; `dreamvid presets` lists them")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="Settings from a YAML file: flag names without --")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", metavar="FILE", help="The look of a finished render")
    ] = None,
    progress: Annotated[
        Literal["rich", "json", "none"],
        typer.Option("--progress", metavar="rich|json|none", help="A bar, a line of JSON for each event, or silence"),
    ] = "rich",
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Render two frames for trial, and say what the whole will take")
    ] = False,
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Dream a video, a picture or a sequence."""
    settings = make_settings(
        read_preset(preset, "dream") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), Settings) if like else {},
        given,
    )

    # The network's libraries take seconds to load: only once it is sure that they are needed.
    from dreamvid.cli.progress import show, show_estimate
    from dreamvid.render import Job, render_job
    from dreamvid.render.estimate import estimate_job

    job = Job(Path(source), Path(output) if output else None, settings, overwrite, fresh)
    if estimate:
        show_estimate(estimate_job(job), progress)
    else:
        show(render_job(job), progress)
