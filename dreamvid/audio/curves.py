"""Curves that were drawn elsewhere, as times and values.

time,value                            a table of a spreadsheet: commas, semicolons, tabs or spaces between columns,
0;0,5                                 with or without a header, decimal commas where no comma separates
Adobe After Effects 8.0 Keyframe Data what After Effects copies from a selected property
{"rendered_frames": [{"frame": 0, …   what Parseq exports
{"strength_schedule": "0:(0.65), …    Deforum's settings, and its strings of keyframes alone
song.als                              what is automated in a set of Ableton Live
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from dreamvid.audio.live import is_live_set, read_live_set
from dreamvid.audio.signals import Lines
from dreamvid.config.signals import CurveFile
from dreamvid.errors import MediaError, SettingsError, did_you_mean, shown
from dreamvid.runtime.documents import DocumentError, parse_json
from dreamvid.schedule import Moment, Schedule, has_keys

_LARGEST = 2**25  # bytes
_MOST = 2_000_000  # points
_MOST_FRAMES = 500_000  # of a Deforum schedule
_AFTER_EFFECTS = re.compile(r"Adobe After Effects .*Keyframe Data", re.IGNORECASE)
_DEFORUM = re.compile(r"\d{1,9}:\s{0,9}[-+(]?\d{0,20}\.?\d{1,20}\s{0,9}(?:,\s{0,9}\d{1,9}:|\Z)")
_CLOCK = re.compile(r"(?:(\d{1,5}):)?(\d{1,5}):(\d{1,5}(?:\.\d*)?)")
_UNITS = {
    "frames": r"f|frames?|frame ?(?:number|no\.?|nr\.?)",
    "milliseconds": r"ms|msec|milliseconds?|time ?[\[(]?(?:ms|milliseconds?)[\])]?",
    "seconds": r"t|s|secs?|seconds?|times?|x|timecode|time ?[\[(]?(?:s|secs?|seconds?)[\])]?",
    "beats": r"b|beats?|time ?[\[(]?beats?[\])]?",
}
"""How the column of time is headed."""
_VALUE = re.compile(r"v|val|values?|y", re.IGNORECASE)


class _Points(NamedTuple):
    """Times in some unit, and values; `rate` is how many of it make a second, None: the film's, or unknown."""

    times: Sequence[float]
    values: Sequence[float]
    unit: str = "seconds"
    rate: float | None = None


def read_curve(file: CurveFile, fps: Fraction | float) -> Lines:
    """Read a curve for a film of `fps` frames per second. Raises `MediaError` or `SettingsError` in one line."""
    try:
        points = _read_live(file) if is_live_set(file.path) else _read(_read_text(file.path), file)
        if not points.times:
            raise _Fault("contains no points")
        seconds = np.asarray(points.times, np.float64) / _per_second(points, file, fps)
        values = np.asarray(points.values, np.float64)
        if not (np.isfinite(seconds).all() and np.isfinite(values).all()):
            raise _Fault("contains values that are not finite numbers")
    except _Fault as fault:
        raise MediaError(f"{file.path}: {fault}; {_REMEDY}") from None
    order = np.argsort(seconds, kind="stable")
    return Lines(seconds[order], values[order])


_REMEDY = (
    "give a table of time and value, After Effects keyframes, an Ableton Live set, or an export of Parseq or Deforum"
)


class _Fault(ValueError):  # noqa: N818 - the file is at fault, not the program
    """What is wrong with a file, in words that follow its name."""


def _per_second(points: _Points, file: CurveFile, fps: Fraction | float) -> float:
    unit = file.unit or points.unit
    if unit == "frames":
        return float(file.rate or points.rate or fps)
    if unit == "beats":
        if not file.rate:
            raise _Fault(f"counts beats; give their tempo: --curve {file.name}={file.path}:beats=120")
        return float(file.rate) / 60
    return 1000.0 if unit == "milliseconds" else 1.0


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise MediaError(f"{path}: is too large for a curve; give at most {_LARGEST // 2**20} MB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; --curve takes NAME=FILE") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if data.startswith(b"PK\x03\x04"):
        raise MediaError(f"{path}: is a workbook or an archive; save the sheet as CSV")
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _read(text: str, file: CurveFile) -> _Points:
    head = text.lstrip()
    if head.startswith(("{", "[")):
        return _read_json(text, file)
    if _AFTER_EFFECTS.match(head):
        return _read_after_effects(head.splitlines(), file)
    if has_keys(head) or _DEFORUM.match(head):
        return _read_schedule(head.strip())
    return _read_table(text.splitlines(), file)


# Tables.


def _read_table(lines: Sequence[str], file: CurveFile) -> _Points:
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip() and line.strip()[0] != "#"]
    if len(rows) > _MOST:
        raise _Fault(f"has more than {_MOST} points")
    if not rows:
        raise _Fault("is empty")
    separator = _separator([line for _, line in rows[:50]])
    first = _cells(rows[0][1], separator)
    header = first if not _is_row(first) else []
    if header and len(rows) == 1:
        raise _Fault("contains no points")
    time, value, unit = _columns(header, len(first), file)
    times, values = [], []
    for number, line in rows[1:] if header else rows:
        cells = _cells(line, separator)
        if len(cells) > max(time, value) and not cells[value]:
            continue  # nothing is said of that time
        if len(cells) <= max(time, value):
            raise _Fault(f"line {number} has no value: '{shown(line, 40)}'")
        if not header and len(cells) != len(first):
            raise _Fault(
                f"line {number} has {len(cells)} columns, not {len(first)}; where commas stand for decimals, separate "
                "columns by semicolons or tabs"
            )
        stated, seconds = _time(cells[time], number, unit)
        unit = stated or unit
        times.append(seconds)
        values.append(_number(cells[value], number))
    return _Points(times, values, unit or "seconds")


def _separator(lines: Sequence[str]) -> str | None:
    """What stands between columns; None: any space."""
    for candidate in (";", "\t"):
        if 2 * sum(candidate in line for line in lines) >= len(lines):
            return candidate
    if all(len(line.split()) > 1 and ", " not in line for line in lines):
        return None
    return "," if 2 * sum("," in line for line in lines) >= len(lines) else None


def _cells(line: str, separator: str | None) -> list[str]:
    try:
        cells = line.split() if separator is None else next(csv.reader([line.replace("\0", "")], delimiter=separator))
    except csv.Error as error:
        raise _Fault(f"is not a table ({error})") from None
    return [_with_point(cell.strip(), decimal=separator != ",") for cell in cells]


def _with_point(cell: str, *, decimal: bool) -> str:
    """A cell with a decimal point where it has a comma."""
    return cell.replace(",", ".") if decimal and re.fullmatch(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*[%sf]?", cell) else cell


def _is_row(cells: Sequence[str]) -> bool:
    """Whether a line is one of numbers, and not a header."""
    return any(re.match(r"[-+]?[.,]?\d", cell) for cell in cells)


def _columns(header: Sequence[str], count: int, file: CurveFile) -> tuple[int, int, str]:
    """The columns of time and value, and the unit of time where the header says it."""
    names = [name.strip().strip('"').lower() for name in header]
    units = [next((unit for unit, form in _UNITS.items() if re.fullmatch(form, name)), "") for name in names]
    time = next((index for index, unit in enumerate(units) if unit), 0)
    unit = units[time] if units else ""
    if count < 2:
        raise _Fault("has one column where time and value belong")
    wanted = (file.column or file.name).lower()
    own = [index for index, name in enumerate(names) if name == wanted and index != time]
    if file.column and not own:
        raise _Fault(f"has no column '{shown(file.column)}'{did_you_mean(wanted, names)}")
    plain = [index for index, name in enumerate(names) if _VALUE.fullmatch(name) and index != time]
    return time, (own or plain or [1 if time == 0 else 0])[0], unit


def _time(cell: str, line: int, unit: str) -> tuple[str, float]:
    """A time, and the unit where the cell says it: `12f`, `0.5s`, `1:02.5`."""
    if clock := _CLOCK.fullmatch(cell.replace(",", ".").removesuffix("s")):
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return "seconds", 3600 * hours + 60 * minutes + seconds
    for suffix, name in (("ms", "milliseconds"), ("s", "seconds"), ("f", "frames")):
        if cell.endswith(suffix) and cell != suffix:
            if unit and unit != name:
                raise _Fault(f"line {line} counts {name}, but those before count {unit}")
            return name, _number(cell.removesuffix(suffix), line)
    return "", _number(cell, line)


def _number(cell: str, line: int) -> float:
    text = cell.strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise _Fault(f"line {line}: '{shown(cell, 40)}' is not a number") from None
    if not math.isfinite(number):
        raise _Fault(f"line {line}: '{shown(cell, 40)}' is not a finite number")
    return number


# After Effects.


def _read_after_effects(lines: Sequence[str], file: CurveFile) -> _Points:
    """Its keyframes, which are tables, one below the other: the first whose title holds the curve's name, or the
    first of all. Of a property with several numbers the first one."""
    rate, tables, title = None, list[tuple[str, list[tuple[float, float]]]](), ""
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        words = [cell for cell in cells if cell]
        if words[:1] == ["Units Per Second"]:
            rate = _number(words[-1].replace(",", "."), number)
        elif line[:1].strip():
            title = " ".join(words)
        elif words and words[0] in ("Frame", "Seconds"):
            tables.append((title, []))
        elif tables and len(words) >= 2:
            frame, value = (_number(_with_point(word, decimal=True), number) for word in words[:2])
            tables[-1][1].append((frame, value))
    tables = [(name, rows) for name, rows in tables if rows]
    if not tables:
        raise _Fault("contains no keyframes; select the property in After Effects, copy, and paste it into the file")
    if rate is None or rate <= 0:
        raise _Fault("does not say how many units a second has")
    wanted = re.sub("_", " ", file.name.lower())
    rows = next((rows for name, rows in tables if wanted in name.lower()), tables[0][1])
    times, values = zip(*rows, strict=True)
    return _Points(times, values, "frames", rate)


# Ableton Live.


def _read_live(file: CurveFile) -> _Points:
    """The automation of a parameter, by `track/parameter` or by the parameter alone, in the seconds of the song."""
    live = read_live_set(file.path)
    lanes = {name: events for name, events in live.lanes.items() if len(events) > 1}
    wanted = (file.column or file.name).lower()
    named = [name for name in lanes if wanted in (name.lower(), name.rpartition("/")[2].lower())]
    if not lanes:
        raise _Fault("automates nothing")
    name = named[0] if len(named) == 1 else _pick([*lanes], file)
    beats, values = live.drawn(lanes[name])
    return _Points(live.seconds(beats).tolist(), values.tolist())


# Parseq and Deforum.


def _read_json(text: str, file: CurveFile) -> _Points:
    try:
        content = parse_json(text)
    except DocumentError as error:
        raise _Fault(str(error)) from None
    if isinstance(content, list):
        content = {"rendered_frames": content}
    for key in ("rendered_frames", "keyframes"):
        frames = content.get(key)
        if isinstance(frames, list) and frames and all(isinstance(frame, dict) for frame in frames):
            options = content.get("options")
            return _read_frames(frames, options if isinstance(options, dict) else {}, file)
    return _read_deforum(content, file)


def _read_frames(frames: Iterable[Mapping[str, Any]], options: Mapping[str, Any], file: CurveFile) -> _Points:
    frames = list(frames)
    fields = list(dict.fromkeys(key for frame in frames for key, value in frame.items() if _is_number(value)))
    field = _pick([one for one in fields if one != "frame"], file)
    rows = [(frame["frame"], frame[field]) for frame in frames if _is_number(frame.get("frame")) and field in frame]
    rows = [(float(at), float(value)) for at, value in rows if _is_number(value)]
    times, values = zip(*rows, strict=True) if rows else ((), ())
    return _Points(times, values, "frames", _positive(options.get("output_fps")))


def _read_deforum(content: Mapping[str, Any], file: CurveFile) -> _Points:
    schedules = {
        key: value for key, value in content.items() if isinstance(value, str) and re.match(r"\s*\d+\s*:", value)
    }
    if not schedules:
        raise _Fault("contains neither frames nor schedules")
    field = _pick([*schedules], file)
    last = content.get("max_frames")
    frames = int(last) if _is_number(last) and 0 < last <= _MOST_FRAMES else None
    return _read_schedule(schedules[field], frames)._replace(rate=_positive(content.get("fps")))


def _read_schedule(text: str, frames: int | None = None) -> _Points:
    """The value of a Deforum schedule at each frame; its `t` is the frame number."""
    try:
        schedule = Schedule.parse(re.sub(r"\bmax_f\b", "n", text))
        last = max(int(key.time.number) for key in schedule.keyframes.keys) if len(schedule.keyframes.keys) > 1 else 0
        count = max(last + 1, frames or 0)
        if count > _MOST_FRAMES:
            raise _Fault(f"has more than {_MOST_FRAMES} frames")
        # One frame a second, so that t is the frame number.
        values = [schedule.at(Moment.of_frame(frame, 1, count)) for frame in range(count)]
    except SettingsError as error:
        raise _Fault(f"{error}") from None
    return _Points(range(count), values, "frames")


def _pick(fields: Sequence[str], file: CurveFile) -> str:
    """The field that a curve takes its values from: of its name, or `NAME_schedule`."""
    for name in (file.column or file.name, f"{file.column or file.name}_schedule"):
        if name in fields:
            return name
    if len(fields) == 1 and not file.column:
        return fields[0]
    known = ", ".join(fields[:12])
    wanted = file.column or file.name
    raise _Fault(
        f"has no '{shown(wanted)}'{did_you_mean(wanted, fields)}; call the curve after one of {known}, or choose one: "
        f"--curve {file.name}={file.path}:column={fields[0] if fields else 'NAME'}"
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _positive(value: object) -> float | None:
    return float(value) if _is_number(value) and value > 0 else None
