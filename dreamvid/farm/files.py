"""Files that a worker needs: found where the driver says, or else brought from there in bounded pieces.

A file is brought once to each machine, into a folder of the machine's temporary ones that is named after what is in it.
It is copied as it is: a cut piece of a clip would not always decode to the same frames.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from filelock import FileLock

from dreamvid.errors import DreamvidError, MediaError
from dreamvid.farm.messages import PIECE_BYTES, SharedFile
from dreamvid.media import list_sequence
from dreamvid.media.names import name_beside
from dreamvid.media.sequence import parse_pattern
from dreamvid.output.fingerprint import fingerprint
from dreamvid.runtime.processes import user_name

Fetch = Callable[[Path, int], bytes]
"""A piece of one of the driver's files from an offset on; nothing at its end."""

ListFiles = Callable[[Path], list[Path]]
"""The driver's files that a path stands for."""


def share(path: Path) -> SharedFile:
    """A file of the driver's, for workers."""
    return SharedFile(path.resolve(), fingerprint(path))


def files_of(path: Path) -> list[Path]:
    """The files that a path stands for: a sequence's, or itself."""
    return list_sequence(path) or [path]


def read_piece(path: Path, offset: int) -> bytes:
    """A piece of a file; nothing at its end."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)


def is_here(file: SharedFile) -> bool:
    """Whether this machine sees the file, with the same content, under the same path."""
    try:
        return fingerprint(file.path) == file.fingerprint
    except (OSError, DreamvidError):
        return False


def bring(file: SharedFile, list_files: ListFiles, fetch: Fetch, cache: Path | None = None) -> Path:
    """Where the file is on this machine, once it is there. Raises `MediaError` where it cannot be stored."""
    if is_here(file):
        return file.path
    folder = private(cache or cache_folder()) / file.fingerprint
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        with FileLock(folder.with_suffix(".lock")):  # the machine's other workers want it too
            complete = folder / ".complete"
            if not complete.is_file():
                for path in list_files(file.path):
                    store(folder / path.name, pieces(path, fetch))
                complete.touch()
    except OSError as error:
        raise MediaError(
            f"{folder}: {file.path.name} cannot be stored here ({error.strerror}); free up space"
        ) from error
    brought = folder / file.path.name
    pattern = parse_pattern(brought)  # the name of a folder or of one file may look like one
    is_folder = not brought.is_file() and not (pattern is not None and pattern.existing())
    return folder if is_folder else brought


def bring_to(path: Path, file: SharedFile, fetch: Fetch) -> None:
    """Bring a file to a path of this machine where nothing is yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(name_beside(f".{path.name}", ".lock"))):
        if not path.is_file():
            store(path, pieces(file.path, fetch))


def pieces(path: Path, fetch: Fetch) -> Iterator[bytes]:
    """All pieces of one of the driver's files, one at a time."""
    offset = 0
    for _ in count():
        piece = fetch(path, offset)
        if not piece:
            return
        offset += len(piece)
        yield piece


def store(path: Path, content: Iterator[bytes]) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(name_beside(f".{path.name}", ".part"))
    with part.open("wb") as stream:
        for piece in content:
            stream.write(piece)
    part.replace(path)


def private(folder: Path) -> Path:
    """The folder, made if it is missing. Raises `MediaError` unless it is this user's own and nobody else's.

    The machine's temporary folder is everybody's: what lies there under a name that others can guess might be a link
    elsewhere, or hold files of theirs.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise MediaError(f"{folder}: cannot be created ({error.strerror}); set TMPDIR to another folder") from error
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not stat.S_ISDIR(status.st_mode) or not mine or others:
        raise MediaError(
            f"{folder}: is not accessible to this user alone, so its files cannot be trusted; remove it, or set TMPDIR "
            "to another folder"
        )
    return folder


def cache_folder() -> Path:
    """Where brought files lie on this machine; may be deleted whenever no worker runs."""
    return Path(tempfile.gettempdir()) / f"dreamvid-farm-{user_name()}"
