"""Line charts of measured values, as pictures: for reports and training curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Chart = npt.NDArray[np.uint8]

_PAPER, _LANE, _GRID, _INK, _DIM = (15, 17, 22), (22, 25, 32), (44, 49, 60), (226, 230, 238), (124, 132, 148)
_COLORS: tuple[Color, ...] = ((92, 200, 250), (255, 180, 84), (136, 224, 122), (255, 104, 104))
_WIDTH, _LEFT, _RIGHT, _TOP, _LANE_HEIGHT, _GAP, _AXIS = 1400, 84, 24, 56, 150, 34, 40  # px
_GRID_LINES = 4
_LABEL_WIDTH = 80  # px between two numbers of the horizontal axis, at least
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Panel:
    """One lane: lines by name over shared positions; NaN leaves a gap. The vertical axis holds `low`, 0 if it can."""

    title: str
    lines: Mapping[str, Sequence[float]]
    low: float = 0.0
    high: float | None = None


def draw_chart(
    title: str, axis: str, positions: Sequence[float], panels: Sequence[Panel], marks: Sequence[float] = ()
) -> Chart:
    """Return (height, 1400, 3) uint8 RGB: `panels` below each other over the rising `positions`.

    `axis` names what the positions are; at `marks` a line runs down all lanes.
    """
    height = _TOP + len(panels) * (_LANE_HEIGHT + _GAP) + _AXIS
    image = Image.new("RGB", (_WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(image)
    _write(pen, (_LEFT, 26), title if len(title) <= 100 else title[:99] + "…", 20, _INK)
    first, last = (positions[0], positions[-1]) if len(positions) else (0.0, 1.0)
    width = _WIDTH - _LEFT - _RIGHT
    span = max(last - first, 1e-9)
    columns = [_LEFT + width * (position - first) / span for position in positions]
    for number, panel in enumerate(panels):
        top = _TOP + _GAP + number * (_LANE_HEIGHT + _GAP)
        pen.rectangle([(_LEFT, top), (_WIDTH - _RIGHT, top + _LANE_HEIGHT)], fill=_LANE)
        for mark in marks:
            x = _LEFT + width * (mark - first) / span
            pen.line([(x, top), (x, top + _LANE_HEIGHT)], fill=_DIM)
        _draw_panel(pen, panel, columns, top)
    _draw_axis(pen, axis, first, last, height - _AXIS)
    return np.asarray(image)


def _draw_panel(pen: ImageDraw.ImageDraw, panel: Panel, columns: Sequence[float], top: int) -> None:
    finite = [value for values in panel.lines.values() for value in values if math.isfinite(value)]
    low = min([panel.low, *finite])
    high = panel.high if panel.high is not None else max([*finite, low])
    high = max(high, low + _GRID_LINES * _round_step((high - low) / _GRID_LINES))
    for line in range(_GRID_LINES + 1):
        y = top + _LANE_HEIGHT * (1 - line / _GRID_LINES)
        pen.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill=_GRID)
        _write(pen, (_LEFT - 10, y), f"{low + (high - low) * line / _GRID_LINES:.3g}", 13, _DIM, "rm")
    x: float = _LEFT
    _write(pen, (x, top - 14), panel.title, 15, _INK)
    x += 24 + pen.textlength(panel.title, ImageFont.load_default(15))
    for (name, values), color in zip(panel.lines.items(), _COLORS, strict=False):
        if len(panel.lines) > 1:
            _write(pen, (x, top - 14), name, 15, color)
            x += 24 + pen.textlength(name, ImageFont.load_default(15))
        heights = [top + _LANE_HEIGHT * (1 - (value - low) / (high - low)) for value in values]
        _draw_line(pen, list(zip(columns, heights, strict=False)), color)


def _draw_line(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], color: Color) -> None:
    """Draw the runs of points between gaps; a point alone is a dot."""
    run: list[tuple[float, float]] = []
    for point in [*points, (math.nan, math.nan)]:
        if math.isfinite(point[1]):
            run.append(point)
            continue
        if len(run) == 1:
            x, y = run[0]
            pen.ellipse([(x - 2, y - 2), (x + 2, y + 2)], fill=color)
        elif run:
            pen.line(run, fill=color, width=2, joint="curve")
        run = []


def _draw_axis(pen: ImageDraw.ImageDraw, name: str, first: float, last: float, top: int) -> None:
    width = _WIDTH - _LEFT - _RIGHT
    step = max(1, math.ceil(_round_step((last - first) * _LABEL_WIDTH / width)))
    value = math.ceil(first / step) * step
    while value <= last:
        x = _LEFT + width * (value - first) / max(last - first, 1e-9)
        _write(pen, (x, top + 10), f"{value:g}", 13, _DIM, "mm")
        value += step
    _write(pen, (_LEFT - 10, top + 10), name, 13, _DIM, "rm")


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least so much."""
    if least <= 0:
        return 1e-9
    scale = 10.0 ** math.floor(math.log10(least))
    return next(step * scale for step in _STEPS if step * scale >= least * (1 - 1e-9))


def _write(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, color: Color, anchor: str = "lm"
) -> None:
    pen.text(place, text, fill=color, font=ImageFont.load_default(size), anchor=anchor)
