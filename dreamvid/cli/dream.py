"""`dreamvid INPUT`: dream a video, a picture or a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dreamvid.cli.options import Config, Estimate, Fresh, Like, Output, Overwrite, Preset, Progress, with_options
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import GROUPS, Settings, make_settings, read_settings_file
from dreamvid.output.recipe import read_look


@with_options(GROUPS)
def dream(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, picture, sequence (frames/%05d.png) or folder of pictures")
    ],
    output: Output = None,
    overwrite: Overwrite = False,
    fresh: Fresh = False,
    preset: Preset = None,
    config: Config = None,
    like: Like = None,
    progress: Progress = "rich",
    estimate: Estimate = False,
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
    from dreamvid.cli.progress import show, show_estimate, tell
    from dreamvid.render import Job, render_job
    from dreamvid.render.estimate import estimate_job

    job = Job(Path(source), Path(output) if output else None, settings, overwrite, fresh)
    if estimate:
        show_estimate(estimate_job(job, tell), progress)
    else:
        show(render_job(job), progress)
