"""`dreamvid train DATA`: train a network to dream with on pictures of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dreamvid.cli.options import with_options
from dreamvid.config.settings import read_settings_file
from dreamvid.train.settings import TrainSettings


@with_options([("Training", TrainSettings)])
def train(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA", help="Folders or zip files with one subfolder of pictures per class")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="Weights file to write; the run's folder goes next to it"),
    ] = Path("network.safetensors"),
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Read settings from a YAML file, whose keys are the option names without --",
        ),
    ] = None,
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Train a network on your own pictures: it will dream of what it has seen.

    To resume an interrupted run, run the same command again.
    """
    from_file = {key.replace("-", "_"): value for key, value in read_settings_file(config).items()} if config else {}
    values = from_file | given
    values["data"], values["output"] = data, output
    settings = TrainSettings(**values)

    from dreamvid.cli.training_progress import show
    from dreamvid.train.loop import training_events

    show(training_events(settings))
