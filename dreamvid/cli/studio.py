"""`dreamvid studio`: find the look by looking, on a local web page."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.errors import DreamvidError


def studio(
    clip: Annotated[str | None, typer.Argument(metavar="[CLIP]", help="Video or picture to begin with")] = None,
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="Where finished films go")
    ] = "dreamvid-studio",
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=1, max=65535, show_default="the first free from 7860")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Let others reach it; needs --password")
    ] = "127.0.0.1",
    password: Annotated[
        str | None,
        typer.Option("--password", metavar="WORD", envvar="DREAMVID_PASSWORD", help="Ask for it; any user name does"),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="A name it is reached by, as behind a proxy; repeat for several"),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page")] = True,
) -> None:
    """Find the look by looking: a local web page with the dream of a frame, all settings, and the command line."""
    if importlib.util.find_spec("gradio") is None:
        raise DreamvidError("the studio needs gradio; install it with: pip install 'dreamvid[studio]'")

    from dreamvid.studio.server import Place, open_studio

    place = Place(Path(folder), Path(clip) if clip else None, host, port, password, tuple(name or ()))
    with open_studio(place) as url:
        typer.echo(f"dreamvid studio at {url} (Ctrl-C ends it; finished films stay in {folder})")
        if browser:
            typer.launch(url)
        while True:
            time.sleep(3600)
