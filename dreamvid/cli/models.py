"""`dreamvid models`: the networks that can dream."""

from __future__ import annotations


def models() -> None:
    """List the networks that --model takes."""
    from rich.console import Console
    from rich.table import Table

    from dreamvid.models import describe_models

    table = Table("model", "parameters", "weights", "default layer", "what it is", box=None, pad_edge=False)
    for row in describe_models():
        weights = "at hand" if row.at_hand else f"download, {row.megabytes:.0f} MB"
        table.add_row(row.name, f"{row.parameters / 1e6:.1f} M", weights, row.default_layer, row.description)
    Console().print(table)
