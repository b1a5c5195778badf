"""`dreamvid layers MODEL`: what a network can dream on."""

from __future__ import annotations

from typing import Annotated

import typer


def layers(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Network; `dreamvid models` lists them")],
    every: Annotated[bool, typer.Option("--all", help="List every operation, not only the named layers")] = False,
    classes: Annotated[
        bool, typer.Option("--classes", help="List the classes for --class instead of the layers")
    ] = False,
) -> None:
    """List the layers of a network for --layer, from simple textures to whole objects."""
    from rich.console import Console
    from rich.table import Table

    from dreamvid.models import class_label, describe_classes, describe_layers

    if classes:
        for number, name in enumerate(describe_classes(model)):
            typer.echo(f"{number:4} {class_label(name)}")
        return
    rows = describe_layers(model, detail=every)
    last = "dreams of" if any(row.dreams_of for row in rows) else "aliases"
    table = Table("layer", "channels", "stride", "kind", last, box=None, pad_edge=False)
    for row in rows:
        words = row.dreams_of if last == "dreams of" else ", ".join(row.aliases)
        table.add_row(row.name, str(row.channels), str(row.stride), row.kind, words)
    Console().print(table)
