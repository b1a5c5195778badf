"""A grid of beats as a file that people edit: a table, or labels of Audacity.

    seconds,beat,section          0.512000	0.512000	1
    0.512,1,0                     1.012000	1.012000	2
    1.012,2,                      0.512000	16.512000	section 0

`beat` is the number in its bar, and 1 begins one; without that column a bar has four beats. `section` stands at the
beat with which a section begins: a number, or a name. Times with numbers, as beat trackers print them, are read, too.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from dreamvid.audio.grid import Grid, kinds_of, signature_of
from dreamvid.audio.live import is_live_set, live_grid, read_live_set
from dreamvid.errors import MediaError, SettingsError, shown

_LARGEST = 2**24  # bytes
_LONGEST = 24 * 3600.0  # seconds
_HEADERS = ("seconds", "time", "beat", "section")
LABELS = ".txt"
"""What the name of a file with labels ends in."""
USUAL_BEATS = 4
"""Of a bar, where nothing says how many."""
CLOSEST = 0.02
"""Seconds from a beat to the next, at least."""


def write_grid(path: Path, grid: Grid) -> None:
    """Write a grid: labels of Audacity where the name ends in .txt, else a table. Raises `OSError`."""
    if path.suffix.lower() == LABELS:
        lines = [f"{time:.6f}\t{time:.6f}\t{number}" for time, number in _numbered(grid)]
        last = max([0.0, *grid.beats[-1:].tolist(), *grid.sections[-1:].tolist()])
        ends = [*grid.sections.tolist(), last][1:]
        for start, end, kind in zip(grid.sections.tolist(), ends, grid.kinds, strict=True):
            lines.append(f"{start:.6f}\t{end:.6f}\tsection {kind}")
    else:
        begins = dict(zip(grid.sections.tolist(), grid.kinds, strict=True))
        rows = {time: (str(number), "") for time, number in _numbered(grid)}
        rows |= {time: (rows.get(time, ("", ""))[0], str(kind)) for time, kind in begins.items()}
        lines = ["seconds,beat,section", *(f"{time:.6f},{beat},{kind}" for time, (beat, kind) in sorted(rows.items()))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbered(grid: Grid) -> list[tuple[float, int]]:
    """Each beat and its number in the bar; beats of an upbeat count up to the first bar."""
    first = int(np.searchsorted(grid.beats, grid.bars[0])) if len(grid.bars) else 0
    length = int(np.searchsorted(grid.beats, grid.bars[1])) - first if len(grid.bars) > 1 else USUAL_BEATS
    starts = set(grid.bars.tolist())
    rows, number = [], max(0, length - first)
    for beat in grid.beats.tolist():
        number = 1 if beat in starts else number + 1
        rows.append((beat, number))
    return rows


def read_grid(path: Path, sound: Path | None = None) -> Grid:
    """Read a grid; beats may stand in any order. Raises `MediaError` in one line that names the line.

    Of a set of Ableton Live: where `sound` is a warped clip in it, by the name of its file, that clip's beats, else
    those of the arrangement.
    """
    if is_live_set(path):
        return live_grid(read_live_set(path), path, "" if sound is None else sound.name)
    try:
        if path.stat().st_size > _LARGEST:
            raise MediaError(f"{path}: is too large for a list of beats; write one with dreamvid audio --beats-out")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; write one with dreamvid audio SONG --beats-out FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path}: cannot be read as text; write one with dreamvid audio --beats-out") from error
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    rows = [(number, line) for number, line in rows if not line.lstrip().startswith(("#", "\\"))]
    try:
        entries = _entries(rows)
        return _grid(entries)
    except SettingsError as error:
        raise MediaError(f"{path}: {error}") from None


class _Entries:
    """What stands in a file: beats by time, with their number in the bar (None: not said), and sections by time."""

    def __init__(self) -> None:
        self.beats: dict[float, int | None] = {}
        self.sections: dict[float, str] = {}


def _entries(rows: list[tuple[int, str]]) -> _Entries:
    found, columns = _Entries(), ["seconds", "beat", "section"]
    for place, (line, text) in enumerate(rows):
        cells = _split(text)
        if place == 0 and _number(cells[0]) is None and cells[0].strip().lower() in _HEADERS:
            columns = [cell.strip().lower() for cell in cells]
            columns = ["seconds" if column == "time" else column for column in columns]
            if "seconds" not in columns:
                raise SettingsError(f"line {line}: there is no column 'seconds'; name the columns seconds,beat,section")
            continue
        is_label = "\t" in text and len(cells) >= 3 and _number(cells[1]) is not None and _has_end(cells)
        named = {"seconds": cells[0], **_label(cells[2])} if is_label else dict(zip(columns, cells, strict=False))
        seconds = _number(named.get("seconds", ""))
        if seconds is None or not 0 <= seconds < _LONGEST:
            raise SettingsError(
                f"line {line}: '{shown(named.get('seconds', ''))}' is not a time in seconds; write 12.5, or 12.5,1 for "
                "the first beat of a bar"
            )
        beat, section = named.get("beat", "").strip(), named.get("section", "").strip()
        if section:
            found.sections[seconds] = section
        if beat or not section:
            if seconds in found.beats:
                raise SettingsError(f"line {line}: the beat at {seconds:g} s is given twice; remove one")
            found.beats[seconds] = _in_bar(beat, line)
    return found


def _has_end(cells: list[str]) -> bool:
    """Whether the second of the cells of a label is its end, not before its start."""
    start, end = _number(cells[0]), _number(cells[1])
    return start is not None and end is not None and end >= start


def _label(text: str) -> dict[str, str]:
    """What a label says: the number of a beat, `2` or `17.2` in a bar, or the name of a section."""
    text = text.strip()
    return {"beat": text.rpartition(".")[2]} if re.fullmatch(r"[0-9.]+", text) else {"section": text}


def _split(text: str) -> list[str]:
    for separator in ("\t", ";", ","):
        if separator in text:
            return text.split(separator)
    return text.split()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _in_bar(text: str, line: int) -> int | None:
    if not text:
        return None
    value = _number(text)
    if value is None or value != int(value) or not 0 <= value <= 64:
        raise SettingsError(f"line {line}: '{shown(text)}' is not the number of a beat in its bar; write 1, 2, 3 …")
    return int(value)


def _grid(found: _Entries) -> Grid:
    beats = np.array(sorted(found.beats), np.float64)
    if not len(beats):
        raise SettingsError("there are no beats in it; write a time in seconds on each line")
    if len(beats) > 1 and (close := int(np.argmin(np.diff(beats)))) is not None and np.diff(beats)[close] < CLOSEST:
        raise SettingsError(f"the beats at {beats[close]:g} and {beats[close + 1]:g} s are too close; remove one")
    numbers = [found.beats[beat] for beat in beats.tolist()]
    if all(number is None for number in numbers):
        bars = beats[::USUAL_BEATS]
    else:
        bars = beats[[number == 1 for number in numbers]]
        if not len(bars):
            raise SettingsError("no beat has the number 1, with which a bar begins; number them 1, 2, 3, 4, 1 …")
    counts = np.diff(np.searchsorted(beats, bars))
    usual = int(np.bincount(counts).argmax()) if len(counts) else USUAL_BEATS
    sections = sorted(found.sections)
    kinds = kinds_of([found.sections[one] for one in sections])
    return Grid(beats, bars, signature_of(usual), np.array(sections, np.float64), kinds)
