"""Downloads of weights into torch's cache: whole and checked, or not at all."""

from __future__ import annotations

import functools
import hashlib
import http.client
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dreamvid.runtime.events import Downloading, Notice, Progress

SILENCE_S = 5.0
"""How long a server may keep silent, at the connection and at every read after it."""
TELL_EVERY_S = 0.5
_PIECE = 2**18


class DownloadError(Exception):
    """A file could not be had from its server; the text says why, and is part of a sentence."""


def cached_path(url: str) -> Path:
    """Where the file of a url lies, or would lie: torch's hub cache, so TORCH_HOME counts."""
    import torch

    return Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(url).name)


def is_cached(url: str) -> bool:
    """Whether the file is in the cache, and is the published one: not cut off, nor replaced."""
    path = cached_path(url)
    if not path.is_file():
        return False
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns).startswith(_digest_prefix(url))


@functools.lru_cache
def _digest(path: Path, _size: int, _mtime_ns: int) -> str:
    """The SHA-256 of a file that has not changed since: a large one takes a second, and is asked for several times."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(url: str, what: str) -> Iterator[Progress]:
    """Download the file of a url to `cached_path` unless it is there, yielding how far that is.

    The file appears in the cache whole and checked, or not at all; where the iterator is closed, or Ctrl-C comes,
    nothing is left. Proxies are those of the environment, as `urllib.request` reads it.

    Raises `DownloadError`.
    """
    path = cached_path(url)
    if is_cached(url):
        return
    yield Notice(f"downloading {what} from {url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".dreamvid-") as folder:
            part = Path(folder, path.name)
            yield from _download(url, part, what)
            part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(_reason(error)) from error
    yield Notice(f"{what} saved to {path}")


def _download(url: str, part: Path, what: str) -> Iterator[Progress]:
    digest = hashlib.sha256()
    told = time.monotonic()
    with urllib.request.urlopen(url, timeout=SILENCE_S) as response, part.open("wb") as file:  # noqa: S310
        length = response.headers.get("Content-Length")
        total = int(length) if length is not None and length.isdecimal() else None
        yield Downloading(what, 0, total)
        while piece := response.read1(_PIECE):
            file.write(piece)
            digest.update(piece)
            if time.monotonic() - told >= TELL_EVERY_S:
                told = time.monotonic()
                yield Downloading(what, file.tell(), total)
        done = file.tell()
    if total is not None and done < total:
        raise DownloadError(f"the connection was lost after {done / 1e6:.1f} of {total / 1e6:.1f} MB")
    if not digest.hexdigest().startswith(_digest_prefix(url)):
        raise DownloadError("the downloaded file is not the published one (its SHA-256 differs)")
    yield Downloading(what, done, total)


def _digest_prefix(url: str) -> str:
    """The first hexadecimal digits of a file's SHA-256, by torch's convention in its name; "" if it has none."""
    found = re.search(r"-([0-9a-f]{8,64})\.", PurePosixPath(url).name)
    return found[1] if found else ""


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it holds the connection
        return f"{error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        return _reason(error.reason)
    if isinstance(error, TimeoutError):
        return f"no response within {SILENCE_S:g} s"
    return str(error) or type(error).__name__
