"""The curve of a training run: loss and accuracy of each epoch, as CSV and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dreamvid.graphics.chart import Chart, Panel, draw_chart
from dreamvid.images.write import encode


def write_curve(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write curve.csv and curve.png into a folder, one row or point an epoch; what was there is replaced."""
    temporary = folder / "curve.tmp"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(folder / "curve.csv")
    (folder / "curve.png").write_bytes(encode(".png", np.ascontiguousarray(draw_curve(rows)[..., ::-1])))


def draw_curve(rows: Sequence[Mapping[str, float]]) -> Chart:
    """Return an RGB picture, uint8: loss above, accuracy below, training and validation over the epochs."""
    panels = [
        Panel("loss", {"training": _column(rows, "train_loss"), "validation": _column(rows, "val_loss")}),
        Panel("top-1", {"training": _column(rows, "train_top1"), "validation": _column(rows, "val_top1")}, high=1.0),
    ]
    return draw_chart("Training", "epoch", range(1, len(rows) + 1), panels)


def _column(rows: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [row[name] for row in rows]
