"""`dreamvid presets`: named looks, each a YAML file of settings."""

from __future__ import annotations

import typer

from dreamvid.config.presets import describe_preset, list_presets


def presets() -> None:
    """List the presets for --preset."""
    from rich.console import Console
    from rich.table import Table

    table = Table("preset", "for", "description", box=None, pad_edge=False)
    for name, path in list_presets().items():
        about, command = describe_preset(path)
        table.add_row(name, f"dreamvid {command}".strip(), about)
    Console().print(table)
    typer.echo("\nUse one with: dreamvid clip.mp4 --preset NAME, or dreamvid zoom photo.jpg --preset NAME")
