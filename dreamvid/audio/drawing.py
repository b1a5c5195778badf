"""A picture of a sound track as the picture will follow it: waveform, envelopes, beats, notes and curves over time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dreamvid.audio.analysis import SoundAnalysis
from dreamvid.audio.grid import COUNTED
from dreamvid.audio.score import Score
from dreamvid.images.color import FloatImage

Color = tuple[int, int, int]

_PAPER, _LANE, _INK, _DIM, _BEAT_LINE = (15, 17, 22), (22, 25, 32), (226, 230, 238), (124, 132, 148), (52, 58, 70)
_BAR_LINE: Color = (108, 120, 142)
_WAVE: Color = (112, 122, 142)
_COLORS: dict[str, Color] = {
    "rms": (214, 219, 230),
    "bass": (255, 104, 104),
    "mid": (255, 180, 84),
    "high": (92, 200, 250),
    "onset": (200, 148, 238),
    "beat": (136, 224, 122),
    "pitch": (250, 214, 110),
}
_OTHERS: tuple[Color, ...] = ((110, 214, 200), (240, 140, 180), (150, 170, 255), (214, 224, 110))
"""Of bands, curves and the parts of a score."""
_WIDTH, _LEFT, _RIGHT = 1600, 92, 28  # px: the page, and its margins beside the lanes
_TOP, _BOTTOM, _GAP, _AXIS = 88, 4, 5, 50  # px: page above and below, between lanes, under a row for its times
_LOOPS = (4, 8)  # bars
_ROW_SECONDS, _MOST_ROWS, _TALLEST = 30, 24, 12_000
_STEPS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)  # seconds between the times on the axis
_TIME_WIDTH, _BEAT_WIDTH = 64, 7  # px: what a time or a beat needs to be drawn beside the next
_LETTER, _LONGEST_LABEL = 9, 26  # px, characters


@dataclass(frozen=True)
class _Lane:
    """One thing over time.

    Attributes:
        values: (rows, columns) of the whole page, between `low` and `high`.
        covers: (rows, height, columns) where it is no graph but a roll of notes; None: it is a graph.
    """

    name: str
    color: Color
    values: NDArray[np.float64]
    low: float = 0.0
    high: float = 1.0
    covers: NDArray[np.float64] | None = None

    @property
    def label(self) -> str:
        """Its name, with what is at its bottom and top where that is not 0 and 1."""
        name = self.name if len(self.name) <= _LONGEST_LABEL else f"{self.name[: _LONGEST_LABEL - 1]}…"
        return name if (self.low, self.high) == (0, 1) else f"{name}\n{self.low:.3g} to {self.high:.3g}"


@dataclass(frozen=True)
class _Page:
    """Where everything is: margins and heights in pixels, `seconds` a row."""

    left: int
    wave: int
    lane: int
    roll: int
    rows: int
    seconds: float
    lanes: tuple[_Lane, ...]

    @property
    def columns(self) -> int:
        return _WIDTH - self.left - _RIGHT

    def height_of(self, lane: _Lane) -> int:
        return self.lane if lane.covers is None else self.roll

    @property
    def height(self) -> int:
        """Of a row."""
        return self.wave + sum(self.height_of(lane) + _GAP for lane in self.lanes) + _AXIS


def draw_analysis(analysis: SoundAnalysis, title: str, score: Score | None = None) -> FloatImage:
    """Return an RGB picture (height, 1600, 3) of a sound, in [0, 1]; a long one goes on in rows below each other.

    With a `score` the notes of each of its parts are drawn, too, and what is called `note(…)` is not drawn once more.
    """
    names = [name for name in (*analysis.envelopes, *analysis.signals) if "note(" not in name and name not in COUNTED]
    layout = _lay_out(analysis, names, score)
    page = np.full((_TOP + layout.rows * layout.height + _BOTTOM, _WIDTH, 3), _PAPER, np.float32)
    for row in range(layout.rows):
        _paint_row(page[_TOP + row * layout.height :], analysis, layout, row)
    image = Image.fromarray(np.round(page).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    _write(pen, (layout.left, 34), title if len(title) <= 90 else title[:89] + "…", 26, _INK)
    about = describe(analysis) if score is None else f"{describe(analysis)}; {describe_score(score)}"
    _write(pen, (layout.left, 63), about, 16, _DIM)
    for row in range(layout.rows):
        _label_row(pen, analysis, layout, row)
    return np.asarray(image, np.float32) / np.float32(255)


def describe(analysis: SoundAnalysis) -> str:
    """Return length, tempo, number of beats and bars, and time signature in words."""
    parts = [f"length {_clock(analysis.duration, 0.1)}"]
    if analysis.tempo is not None:
        parts.append(f"tempo {analysis.tempo:.1f} beats per minute")
    if "beat" in analysis.envelopes:
        count = len(analysis.beat_times)
        parts.append(f"{count} beat{'s' * (count != 1)}" if count else "no beats found, so no tempo")
    if analysis.grid.signature is not None:
        count = len(analysis.grid.bars)
        parts.append(f"{count} bar{'s' * (count != 1)} of {analysis.grid.signature}")
    return ", ".join(parts)


def describe_loops(analysis: SoundAnalysis) -> list[str]:
    """Return a line that says how long a bar lasts, and so a loop of whole bars, if bars are found."""
    bars = analysis.grid.bars
    if len(bars) < 2:
        return []
    bar = float(np.median(np.diff(bars)))
    lengths = " or ".join(f"--duration {count * bar:.2f} ({count} bars)" for count in _LOOPS)
    return [f"a bar lasts {bar:.2f} s: for a loop, {lengths}"]


def describe_sections(analysis: SoundAnalysis) -> list[str]:
    """Return a line for each section, if there are several: its key, when it begins, and the number of its kind."""
    grid = analysis.grid
    if len(grid.kinds) < 2:
        return []
    return [
        f"section{number}: at {_clock(max(time, 0.0), 0.1)}, section {kind}"
        for number, (time, kind) in enumerate(zip(grid.sections.tolist(), grid.kinds, strict=True))
    ]


def describe_score(score: Score) -> str:
    """Return what a score holds in words: notes, bars, time signatures, tempi and parts."""
    notes = sum(len(part.notes) for part in score.parts)
    parts = ", ".join(dict.fromkeys(part.name for part in score.parts))
    tempo = f"{min(score.tempi):.4g}" if score.tempi else "?"
    if len(score.tempi) > 1:
        tempo += f" to {max(score.tempi):.4g}"
    count = len(score.bars)
    bars = f"{count} bar{'s' * (count != 1)} of {' and '.join(score.signatures)}, " if count else ""
    return f"score: {notes} note{'s' * (notes != 1)}, {bars}tempo {tempo} ({parts})"


def _lay_out(analysis: SoundAnalysis, names: Sequence[str], score: Score | None) -> _Page:
    parts = list(dict.fromkeys(part.name for part in score.parts if part.notes)) if score else []
    longest = max([0, *(min(len(name), _LONGEST_LABEL) for name in (*names, *parts))])
    left = max(_LEFT, 24 + _LETTER * longest)
    duration = max(analysis.duration, score.duration if score else 0.0) or 1.0
    rows = min(_MOST_ROWS, max(1, math.ceil(duration / _ROW_SECONDS)))
    wave, lane, roll = (110, 74, 128) if rows == 1 else (56, 30, 64)
    if len(names) > 12:
        lane = min(lane, 40)
    row = wave + len(names) * (lane + _GAP) + len(parts) * (roll + _GAP) + _AXIS
    rows = max(1, min(rows, _TALLEST // row))
    columns = _WIDTH - left - _RIGHT
    edges = np.asarray(np.arange(rows * columns + 1) * (duration / (rows * columns)), np.float64)
    others = itertools.cycle(_OTHERS)
    colors = [_COLORS.get(name.rpartition(".")[2]) or next(others) for name in names]
    lanes = [_graph(analysis, name, edges, rows, color) for name, color in zip(names, colors, strict=True)]
    if score is not None:
        lanes += [_roll(score, name, edges, rows, roll, next(others)) for name in parts]
    return _Page(left, wave, lane, roll, rows, duration / rows, tuple(lanes))


def _graph(analysis: SoundAnalysis, name: str, edges: NDArray[np.float64], rows: int, color: Color) -> _Lane:
    width = float(edges[1])
    values = np.array([analysis.value(name, moment, width) for moment in edges[:-1].tolist()]).reshape(rows, -1)
    if name in analysis.envelopes or (values.min() >= 0 and values.max() <= 1):
        return _Lane(name, color, values)
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = min(0.0, low), max(0.0, high)
    return _Lane(name, color, values, low, high)


def _roll(score: Score, name: str, edges: NDArray[np.float64], rows: int, height: int, color: Color) -> _Lane:
    """The notes of a part as a piano roll: high ones above, hard ones bright."""
    notes = [note for part in score.among(name) for note in part.notes]
    low, high = min(note.number for note in notes), max(note.number for note in notes)
    thickness = height / max(8, high - low + 1)
    cover = np.zeros((height, len(edges) - 1))
    for note in notes:
        first = int(np.searchsorted(edges, note.start, side="right")) - 1
        last = max(first + 2, int(np.searchsorted(edges, note.end)))
        bottom = (note.number - low) * thickness
        top = max(0, round(height - bottom - thickness))
        cover[top : max(top + 1, round(height - bottom)), max(first, 0) : last] = 0.35 + 0.65 * note.velocity
    covers = cover.reshape(height, rows, -1).transpose(1, 0, 2)
    return _Lane(name, color, np.zeros((rows, 1)), low, high, covers)


def _paint_row(page: NDArray[np.float32], analysis: SoundAnalysis, layout: _Page, row: int) -> None:
    """Paint the lanes of a row at the top of a page."""
    columns, start, wave = layout.columns, row * layout.seconds, layout.wave
    lines = _lines(analysis, layout, row)
    area = page[:, layout.left : layout.left + columns]
    loud = np.zeros(columns)
    if len(analysis.waveform):
        moments = start + np.arange(columns + 1) * (layout.seconds / columns)
        hops = (moments * analysis.rate).astype(int)
        clipped = np.clip(hops, 0, len(analysis.waveform) - 1)
        loud = np.array([analysis.waveform[a : max(a + 1, b)].max() for a, b in itertools.pairwise(clipped)])
        loud = np.where(hops[:-1] < len(analysis.waveform), loud, 0) / max(float(analysis.waveform.max()), 1e-9)
    rows = np.abs(np.arange(wave) - (wave - 1) / 2)[:, None]
    _fill(area[:wave], np.clip(loud[None] * wave / 2 - rows, 0, 1), np.ones((wave, 1)), _WAVE, lines)
    top = wave + _GAP
    for lane in layout.lanes:
        height = layout.height_of(lane)
        rows = np.arange(height, 0, -1)[:, None] - 1.0  # from the bottom
        if lane.covers is None:
            values = (lane.values[row] - lane.low) / ((lane.high - lane.low) or 1.0)
            cover, shade = np.clip(values[None] * height - rows, 0, 1), 0.25 + 0.75 * rows / height
        else:
            cover, shade = lane.covers[row], np.ones((height, 1))
        _fill(area[top : top + height], cover, shade, lane.color, lines)
        top += height + _GAP


def _fill(
    area: NDArray[np.float32],
    cover: NDArray[np.floating],
    shade: NDArray[np.floating],
    color: Color,
    lines: _Lines,
) -> None:
    """Paint an empty lane (rows, columns, 3), lines down it, and over them a color where `cover` and `shade` say."""
    area[:] = _LANE
    area[:, lines.beats] = _BEAT_LINE
    area[:, lines.bars] = _BAR_LINE
    alpha = (cover * shade)[..., None]
    area += alpha * (np.array(color, np.float32) - area)


class _Lines(NamedTuple):
    """The columns of beats and bars in a row; none where they would stand too close."""

    beats: NDArray[np.int64]
    bars: NDArray[np.int64]


def _lines(analysis: SoundAnalysis, layout: _Page, row: int) -> _Lines:
    return _Lines(*(_columns(times, layout, row) for times in (analysis.beat_times, analysis.grid.bars)))


def _columns(times: NDArray[np.float64], layout: _Page, row: int) -> NDArray[np.int64]:
    per_second = layout.columns / layout.seconds
    if len(times) > 1 and float(np.median(np.diff(times))) * per_second < _BEAT_WIDTH:
        return np.empty(0, np.int64)
    places = np.floor((times - row * layout.seconds) * per_second).astype(np.int64)
    return places[(places >= 0) & (places < layout.columns)]


def _label_row(pen: ImageDraw.ImageDraw, analysis: SoundAnalysis, layout: _Page, row: int) -> None:
    """Write the names of the lanes, mark the beats, and put times under the row."""
    left, top, seconds, start = layout.left, _TOP + row * layout.height, layout.seconds, row * layout.seconds
    _write(pen, (left - 14, top + layout.wave / 2), "sound", 15, _WAVE, "rm")
    lines = _lines(analysis, layout, row)
    bars = set(lines.bars.tolist())
    for column in lines.beats.tolist():
        x, size = left + column, 6 if column in bars else 3
        pen.polygon(
            [(x - size, top - 2 - 2 * size), (x + size, top - 2 - 2 * size), (x, top - 2)], fill=_COLORS["beat"]
        )
    _mark_sections(pen, analysis, layout, row)
    bottom = top + layout.wave + _GAP
    for lane in layout.lanes:
        height = layout.height_of(lane)
        name, _, span = lane.label.partition("\n")
        middle = bottom + height / 2
        is_tall = bool(span) and height >= 28
        _write(pen, (left - 14, middle - 7 * is_tall), name, 15, lane.color, "rm")
        if is_tall:
            _write(pen, (left - 14, middle + 9), span, 11, _DIM, "rm")
        bottom += height + _GAP
    per_second = layout.columns / seconds
    step = next((step for step in _STEPS if step * per_second >= _TIME_WIDTH), _STEPS[-1])
    for number in range(math.ceil(start / step - 1e-9), math.floor((start + seconds) / step + 1e-9) + 1):
        x = left + (number * step - start) * per_second
        pen.line([(x, bottom - 1), (x, bottom + 3)], fill=_DIM)
        _write(pen, (x, bottom + 12), _clock(number * step, step), 13, _DIM, "mm")


def _mark_sections(pen: ImageDraw.ImageDraw, analysis: SoundAnalysis, layout: _Page, row: int) -> None:
    """Draw sections as bands of color along the bottom of the sound, with the numbers of their kinds."""
    start, per_second = row * layout.seconds, layout.columns / layout.seconds
    bottom = _TOP + row * layout.height + layout.wave
    times = analysis.grid.sections.tolist()
    for begin, end, kind in zip(times, [*times, math.inf][1:], analysis.grid.kinds, strict=True):
        left, right = ((min(max(time - start, 0), layout.seconds)) * per_second + layout.left for time in (begin, end))
        if right - left < 1:
            continue
        color = _OTHERS[kind % len(_OTHERS)]
        pen.rectangle([left, bottom - 3, right - 1, bottom], fill=color)
        if begin >= start and right - left > _LETTER * 3:
            _write(pen, (left + 4, bottom - 11), f"{kind}", 13, color)


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
