"""The files that a render still needs when its last frame is done, and whether they are what they were."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dreamvid.errors import MediaError


class Sources:
    """Sound, subtitles and tags are read at the end: from the files that were there at the beginning, or not at all."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._looks = {path: _look(path) for path in paths if path.is_file()}

    def check(self) -> None:
        """Raise `MediaError` where one of them is gone, or another file stands in its place."""
        for path, look in self._looks.items():
            now = _look(path)
            if now != look:
                happened = "disappeared" if now is None else "was replaced or changed"
                raise MediaError(
                    f"{path}: {happened} during the render, but its sound and metadata are still needed; all frames "
                    "are kept: restore the file and run the same command again"
                )


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
