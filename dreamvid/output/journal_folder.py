"""The folder beside an output that holds what an unfinished render of it needs.

It is believed only where it is whole: `journal.json` carries a digest of itself and of every file that it counts, and
names nothing but files of the folder. It is made so that a kill at any moment leaves nothing in the way: a folder that
holds only what dreamvid writes there, and no `journal.json`, is taken over. Only files that dreamvid writes are ever
deleted.

How a render ends is kept, too. The finished film is made inside of the folder; `journal.json` then says what it will
look like under its own name; it gets that name; what lies beside it is written; and the folder goes, `journal.json`
last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.write import publish
from dreamvid.output.snapshot import make_durable, write_durably
from dreamvid.runtime.documents import parse_json

_INDEX = "journal.json"
REPORT = "report.jsonl"
_LOCK = "lock"
_MOST_VALUES = 10**7  # of an index: a long film has many segments
_SHOWN = 60  # characters of a value that differs
_OURS = re.compile(
    r"lock|journal\.json|report\.jsonl|segments\.ffconcat|film\.\w+|film\.ffmetadata"
    r"|(state|segment|frame|frames|fade)-\d+(-before|-after)?\.\w+|\d{8}\.\w+|(\w+\.)?pass-\d+\.exr"
    r"|state-\d+-\d+\.st|keyframe-\d+-(back|forth|goal)\.st|spool\.raw"
    r"|\.dreamvid-[0-9a-f]+\.\w+|\.[\w.-]+\.part"
)


class JournalFolder:
    """A journal's folder; a context manager that holds it for this process alone.

    On leaving, one without anything worth keeping is removed, another stays.
    """

    def __init__(
        self,
        target: Path,
        folder: Path,
        identity: Mapping[str, Any],
        *,
        pictures: Sequence[str] = (),
        fresh: bool = False,
    ) -> None:
        """`identity` is all that the frames depend on, as JSON holds it; `pictures` tells each picture of a source that
        is a sequence from others; `fresh` drops what was done before.

        A picture that no finished frame was made of may be another one when a render goes on: a damaged one may have
        been mended.

        Entering raises `SettingsError` where another render's journal is there, or another process is at it, and
        `MediaError` where it is damaged or cannot be made.
        """
        self.target = target
        self.folder = folder
        self._identity = json.loads(json.dumps(identity))
        self._pictures = list(pictures)
        self._fresh = fresh
        self._lock = FileLock(folder / _LOCK)
        self._digests: dict[str, str] = {}  # of the files that count
        self._film: dict[str, int] | None = None  # what the finished film looks like
        self.going_on = False
        """Whether an earlier render has begun this one, even if nothing of it was kept."""

    def __enter__(self) -> Self:
        try:
            self._take_over()
            self.folder.mkdir(exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise SettingsError(
                f"{self.target}: is being rendered by another dreamvid process; wait for it to finish"
            ) from None
        except OSError as error:
            raise MediaError(f"{self.folder}: cannot be created ({error.strerror}); check the disk") from error
        try:
            self._load()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_worth_keeping():
            self._lock.release()
        else:
            self.remove()

    def _take_over(self) -> None:
        """Raise `MediaError` where something is in the journal's place that dreamvid has not left there."""
        if self.folder.is_dir():
            names = [path.name for path in self.folder.iterdir()]
            foreign = [name for name in names if not _OURS.fullmatch(name)]
            if _INDEX in names or not foreign:
                return
        elif not self.folder.exists():
            return
        raise MediaError(f"{self.folder}: is not a dreamvid journal but is in its place; move it away")

    def remove(self) -> None:
        """Delete the journal: the render is complete, or nothing of it is worth keeping.

        What counts goes last: a kill on the way leaves a journal that says so, or none. Once it is removed, or where
        another process has it, nothing happens.
        """
        if not self._lock.is_locked:
            return
        with contextlib.suppress(OSError):  # what cannot be deleted is in nobody's way
            self._drop_all_but(())
            (self.folder / _INDEX).unlink(missing_ok=True)
            (self.folder / _LOCK).unlink(missing_ok=True)
        self._lock.release()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    @property
    def film_path(self) -> Path:
        """Where the film is made before it gets its name."""
        return self.folder / f"film{self.target.suffix}"

    @property
    def published(self) -> int | None:
        """How many frames the finished film has that has got its name already: only what lies beside it is to do.
        None: it has not."""
        return self._film["frames"] if self._film is not None and _looks_like(self.target, self._film) else None

    @property
    def done(self) -> int:
        """How many frames need not be dreamed again."""
        raise NotImplementedError

    @property
    def report_path(self) -> Path | None:
        """Where what is to be reported on the frames so far is kept; None: in files of its own."""
        return None

    @property
    def kept_in(self) -> Path:
        """Where the frames are that are done."""
        return self.folder

    @property
    def interrupted(self) -> str:
        """What is kept if the render ends here, for people."""
        if not self.done:
            return "interrupted; nothing was finished yet"
        return (
            f"interrupted; {self.done} frames are kept in {self.kept_in}: run the same command again to resume, or "
            "with --fresh to start over"
        )

    def publish(self, frames: int, *, overwrite: bool) -> None:
        """Give the finished film of so many frames, at `film_path`, its name. Raises `MediaError`."""
        with self._room_wanted():
            make_durable(self.film_path)
        self._film = {**_look(self.film_path), "frames": frames}
        self._write_index(self._index())
        try:
            publish(self.film_path, self.target, overwrite=overwrite)
        except OSError as error:
            raise MediaError(
                f"{self.target}: cannot be moved into place ({error.strerror}); check the folder"
            ) from error

    def begin_placing(self, frames: int) -> bool:
        """Say that finished pictures have their names, or are being given them; return whether that was said before."""
        begun = self._film is not None
        self._film = {"frames": frames}
        self._write_index(self._index())
        return begun

    def _is_worth_keeping(self) -> bool:
        raise NotImplementedError

    def _index(self) -> dict[str, Any]:
        """What counts, as JSON holds it."""
        raise NotImplementedError

    def _take(self, index: Mapping[str, Any]) -> Collection[str]:
        """Take over what the index says, and return the names of the files that it counts on. Whatever is wrong with
        it may raise as it comes."""
        raise NotImplementedError

    def _has_used(self, picture: int) -> bool:
        """Whether a finished frame was made of a picture of the source, by its number."""
        raise NotImplementedError

    def _write_index(self, index: Mapping[str, Any]) -> None:
        """Say what counts. Raises `MediaError` where the disk is full."""
        whole = {**index, "digests": self._digests, "film": self._film, "identity": self._identity}
        whole["pictures"] = self._pictures
        with self._room_wanted():
            write_durably(self.folder / _INDEX, json.dumps({**whole, "check": _check(whole)}, indent=1).encode())

    def _count(self, names: Collection[str]) -> None:
        """Let these files count, and no others."""
        with self._room_wanted():
            self._digests = {name: self._digests.get(name) or _digest(self.folder / name) for name in names}

    @contextlib.contextmanager
    def _room_wanted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MediaError(
                f"{self.folder}: cannot be written ({error.strerror}); free up space and run the same command again"
            ) from error

    def _load(self) -> None:
        index_path = self.folder / _INDEX
        if self._fresh or not index_path.is_file():
            with self._room_wanted():
                self._drop_all_but(())
            self._write_index({})
            return
        self.going_on = True
        try:
            index = _read_index(index_path)
            if index["digests"]:
                self._compare(index["identity"])
                names = self._take(index)
                self._compare_pictures(index["pictures"])
                self._film = index["film"]
                names = self._believe(names, index["digests"])
                self._drop_all_but((*names, REPORT))
            else:
                self._drop_all_but(())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise MediaError(f"{self.folder}: is damaged ({error}); start over with --fresh") from error

    def _believe(self, names: Collection[str], digests: Mapping[str, str]) -> Collection[str]:
        """Return those of these files that count on: all must be here and what they were, see `_without`."""
        if sorted(names) != sorted(digests):
            raise ValueError("its index lists digests of other files")
        faults: dict[str, str] = {}
        for name in names:
            if not _OURS.fullmatch(name):
                raise ValueError(f"{name!r} is not a journal file")
            path = self.folder / name
            if not path.is_file():
                faults[name] = f"{name} is missing"
            elif _digest(path) != digests[name]:
                faults[name] = f"{name} was changed"
        if faults:
            names = self._without(faults)
        self._digests = {name: digests[name] for name in names}
        return names

    def _without(self, faults: Mapping[str, str]) -> Collection[str]:
        """Do without damaged files, given with what is wrong with each; return the names of those that still count.

        Raises `ValueError` where all is needed.
        """
        raise ValueError(next(iter(faults.values())))

    def _drop_all_but(self, names: Collection[str]) -> None:
        """Delete what an interruption has left lying about: our files but these, the lock and the index."""
        for path in self.folder.iterdir():
            if path.name not in (_LOCK, _INDEX, *names) and _OURS.fullmatch(path.name):
                path.unlink()

    def _compare_pictures(self, known: Sequence[str]) -> None:
        """Raise `SettingsError` where one that a finished frame was made of is another now."""
        pairs = enumerate(zip(known, self._pictures, strict=True))
        changed = [number for number, (before, now) in pairs if before != now]
        used = next((number for number in changed if self._has_used(number)), None)
        if used is not None:
            raise SettingsError(
                f"{self.folder} contains an unfinished render of another source (picture number {used + 1} has changed "
                "since); restore it to resume, or use --fresh to start over"
            )

    def _compare(self, known: Mapping[str, Any]) -> None:
        """Raise `SettingsError` where the journal is of another render, with the first thing that differs."""
        for key in [*self._identity, *(key for key in known if key not in self._identity)]:
            before, now = known.get(key), self._identity.get(key)
            if before != now:
                raise SettingsError(
                    f"{self.folder} contains an unfinished render that differs in {key} ({_short(before)}, now "
                    f"{_short(now)}); use the same {key} to resume, or --fresh to start over"
                )


def has_journal(folder: Path) -> bool:
    """Whether a journal lies there."""
    return (folder / _INDEX).is_file()


def was_published(folder: Path, target: Path) -> bool:
    """Whether what stands at `target` is what the journal in `folder` has finished: a film that looks as it says, or
    pictures that were being given their names."""
    try:
        film = _read_index(folder / _INDEX)["film"]
        return film is not None and ("size" not in film or _looks_like(target, film))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read_index(path: Path) -> dict[str, Any]:
    """The index. Raises `OSError` or `ValueError` where it is missing or was changed."""
    index = parse_json(path.read_bytes(), most=_MOST_VALUES)
    if not isinstance(index, dict) or index.pop("check", None) != _check(index):
        raise ValueError(f"{path.name} was changed")
    return index


def _check(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(path: Path) -> dict[str, int]:
    """What tells a file from another one under the same name; it stays when it is given another name."""
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _looks_like(path: Path, look: Mapping[str, int] | None) -> bool:
    return look is not None and "size" in look and path.is_file() and _look(path).items() <= look.items()


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
