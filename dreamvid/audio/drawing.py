"""A picture of a sound track as the picture will follow it: waveform, envelopes and beats over time."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dreamvid.audio.analysis import SoundAnalysis
from dreamvid.images.color import FloatImage

Color = tuple[int, int, int]

_PAPER, _LANE, _INK, _DIM, _BEAT_LINE = (15, 17, 22), (22, 25, 32), (226, 230, 238), (124, 132, 148), (70, 78, 94)
_WAVE: Color = (112, 122, 142)
_COLORS: dict[str, Color] = {
    "rms": (214, 219, 230),
    "bass": (255, 104, 104),
    "mid": (255, 180, 84),
    "high": (92, 200, 250),
    "onset": (200, 148, 238),
    "beat": (136, 224, 122),
}
_WIDTH, _LEFT, _RIGHT = 1600, 92, 28  # px: the page, and its margins beside the lanes
_TOP, _BOTTOM, _GAP, _AXIS = 88, 4, 5, 50  # px: page above and below, between lanes, under a row for its times
_ROW_SECONDS, _MOST_ROWS = 30, 24
_STEPS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)  # seconds between the times on the axis
_TIME_WIDTH, _BEAT_WIDTH = 64, 7  # px: what a time or a beat needs to be drawn beside the next


def draw_analysis(analysis: SoundAnalysis, title: str) -> FloatImage:
    """Return an RGB picture (height, 1600, 3) of a sound, in [0, 1]; a long one goes on in rows below each other."""
    rows = min(_MOST_ROWS, max(1, math.ceil(analysis.duration / _ROW_SECONDS)))
    wave, lane = (110, 74) if rows == 1 else (56, 30)
    height = wave + len(analysis.envelopes) * (lane + _GAP) + _AXIS
    page = np.full((_TOP + rows * height + _BOTTOM, _WIDTH, 3), _PAPER, np.float32)
    seconds = analysis.duration / rows
    for row in range(rows):
        _paint_row(page[_TOP + row * height :], analysis, row * seconds, seconds, wave, lane)
    image = Image.fromarray(np.round(page).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    _write(pen, (_LEFT, 34), title if len(title) <= 90 else title[:89] + "…", 26, _INK)
    _write(pen, (_LEFT, 63), describe(analysis), 16, _DIM)
    for row in range(rows):
        _label_row(pen, analysis, _TOP + row * height, row * seconds, seconds, wave, lane)
    return np.asarray(image, np.float32) / np.float32(255)


def describe(analysis: SoundAnalysis) -> str:
    """Return length, tempo and number of beats in words."""
    parts = [f"length {_clock(analysis.duration, 0.1)}"]
    if analysis.tempo is not None:
        parts.append(f"tempo {analysis.tempo:.1f} beats per minute")
    if "beat" in analysis.envelopes:
        count = len(analysis.beat_times)
        parts.append(f"{count} beat{'s' * (count != 1)}" if count else "no beats found, so no tempo")
    return ", ".join(parts)


def _paint_row(
    page: NDArray[np.float32], analysis: SoundAnalysis, start: float, seconds: float, wave: int, lane: int
) -> None:
    """Paint the lanes of the sound from `start` on at the top of a page."""
    columns = _WIDTH - _LEFT - _RIGHT
    width = seconds / columns
    moments = [start + column * width for column in range(columns)]
    heard = [analysis.at(moment, width) for moment in moments]
    lines = _beat_columns(analysis, start, seconds)
    hops = np.clip((np.array([*moments, start + seconds]) * analysis.rate).astype(int), 0, len(analysis.waveform) - 1)
    loud = np.array([analysis.waveform[a : max(a + 1, b)].max() for a, b in itertools.pairwise(hops)])
    loud = loud / max(float(analysis.waveform.max()), 1e-9)
    area = page[:, _LEFT : _LEFT + columns]
    rows = np.abs(np.arange(wave) - (wave - 1) / 2)[:, None]
    _fill(area[:wave], np.clip(loud[None] * wave / 2 - rows, 0, 1), np.ones((wave, 1)), _WAVE, lines)
    top = wave + _GAP
    for name in analysis.envelopes:
        values = np.array([values[name] for values in heard])
        rows = np.arange(lane, 0, -1)[:, None] - 1.0  # from the bottom
        shade = 0.25 + 0.75 * rows / lane
        _fill(area[top : top + lane], np.clip(values[None] * lane - rows, 0, 1), shade, _COLORS[name], lines)
        top += lane + _GAP


def _fill(
    area: NDArray[np.float32],
    cover: NDArray[np.floating],
    shade: NDArray[np.floating],
    color: Color,
    lines: NDArray[np.int64],
) -> None:
    """Paint an empty lane (rows, columns, 3), lines down it, and over them a color where `cover` and `shade` say."""
    area[:] = _LANE
    area[:, lines] = _BEAT_LINE
    alpha = (cover * shade)[..., None]
    area += alpha * (np.array(color, np.float32) - area)


def _beat_columns(analysis: SoundAnalysis, start: float, seconds: float) -> NDArray[np.int64]:
    """Return the columns of the beats in a row; none where they would stand too close."""
    columns = _WIDTH - _LEFT - _RIGHT
    beats = analysis.beat_times
    if len(beats) > 1 and float(np.median(np.diff(beats))) * columns / seconds < _BEAT_WIDTH:
        return np.empty(0, np.int64)
    places = np.floor((beats - start) / seconds * columns).astype(np.int64)
    return places[(places >= 0) & (places < columns)]


def _label_row(
    pen: ImageDraw.ImageDraw,
    analysis: SoundAnalysis,
    top: int,
    start: float,
    seconds: float,
    wave: int,
    lane: int,
) -> None:
    """Write the names of the lanes, mark the beats, and put times under the row."""
    _write(pen, (_LEFT - 14, top + wave / 2), "sound", 15, _WAVE, "rm")
    for column in _beat_columns(analysis, start, seconds).tolist():
        x = _LEFT + column
        pen.polygon([(x - 4, top - 8), (x + 4, top - 8), (x, top - 2)], fill=_COLORS["beat"])
    bottom = top + wave + _GAP
    for name in analysis.envelopes:
        _write(pen, (_LEFT - 14, bottom + lane / 2), name, 15, _COLORS[name], "rm")
        bottom += lane + _GAP
    per_second = (_WIDTH - _LEFT - _RIGHT) / seconds
    step = next((step for step in _STEPS if step * per_second >= _TIME_WIDTH), _STEPS[-1])
    for number in range(math.ceil(start / step - 1e-9), math.floor((start + seconds) / step + 1e-9) + 1):
        x = _LEFT + (number * step - start) * per_second
        pen.line([(x, bottom - 1), (x, bottom + 3)], fill=_DIM)
        _write(pen, (x, bottom + 12), _clock(number * step, step), 13, _DIM, "mm")


def _clock(seconds: float, step: float) -> str:
    """Return minutes and seconds, as finely as steps of `step` seconds need."""
    digits = 0 if step >= 1 else 2 if step == 0.25 else 1
    total = round(seconds, digits)
    minutes = int(total // 60)
    return f"{minutes}:{total - 60 * minutes:0{digits + 2 + (digits > 0)}.{digits}f}"


def _write(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, color: Color, anchor: str = "lm"
) -> None:
    pen.text(place, text, fill=color, font=ImageFont.load_default(size), anchor=anchor)
