"""`dreamvid studio`: find the look by looking, on a local web page."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.errors import DreamvidError


def studio(
    clip: Annotated[str | None, typer.Argument(metavar="[CLIP]", help="Video or picture to start with")] = None,
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="Folder for finished films")
    ] = "dreamvid-studio",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=1,
            max=65535,
            help="Port to listen on",
            show_default="the first free port from 7860",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="Address to listen on; one that others can reach requires --password"
        ),
    ] = "127.0.0.1",
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            metavar="WORD",
            envvar="DREAMVID_PASSWORD",
            help="Require this password; any user name is accepted",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Host name by which the studio is reached, for example behind a proxy; repeat for several",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser")] = True,
) -> None:
    """Find a look interactively: a local web page with a preview frame, all settings, and the command line."""
    if importlib.util.find_spec("gradio") is None:
        raise DreamvidError("the studio needs gradio; install it with: pip install 'dreamvid[studio]'")

    from dreamvid.studio.server import Place, open_studio

    place = Place(Path(folder), Path(clip) if clip else None, host, port, password, tuple(name or ()))
    with open_studio(place) as url:
        typer.echo(f"dreamvid studio at {url} (Ctrl-C to quit; finished films stay in {folder})")
        if browser:
            typer.launch(url)
        while True:
            time.sleep(3600)
