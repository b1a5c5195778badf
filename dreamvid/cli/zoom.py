"""`dreamvid zoom INPUT`: fly into a dream without end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dreamvid.cli.options import with_options
from dreamvid.presets import read_preset
from dreamvid.recipe import read_look
from dreamvid.settings import ZOOM_GROUPS, ZoomSettings, build_settings, read_settings_file


@with_options(ZOOM_GROUPS, repeatable=("layer", "class_"))
def zoom(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Picture, video, sequence or folder of pictures; or the word noise")
    ],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="PATH", help="File", show_default="<stem>.zoom.mp4")
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
    """Fly into a dream without end: each frame is the one before it, moved and dreamed on.

    Numbers may change over time: `--zoom "1.2 + beat"`, `--rotate "0s:(0), 8s:(20)ease"`.
    """
    settings = build_settings(
        ZoomSettings,
        read_preset(preset, "zoom") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), ZoomSettings) if like else {},
        given,
    )

    from dreamvid.cli.progress import show, show_estimate
    from dreamvid.render.estimate import estimate_zoom
    from dreamvid.render.zoom_job import ZoomJob, render_zoom

    job = ZoomJob(Path(source), Path(output) if output else None, settings, overwrite, fresh)
    if estimate:
        show_estimate(estimate_zoom(job), progress)
    else:
        show(render_zoom(job), progress)
