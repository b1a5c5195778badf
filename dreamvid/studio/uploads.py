"""The files that are handed in: how much there may be of them in all, and who still needs which."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from dreamvid.errors import MediaError, ResourceError

_LEFT_FREE = 10**9  # bytes of the disk, for everything else


class Uploads:
    """Keeps what is handed in for as long as a page or a render holds it.

    Files arrive in the folder `arrived`, where the server puts them and whence they are swept after a while; what is
    used is kept in `kept`, each in a folder of its own.
    """

    def __init__(self, arrived: Path, kept: Path, limit: int) -> None:
        """`limit` is the sum of both folders in bytes."""
        self._arrived, self._kept, self._limit = arrived, kept, limit
        self._holders: dict[Path, set[str]] = {}
        self._coming = 0
        self._lock = threading.Lock()

    def reserve(self, size: int) -> None:
        """Make sure of room for `size` bytes that are on their way; `give_back` follows once they have arrived.

        Raises `ResourceError` where there is none.
        """
        with self._lock:
            used = _bytes_in(self._arrived, self._kept) + self._coming
            if used + size > self._limit:
                raise ResourceError(
                    f"the studio stores at most {self._limit / 1e9:.3g} GB of uploads and already has "
                    f"{used / 1e9:.3g}; try again later, or close pages that are no longer needed"
                )
            if size > shutil.disk_usage(self._kept).free - self._coming - _LEFT_FREE:
                raise ResourceError("the studio's disk is full; try again after freeing up space")
            self._coming += size

    def give_back(self, size: int) -> None:
        """What was reserved has arrived, or will not."""
        with self._lock:
            self._coming -= size

    def keep(self, upload: Path, holder: str) -> Path:
        """Keep a file that has arrived, under its own name, for `holder`. Raises `MediaError`."""
        try:
            folder = Path(tempfile.mkdtemp(dir=self._kept))
            kept = folder / upload.name
            try:
                os.link(upload, kept)
            except OSError:  # another disk
                shutil.copyfile(upload, kept)
        except FileNotFoundError:
            raise MediaError(
                f"{upload.name}: was removed because it had been unused for too long; drop it in again"
            ) from None
        except OSError as error:
            raise MediaError(f"{upload.name}: cannot be stored ({error.strerror}); try again later") from error
        self.hold([kept], holder)
        return kept

    def hold(self, files: Iterable[Path], holder: str) -> None:
        """See that those of the files that are kept here stay until `holder` lets go of them."""
        with self._lock:
            for path in files:
                if self._kept in path.parents:
                    self._holders.setdefault(path, set()).add(holder)

    def drop(self, path: Path, holder: str) -> None:
        """Let go of one file, which is removed where nobody else holds it."""
        with self._lock:
            self._let_go(path, holder)

    def release(self, holder: str) -> None:
        """Let go of all that `holder` holds."""
        with self._lock:
            for path in [path for path, holders in self._holders.items() if holder in holders]:
                self._let_go(path, holder)

    def _let_go(self, path: Path, holder: str) -> None:
        holders = self._holders.get(path, set())
        holders.discard(holder)
        if not holders and self._holders.pop(path, None) is not None:
            shutil.rmtree(path.parent, ignore_errors=True)

    def sweep(self, age: float) -> None:
        """Remove what arrived longer than `age` seconds ago."""
        oldest = time.time() - age
        for folder, _, names in os.walk(self._arrived, topdown=False):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):  # somebody else sweeps, too
                    if path.lstat().st_ctime < oldest:
                        path.unlink()
            if Path(folder) != self._arrived:
                with contextlib.suppress(OSError):  # not empty
                    Path(folder).rmdir()


def _bytes_in(*folders: Path) -> int:
    """What the files of some folders take on the disk, those with two names once."""
    sizes: dict[int, int] = {}
    for top in folders:
        for folder, _, names in os.walk(top):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    facts = Path(folder, name).lstat()
                    sizes[facts.st_ino] = max(4096, facts.st_size)
    return sum(sizes.values())
