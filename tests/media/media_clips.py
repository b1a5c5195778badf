"""Synthetic clips whose truth is known by construction: each frame carries its own index as a gray level."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from dreamvid.media import FloatImage, Reader, open_reader
from dreamvid.media.ffmpeg import run_ffmpeg

COUNT = 12
GREY_STEP = 16
INDEX_FILTER = f"geq=lum=20+{GREY_STEP}*N:cb=128:cr=128"


def make(target: Path, *arguments: str) -> Path:
    """Run ffmpeg into `target`; a failure is the test's fault."""
    code, _, stderr = run_ffmpeg([*arguments, "-y", f"file:{target}"])
    assert code == 0, stderr
    return target


def indexed(
    target: Path,
    *options: str,
    rate: str = "24",
    size: str = "64x48",
    filters: str = "",
    sound: str | None = None,
    pixel_format: str = "yuv420p",
    count: int = COUNT,
) -> Path:
    """Make a clip of `count` frames, whose frame i is the luma 20 + 16 i everywhere (limited range)."""
    graph = f"color=black:size={size}:rate={rate},format=yuv420p,{INDEX_FILTER}" + (f",{filters}" if filters else "")
    inputs = ["-f", "lavfi", "-i", graph]
    if sound:
        inputs += ["-f", "lavfi", "-t", str(float(count / Fraction(rate))), "-i", sound]
    length = ["-frames:v", str(count)]
    defaults = ("-c:v", "libx264", "-crf", "8", "-bf", "2", "-g", "5") if "-c:v" not in options else ()
    return make(target, *inputs, *length, "-fps_mode", "passthrough", *defaults, "-pix_fmt", pixel_format, *options)


def index_of(frame: FloatImage) -> int:
    """Read the index back from the gray level."""
    return round((float(np.median(frame)) * 219 + 16 - 20) / GREY_STEP)


def indices(source: Path | str | Reader, **options: object) -> list[int]:
    """Read a whole source; return the index that each frame carries."""
    with open_reader(source, **options) if not isinstance(source, Reader) else source as reader:  # type: ignore[arg-type]
        return [index_of(frame) for frame in reader]


def gray_frames(count: int, height: int = 48, width: int = 64) -> Iterable[FloatImage]:
    """Yield frames whose index `index_of` reads back."""
    for index in range(count):
        yield np.full((height, width, 3), (20 + GREY_STEP * index - 16) / 219, np.float32)


def loudest_moment(path: Path, *options: str) -> float:
    """Return the time in seconds of the loudest sample, on the clock of the picture."""
    arguments = ["-i", f"file:{path}", *options, "-map", "0:a:0", "-ac", "1", "-ar", "48000"]
    # aresample fills what is missing before the first packet, so that a late start is not lost.
    arguments += ["-af", "aresample=async=1:first_pts=0", "-f", "f32le", "pipe:1"]
    _, output, _ = run_ffmpeg(arguments)
    return float(np.abs(np.frombuffer(output, "<f4")).argmax()) / 48000


def sound_seconds(path: Path) -> float:
    """Return when the first sound track ends."""
    _, table, _ = run_ffmpeg(["-i", f"file:{path}", "-map", "0:a:0", "-c", "copy", "-f", "framecrc", "pipe:1"])
    base = re.search(rb"#tb 0: (\d+)/(\d+)", table)
    assert base is not None
    rows = [line.split(b",") for line in table.splitlines() if line.startswith(b"0,")]
    return max(int(row[2]) + int(row[3]) for row in rows) * int(base[1]) / int(base[2])
