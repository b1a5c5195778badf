"""The curve of a training run: loss and accuracy of each epoch, as CSV and as a picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _MARGIN = 640, 400, 56  # of one panel, in pixels
_TRAIN, _VAL = (40, 110, 220), (220, 90, 30)  # RGB
_INK, _FAINT = (60, 60, 60), (225, 225, 225)
_GRID_LINES = 5

Panel = NDArray[np.uint8]


def write_curve(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write curve.csv and curve.png into a folder, one row or point an epoch; what was there is replaced."""
    temporary = folder / "curve.tmp"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(folder / "curve.csv")
    encoded = cv2.imencode(".png", draw_curve(rows)[..., ::-1])[1]
    (folder / "curve.png").write_bytes(encoded.tobytes())


def draw_curve(rows: Sequence[Mapping[str, float]]) -> Panel:
    """Return (400, 1280, 3) uint8 RGB: loss on the left, accuracy on the right, training and validation."""
    panels = [
        _panel("loss", [row["train_loss"] for row in rows], [row["val_loss"] for row in rows], 0.0, None),
        _panel("accuracy", [row["train_top1"] for row in rows], [row["val_top1"] for row in rows], 0.0, 1.0),
    ]
    return np.concatenate(panels, 1)


def _panel(title: str, train: Sequence[float], val: Sequence[float], low: float, high: float | None) -> Panel:
    panel = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    if high is None:
        high = max([value for value in (*train, *val) if math.isfinite(value)], default=1.0) * 1.05 or 1.0
    left, right, top, bottom = _MARGIN, _WIDTH - 16, 40, _HEIGHT - 40

    def place(epoch: int, value: float) -> tuple[int, int]:
        x = left + (right - left) * epoch / max(len(train), 2)
        return round(x), round(bottom - (bottom - top) * (value - low) / (high - low))

    for i in range(_GRID_LINES + 1):
        value = low + (high - low) * i / _GRID_LINES
        y = place(0, value)[1]
        cv2.line(panel, (left, y), (right, y), _FAINT, 1)
        _write(panel, f"{value:.2f}", (8, y + 4), _INK)
    for epoch in range(1, len(train) + 1, max(1, math.ceil(len(train) / 12))):
        _write(panel, str(epoch), (place(epoch, low)[0] - 6, bottom + 18), _INK)
    _write(panel, f"{title} by epoch:", (left, 24), _INK)
    for name, values, color, x in (("training", train, _TRAIN, 200), ("validation", val, _VAL, 290)):
        points = [place(i + 1, value) for i, value in enumerate(values) if math.isfinite(value)]
        if not points:
            continue
        _write(panel, name, (left + x - 56, 24), color)
        cv2.polylines(panel, [np.array(points, np.int32)], False, color, 2, cv2.LINE_AA)
        for point in points:
            cv2.circle(panel, point, 3, color, -1, cv2.LINE_AA)
    return panel


def _write(panel: Panel, text: str, where: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(panel, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
