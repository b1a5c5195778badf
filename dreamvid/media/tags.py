"""Tags of a film as a file of ffmpeg's: they may be of any length, and command lines may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dreamvid.media.ffmpeg import file_url


def write_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Write `tags` as an FFMETADATA file, in UTF-8. Raises `OSError`."""
    lines = [f"{_escape(key)}={_escape(value)}\n" for key, value in tags.items()]
    path.write_text(";FFMETADATA1\n" + "".join(lines), encoding="utf-8", newline="\n")


def tag_input(path: Path) -> list[str]:
    """ffmpeg's arguments that open what `write_tags` wrote, as an input of its own."""
    return ["-protocol_whitelist", "file", "-f", "ffmetadata", "-i", file_url(path)]


def _escape(text: str) -> str:
    """A backslash makes the next character plain; a NUL would end the text."""
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return re.sub(r"[=;#\\\n]", r"\\\g<0>", plain)
