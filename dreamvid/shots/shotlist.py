"""Lists of shots as files: CSV, EDL (CMX 3600) and OpenTimelineIO, written and read; and other people's lists, read.

A list says where shots begin. A shot lasts until the next one begins, whatever the list says of its end: so deleting a
line joins a shot to the one before it. What lies before the first is a shot of its own. Ends are looked at only to find
lists that contradict themselves.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode, drops_numbers, is_timecode, timecode_of
from dreamvid.errors import MediaError
from dreamvid.images.header import check_file
from dreamvid.images.write import publish, temporary_beside
from dreamvid.shots.list_times import ListTimes
from dreamvid.shots.otio_shots import cuts_of_timeline, timeline_text
from dreamvid.shots.shots import Shot, shots_between

SUFFIXES = (".csv", ".edl", ".otio")
"""What a list that is written may end in."""

_COLUMNS = (
    "shot", "first_frame", "end_frame", "frames",
    "start_seconds", "end_seconds", "start_timecode", "end_timecode",
)  # fmt: skip
_LARGEST = 2**20  # bytes; a feature film has some 2,000 shots
_REEL = re.compile(r"[\w.-]{1,32}", re.ASCII)  # what fits into a column of an EDL
_TITLE_LENGTH = 70  # characters of an EDL's title


# Writing.


def check_list_name(path: Path) -> None:
    """Raise `MediaError` unless the name ends in one of `SUFFIXES`."""
    if path.suffix.lower() not in SUFFIXES:
        raise MediaError(f"{path}: not a format for lists of shots; use {' or '.join(SUFFIXES)}")


def write_shots(
    path: Path,
    shots: Sequence[Shot],
    rate: Fraction,
    *,
    clip: Path | str,
    timecode: ClipTimecode | None = None,
    overwrite: bool = False,
) -> None:
    """Write shots as CSV, EDL or OTIO, as the name's ending says; the file appears whole or not at all.

    rate: the frames per second that their frames count; clip: the clip's file, whose name EDLs have and which OTIO
    links to; timecode: that of the clip's first frame, without which timecodes count from 0. An EDL's source and
    record times are the same. Raises `MediaError` where the ending is another, the file cannot be written, or is there
    and `overwrite` is off; `SettingsError` where OTIO needs what is not installed.
    """
    check_list_name(path)
    match path.suffix.lower():
        case ".edl":
            text = _edl_text(shots, rate, timecode, Path(clip).name)
        case ".otio":
            text = timeline_text(shots, rate, timecode, Path(clip))
        case _:
            text = _csv_text(shots, rate, timecode)
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(text.encode("utf-8", "replace"))  # a file name may be no proper text
        publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)


def _csv_text(shots: Iterable[Shot], rate: Fraction, timecode: ClipTimecode | None) -> str:
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(_COLUMNS)
    for shot in shots:
        seconds = [f"{float(frame / rate):.6f}" for frame in (shot.first, shot.end)]
        codes = [timecode_of(frame, rate, timecode) for frame in (shot.first, shot.end)]
        table.writerow([shot.number, shot.first, shot.end, shot.frames, *seconds, *codes])
    return file.getvalue()


def _edl_text(shots: Iterable[Shot], rate: Fraction, timecode: ClipTimecode | None, clip: str) -> str:
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in clip).split())
    drop = drops_numbers(rate) if timecode is None else timecode.drop
    lines = [f"TITLE: {Path(name).stem[:_TITLE_LENGTH]}", f"FCM: {'' if drop else 'NON-'}DROP FRAME", ""]
    reel = None if timecode is None else timecode.reel
    if reel is None or not _REEL.fullmatch(reel):
        reel = "AX"  # the auxiliary reel stands for a file
    for shot in shots:
        start, end = (timecode_of(frame, rate, timecode) for frame in (shot.first, shot.end))
        codes = f"{start} {end} {start} {end}"
        lines += [f"{shot.number:03}  {reel:<8} V     C        {codes}", f"* FROM CLIP NAME: {name}"]
    return "\n".join(lines) + "\n"


# Reading.


@dataclass(frozen=True)
class _Entry:
    """What one line of a list says: the shot's first frame, and the one after its last where that is said."""

    line: int
    first: int
    end: int | None = None


class _LineError(ValueError):
    def __init__(self, line: int, reason: object) -> None:
        super().__init__(reason)
        self.line = line


def read_shots(
    path: Path, rate: Fraction, frames: int, timecode: ClipTimecode | None = None, clip: Path | None = None
) -> list[Shot]:
    """The shots of a clip of so many frames at `rate` per second, from a list of them.

    - A table (CSV; semicolons and tabs do too) with the names of columns in its first line. One says where shots
      begin: `first_frame` counts from 0; else `start_seconds` or `start_timecode`. Tables of PySceneDetect too, whose
      `Start Frame` counts from 1.
    - An EDL: the record times of its picture events. They are timecodes of the clip, or count from the whole hours of
      the first.
    - An OTIO timeline (`.otio`): the parts of `clip` that it uses, or, where it uses none, its own cuts.
    - Or one cut a line: a frame number (`52`), a time (`2.17`, `2s`, `1:02.5`) or a timecode (`00:00:02:04`);
      lines that begin with # are passed over.

    Times stand for the nearest frame. Where the clip has a `timecode` and the first one of the list lies within it, the
    list's are the clip's own; else they count from its beginning. Raises `MediaError`, with the number of the line,
    where a list cannot be read, names no shot, frames that the clip has not, or shots that overlap or are out of order.
    """
    if path.suffix.lower() == ".otio":
        return shots_between(cuts_of_timeline(path, rate, frames, timecode, clip), frames)
    lines = _read_lines(path)
    times = ListTimes(rate, frames, timecode)
    try:
        entries = list(_checked(_read_entries(lines, times, is_edl=path.suffix.lower() == ".edl"), frames))
    except _LineError as error:
        raise MediaError(f"{path}, line {error.line}: {error}") from None
    except csv.Error as error:
        raise MediaError(
            f"{path}: is not a table ({error}); give a CSV or EDL as written by `dreamvid shots`"
        ) from error
    if not entries:
        raise MediaError(
            f"{path}: lists no shots; give a CSV or EDL as written by `dreamvid shots`, or one cut per line"
        )
    return shots_between((entry.first for entry in entries), frames)


def _read_lines(path: Path) -> list[str]:
    check_file(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise MediaError(f"{path}: is too large for a list of shots; give a CSV, EDL or text file")
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what spreadsheets call Unicode text
    text = data.decode("utf-16" if is_wide else "utf-8-sig", "replace")  # names may be in any alphabet, numbers are not
    if "\0" in text:
        raise MediaError(f"{path}: is not a list of shots; give a CSV, EDL or text file")
    return re.split(r"\r\n|\r|\n", text)


def _read_entries(lines: list[str], times: ListTimes, *, is_edl: bool) -> Iterator[_Entry]:
    filled = [(number, line) for number, line in enumerate(lines, start=1) if not _is_blank(line)]
    if filled and filled[0][1].startswith("Timecode List:"):  # PySceneDetect repeats the table there
        del filled[0]
    if is_edl or (filled and filled[0][1].startswith("TITLE:")):
        return _read_edl(filled, times)
    header = _parse_header(filled[0][1]) if filled else None
    return _read_plain(filled, times) if header is None else _read_table(header, filled[1:], times)


def _is_blank(line: str) -> bool:
    text = line.strip()
    return not text or text.startswith("#")


def _checked(entries: Iterable[_Entry], frames: int) -> Iterator[_Entry]:
    """The same entries, as long as they make sense: so there are no more of them than frames."""
    before: _Entry | None = None
    for entry in entries:
        last = entry.first if entry.end is None else entry.end - 1
        if last < entry.first:
            raise _LineError(entry.line, f"the shot ends at frame {entry.end}, but starts at frame {entry.first}")
        if last >= frames:
            raise _LineError(entry.line, f"the clip has no frame {last}: its {frames} frames are 0 to {frames - 1}")
        if before is not None and entry.first <= before.first:
            raise _LineError(
                entry.line,
                f"the shot starts at frame {entry.first}, not after the previous one ({before.first}); sort the list",
            )
        if before is not None and before.end is not None and entry.first < before.end:
            raise _LineError(
                entry.line,
                f"the shot starts at frame {entry.first}, before the one in line {before.line} ends ({before.end}); "
                "shots must not overlap",
            )
        before = entry
        yield entry


def _parse_frame(text: str) -> int:
    found = re.fullmatch(r"(\d{1,12})(?:\.0+)?", text.strip(), re.ASCII)  # spreadsheets make 52.0 of 52
    if found is None:
        raise ValueError(f"'{_shown(text)}' is not a frame number")
    return int(found[1])


def _parse_time(text: str, times: ListTimes) -> int:
    """The frame nearest to a time, or that of a timecode."""
    text = text.strip()
    if is_timecode(text):
        return times.frame_of(text)
    found = re.fullmatch(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,9}(?:\.\d{0,12})?) ?s?", text, re.ASCII)
    if found is None:
        raise ValueError(f"'{_shown(text)}' is not a time such as 2.17 or 1:02.5, or a timecode such as 00:00:02:04")
    seconds = Fraction(found[3]) + 60 * int(found[2] or 0) + 3600 * int(found[1] or 0)
    return math.floor(seconds * times.rate + Fraction(1, 2))


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


# One cut a line.


def _read_plain(lines: Iterable[tuple[int, str]], times: ListTimes) -> Iterator[_Entry]:
    for number, line in lines:
        text = line.strip()
        try:
            yield _Entry(number, _parse_frame(text) if text.isdecimal() else _parse_time(text, times))
        except ValueError as error:
            hint = "" if is_timecode(text) else "; a table starts with the names of its columns, such as first_frame"
            raise _LineError(number, f"{error}{hint}") from None


# Tables.

# Names of columns in small letters, all else than letters and digits as _; the first that is there counts.
_FIRST_FRAMES = ("first_frame", "frame", "cut_frame")
_FIRST_FRAMES_ODDLY_COUNTED = ("start_frame",)  # PySceneDetect's, from 0 in old versions and from 1 in newer ones
_START_TIMES = ("start_seconds", "start_time_seconds", "start_timecode", "start_time", "timecode", "seconds", "time")
_END_FRAMES = ("end_frame",)  # after the last one; counted from 1 that is the number of the last one itself
_END_TIMES = ("end_seconds", "end_time_seconds", "end_timecode", "end_time")


@dataclass(frozen=True)
class _Header:
    """Which columns of a table, by position, say what; and what parts them."""

    delimiter: str
    names: tuple[str, ...]

    def column(self, names: Iterable[str]) -> int | None:
        return next((self.names.index(name) for name in names if name in self.names), None)


def _parse_header(line: str) -> _Header | None:
    """None if the line is none: it holds no name that tells where shots begin."""
    delimiter = max(",;\t", key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter))
    header = _Header(delimiter, tuple(re.sub(r"[^a-z0-9]+", "_", cell.lower()).strip("_") for cell in cells))
    known = (*_FIRST_FRAMES, *_FIRST_FRAMES_ODDLY_COUNTED, *_START_TIMES)
    return None if header.column(known) is None else header


def _read_table(header: _Header, lines: Iterable[tuple[int, str]], times: ListTimes) -> Iterator[_Entry]:
    frame, odd_frame = header.column(_FIRST_FRAMES), header.column(_FIRST_FRAMES_ODDLY_COUNTED)
    time, end_frame, end_time = (header.column(names) for names in (_START_TIMES, _END_FRAMES, _END_TIMES))
    counted_from: int | None = None
    for number, line in lines:
        row = _Row(next(csv.reader([line], delimiter=header.delimiter)), times, header.delimiter)
        try:
            if row.is_empty:
                continue
            first = row.frame(frame)
            if first is None:
                first, shown = row.time(time), row.frame(odd_frame)
                if shown is not None:
                    if counted_from is None:
                        counted_from = min(shown, 1) if first is None else shown - first
                    first = _agreed(shown, first, counted_from, times.rate)
            if first is None:
                raise ValueError("it does not say where the shot starts")
            end = row.frame(end_frame)
            yield _Entry(number, first, row.time(end_time) if end is None else end)
        except ValueError as error:
            raise _LineError(number, error) from None


def _agreed(shown: int, at_time: int | None, counted_from: int, rate: Fraction) -> int:
    """The frame, from 0, of one that is numbered from `counted_from`, where its time allows that."""
    frame = shown - counted_from
    if counted_from not in (0, 1) or (at_time is not None and abs(frame - at_time) > 1):
        raise ValueError(
            f"frame {shown} does not match the time next to it at {float(rate):.5g} frames per second: the list is for "
            "another clip or another frame rate"
        )
    return frame


@dataclass(frozen=True)
class _Row:
    """The cells of a row; None for what is empty or not there."""

    cells: list[str]
    times: ListTimes
    delimiter: str

    @property
    def is_empty(self) -> bool:
        return not any(cell.strip() for cell in self.cells)

    def frame(self, column: int | None) -> int | None:
        text = self._text(column)
        return _parse_frame(text) if text else None

    def time(self, column: int | None) -> int | None:
        text = self._text(column)
        if self.delimiter != ",":
            text = text.replace(",", ".")  # where the comma is the decimal point
        return _parse_time(text, self.times) if text else None

    def _text(self, column: int | None) -> str:
        return "" if column is None or column >= len(self.cells) else self.cells[column].strip()


# EDL.

_PICTURE = re.compile(r"V1?|B|A+\d*/V1?|NONE", re.ASCII)  # channels; V2 and above lie over the picture, A are sound
_OVERLAYS = ("K", "KO")  # these lie over the KB before them


@dataclass(frozen=True)
class _Event:
    """What an event of an EDL says of the programme."""

    channel: str
    kind: str
    record_in: str
    record_out: str


def _read_edl(lines: Iterable[tuple[int, str]], times: ListTimes) -> Iterator[_Entry]:
    """The events of the picture by their record times. A dissolve begins a shot where it begins."""
    drop = False
    for number, line in lines:
        if line.startswith("FCM:"):
            drop = "DROP" in line and "NON" not in line
        if not line.lstrip()[0].isdigit():
            continue
        try:
            event = _parse_event(line)
            if not _PICTURE.fullmatch(event.channel) or event.kind in _OVERLAYS:
                continue
            codes = event.record_in, event.record_out
            first, end = (times.frame_of(code, drop=drop, from_the_hour=True) for code in codes)
        except ValueError as error:
            raise _LineError(number, error) from None
        if first != end:  # the outgoing side of a transition lasts no time
            yield _Entry(number, first, end)


def _parse_event(line: str) -> _Event:
    """Number, reel, channel, kind and for some kinds a length; then source in and out, record in and out."""
    words = line.split()
    head, codes = words[:-4], words[-4:]
    while head and re.fullmatch(r"\d+|\(F\)", head[-1], re.ASCII):  # of a transition or a key
        del head[-1]
    if len(head) < 4 or not all(":" in code or ";" in code for code in codes):
        raise ValueError(f"'{_shown(line.strip())}' is not an EDL event: number, reel, channel, C, four timecodes")
    return _Event(head[-2], head[-1], codes[2], codes[3])
