"""`dreamvid farm CLIP`: one film, or a list of them, on many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dreamvid.cli.options import Config, Fresh, Like, Output, Overwrite, Preset, Progress, with_options
from dreamvid.cli.run import LISTS, refuse_beside_a_list
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import GROUPS, Settings, make_settings, read_settings_file
from dreamvid.farm.settings import FarmSettings, make_farm_settings
from dreamvid.output.recipe import read_look


@with_options((("Farm", FarmSettings), *GROUPS))
def farm(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CLIP|JOB.yaml", help="Video, sequence (frames/%05d.png), folder of pictures, or a list of clips"
        ),
    ],
    output: Output = None,
    overwrite: Overwrite = False,
    fresh: Fresh = False,
    preset: Preset = None,
    config: Config = None,
    like: Like = None,
    progress: Progress = "rich",
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Render a film with Ray, shot by shot, on many machines or on all GPUs of one; the result is the same.

    dreamvid farm clip.mp4 --layer inception4d

    dreamvid farm job.yaml --address 10.0.0.1:6379

    A list of clips is a file for `dreamvid run`, with the settings of the clips in it. docs/farm.md explains how to set
    up a cluster. To resume an interrupted render, run the same command again.
    """
    of_farm = {name: given.pop(name) for name in list(given) if name in FarmSettings.model_fields}
    farm_settings = make_farm_settings(of_farm)
    if Path(source).suffix.lower() in LISTS:
        mine = {"output": output, "preset": preset, "config": config, "like": like, "fresh": fresh, **given}
        refuse_beside_a_list(mine)
        _run_list(Path(source), farm_settings, overwrite, progress)
        return
    settings = make_settings(
        read_preset(preset, "dream") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), Settings) if like else {},
        given,
    )

    from dreamvid.farm.cluster import import_ray

    import_ray()  # what is missing is said at once
    from dreamvid.cli.progress import show
    from dreamvid.farm.driver import open_pool, render_on_farm
    from dreamvid.render import Job

    job = Job(Path(source), Path(output) if output else None, settings, overwrite, fresh)
    with open_pool(farm_settings, settings) as pool:
        show(render_on_farm(job, farm_settings, pool), progress)


def _run_list(file: Path, farm_settings: FarmSettings, overwrite: bool, progress: str) -> None:
    from dreamvid.farm.cluster import import_ray

    import_ray()
    from dreamvid.cli.run import render_list
    from dreamvid.farm.driver import open_pool, render_on_farm
    from dreamvid.render.batch import read_batch

    jobs = read_batch(file, overwrite=overwrite)
    with open_pool(farm_settings, jobs[0].settings) as pool:
        render_list(jobs, lambda job: render_on_farm(job, farm_settings, pool), overwrite, progress)
