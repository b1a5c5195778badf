"""`dreamvid models`: the networks that can dream."""

from __future__ import annotations

import typer


def models() -> None:
    """List the networks for --model."""
    from rich.console import Console
    from rich.table import Column, Table

    from dreamvid.models import MODELS, describe_models

    narrow = [Column(name, no_wrap=True) for name in ("model", "weights", "default layer")]
    table = Table(*narrow, "description", box=None, pad_edge=False)
    licenses: dict[str, list[str]] = {}
    for row in describe_models():
        table.add_row(row.name, "available" if row.at_hand else row.remedy, row.default_layer, row.description)
        licenses.setdefault(row.license, []).append(row.name)
    console = Console(highlight=False)
    console.print(table)
    console.print("\nlicenses")
    rest = max(licenses, key=lambda text: len(licenses[text]))
    for text, names in licenses.items():
        if text != rest:
            console.print(f"{', '.join(names)}: {text}", markup=False)
    console.print(f"all others: {rest}", markup=False)
    for fault in MODELS.faults():
        typer.echo(f"dreamvid: {fault}", err=True)
