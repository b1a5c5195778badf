"""`dreamvid zoom INPUT`: fly into a dream without end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dreamvid.cli.options import Config, Estimate, Fresh, Like, Overwrite, Preset, Progress, with_options
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import ZOOM_GROUPS, ZoomSettings, build_settings, read_settings_file
from dreamvid.output.recipe import read_look


@with_options(ZOOM_GROUPS)
def zoom(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Picture, video, sequence (frames/%05d.png), folder of pictures, or the word noise"
        ),
    ],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="PATH", help="File", show_default="<stem>.zoom.mp4")
    ] = None,
    overwrite: Overwrite = False,
    fresh: Fresh = False,
    preset: Preset = None,
    config: Config = None,
    like: Like = None,
    progress: Progress = "rich",
    estimate: Estimate = False,
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Fly into an endless dream: each frame is the previous one, moved and dreamed further.

    Numbers may change over time: `--zoom "1.2 + beat"`, `--rotate "0s:(0), 8s:(20)ease"`.
    """
    settings = build_settings(
        ZoomSettings,
        read_preset(preset, "zoom") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), ZoomSettings) if like else {},
        given,
    )

    from dreamvid.cli.progress import show, show_estimate, tell
    from dreamvid.zoom.estimate import estimate_zoom
    from dreamvid.zoom.job import ZoomJob, render_zoom

    job = ZoomJob(Path(source), Path(output) if output else None, settings, overwrite, fresh)
    if estimate:
        show_estimate(estimate_zoom(job, tell), progress)
    else:
        show(render_zoom(job), progress)
