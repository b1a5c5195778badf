"""Tags of a film as a file of ffmpeg's: they may be of any length, and command lines may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.media.ffmpeg import file_url


def write_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Write `tags` as an FFMETADATA file, in UTF-8. Raises `OSError`."""
    lines = [f"{_escape(key)}={_escape(value)}\n" for key, value in tags.items()]
    path.write_text(";FFMETADATA1\n" + "".join(lines), encoding="utf-8", newline="\n")


def tag_input(path: Path) -> list[str]:
    """ffmpeg's arguments that open what `write_tags` wrote, as an input of its own."""
    return ["-protocol_whitelist", "file", "-f", "ffmetadata", "-i", file_url(path)]


def timecode_arguments(timecode: ClipTimecode | None, target: Path) -> list[str]:
    """ffmpeg's arguments that give the picture of `target` a timecode: QuickTime and MP4 get a track of it, Matroska a
    tag. The track of MP4 has no reel, so that is a tag of the file."""
    if timecode is None:
        return []
    where = "-metadata" if target.suffix.lower() == ".mp4" else "-metadata:s:v:0"
    reel = [] if timecode.reel is None else [where, f"reel_name={timecode.reel}"]
    return ["-metadata:s:v:0", f"timecode={timecode}", *reel]


def _escape(text: str) -> str:
    """A backslash makes the next character plain; a NUL would end the text."""
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return re.sub(r"[=;#\\\n]", r"\\\g<0>", plain)
