"""The journal: what makes a render that was killed go on where it was, frame for frame.

    out.mp4.journal/
      journal.json          what is rendered, from what, and how far it is: the one file that says what counts
      state-00000123.st     the loop's state after so many frames
      segment-0001.mp4      encoded: K frames, or fewer where a shot ends
      frame-00000121.png    finished frames of the segment that is still open

Segments begin at a shot's first frame and at each Kth after it, so the encoder sees the same frames in the same groups
whether or not the render was ever interrupted; those of the open segment are kept as pictures for that purpose.
Nothing is deleted before `journal.json` says that it is not needed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from dreamvid.documents import parse_json
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import FloatImage
from dreamvid.media.target import beside
from dreamvid.render.snapshot import Snapshot, read_snapshot, write_durably, write_snapshot

_INDEX = "journal.json"
_LOCK = "lock"
_MOST_VALUES = 10**7  # of an index: a long film has many segments
_SHOWN = 60  # characters of a value that differs


def journal_folder(target: Path) -> Path:
    """Where the journal of an output lies: `out.mp4.journal`, or `frames.journal` for `frames/%05d.png`."""
    return beside(target, ".journal")


def has_journal(target: Path) -> bool:
    """Whether a render of this output was begun and not finished."""
    return (journal_folder(target) / _INDEX).is_file()


class JournalFolder:
    """A folder beside an output that holds what an unfinished render of it needs; a context manager that holds it for
    this process alone.

    On leaving, one without anything worth keeping is removed, another stays.
    """

    def __init__(self, target: Path, folder: Path, identity: Mapping[str, Any], *, fresh: bool = False) -> None:
        """`identity` is all that the frames depend on, as JSON holds it; `fresh` drops what was done before.

        Entering raises `SettingsError` where another render's journal is there, or another process is at it.
        """
        self.target = target
        self.folder = folder
        self._identity = json.loads(json.dumps(identity))
        self._fresh = fresh
        self._lock = FileLock(folder / _LOCK)
        self.going_on = False
        """Whether an earlier render has begun this one, even if nothing of it was kept."""

    def __enter__(self) -> Self:
        if self.folder.exists() and not (self.folder / _INDEX).is_file() and any(self.folder.iterdir()):
            raise MediaError(f"{self.folder}: is no journal of dreamvid but in its place; move it away")
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise SettingsError(f"{self.target}: is being rendered by another dreamvid; wait for it") from None
        except OSError as error:
            raise MediaError(f"{self.folder}: cannot be made ({error.strerror}); check the disk") from error
        try:
            self._load()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if not self._is_worth_keeping():
            self.remove()

    def remove(self) -> None:
        """Delete the journal: the render is complete, or nothing of it is worth keeping."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_worth_keeping(self) -> bool:
        raise NotImplementedError

    def _take(self, index: Mapping[str, Any]) -> None:
        """Take over what the index says. Whatever is wrong with it may raise as it comes."""
        raise NotImplementedError

    def _write_index(self, index: Mapping[str, Any]) -> None:
        """Say what counts. Raises `MediaError` where the disk is full."""
        with self._room_wanted():
            content = json.dumps({**index, "identity": self._identity}, indent=1)
            write_durably(self.folder / _INDEX, content.encode())

    @contextlib.contextmanager
    def _room_wanted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MediaError(
                f"{self.folder}: cannot be written ({error.strerror}); make room and give the same command again"
            ) from error

    def _load(self) -> None:
        index_path = self.folder / _INDEX
        if self._fresh or not index_path.is_file():
            self._drop_all_but(())
            write_durably(index_path, json.dumps({"identity": self._identity}).encode())
            return
        self.going_on = True
        try:
            index = parse_json(index_path.read_bytes(), most=_MOST_VALUES)
            if len(index) > 1:
                self._compare(index["identity"])
                self._take(index)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MediaError(f"{self.folder}: is damaged ({error}); start over with --fresh") from error

    def _drop_all_but(self, names: Collection[str]) -> None:
        """Delete what an interruption has left lying about: all files but these, the lock and the index."""
        for path in self.folder.iterdir():
            if path.name not in (_LOCK, _INDEX, *names):
                path.unlink()

    def _compare(self, known: Mapping[str, Any]) -> None:
        """Raise `SettingsError` where the journal is of another render, with the first thing that differs."""
        for key in [*self._identity, *(key for key in known if key not in self._identity)]:
            before, now = known.get(key), self._identity.get(key)
            if before != now:
                raise SettingsError(
                    f"{self.folder} holds an unfinished render with another {key} ({_short(before)}, now "
                    f"{_short(now)}); give the same again to go on, or --fresh to start over"
                )


class Journal(JournalFolder):
    """The journal of a render on this machine."""

    def __init__(self, target: Path, identity: Mapping[str, Any], *, fresh: bool = False) -> None:
        """See `JournalFolder`; the folder is `journal_folder`'s."""
        super().__init__(target, journal_folder(target), identity, fresh=fresh)
        self.segments: list[Path] = []
        self.first_open = 0
        """How many frames are in `segments`."""
        self.snapshot: Snapshot | None = None

    @property
    def done(self) -> int:
        """How many frames need not be dreamed again."""
        return 0 if self.snapshot is None else self.snapshot.done

    def segment_path(self, number: int) -> Path:
        """Where a segment goes, counted from 0."""
        return self.folder / f"segment-{number:04}{self.target.suffix}"

    def frame_path(self, index: int) -> Path:
        """Where a frame of the open segment goes, without its suffix."""
        return self.folder / f"frame-{index:08}"

    def save(self, snapshot: Snapshot, segments: list[Path], first_open: int) -> None:
        """Let the render count as done up to `snapshot`: `segments` are closed, and the frames from `first_open` on,
        as far as the snapshot goes, are stored. Raises `MediaError` where the disk is full."""
        state = self.folder / f"state-{snapshot.done:08}.st"
        with self._room_wanted():
            write_snapshot(state, snapshot)
        names = [path.name for path in segments]
        self._write_index({"state": state.name, "segments": names, "first_open": first_open})
        self.snapshot, self.segments, self.first_open = snapshot, list(segments), first_open
        self._tidy(state, first_open)

    def remove(self) -> None:
        """Delete the journal: the render is complete, or nothing of it is worth keeping."""
        self.snapshot = None
        super().remove()

    def _is_worth_keeping(self) -> bool:
        return self.snapshot is not None

    def _take(self, index: Mapping[str, Any]) -> None:
        self.snapshot = read_snapshot(self.folder / index["state"])
        self.segments = [self.folder / name for name in index["segments"]]
        self.first_open = int(index["first_open"])

    def _tidy(self, state: Path, first_open: int) -> None:
        for path in self.folder.iterdir():
            old_state = path.name.startswith("state-") and path != state
            number = path.stem.removeprefix("frame-")
            old_frame = path.name.startswith("frame-") and number.isdigit() and int(number) < first_open
            if old_state or old_frame:
                path.unlink(missing_ok=True)


def store_frame(path: Path, frame: FloatImage, deep: bool) -> None:
    """Write a finished frame so that an encoder of 8 bits, or of 16 if `deep`, gets the same pixels from it again."""
    import cv2

    levels, kind = (65535, np.uint16) if deep else (255, np.uint8)
    pixels: npt.NDArray[Any] = (np.clip(frame, 0, 1) * np.float32(levels) + np.float32(0.5)).astype(kind)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if frame.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise MediaError(f"{path}: the frame cannot be stored")
    try:
        write_durably(path.with_suffix(".png"), encoded.tobytes())
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise MediaError(f"{path}: {reason}; make room and give the same command again") from error


def load_frame(path: Path) -> FloatImage:
    """Read what `store_frame` wrote. Raises `MediaError` where it is missing or damaged."""
    from dreamvid.media import probe, read_image

    picture = path.with_suffix(".png")
    return read_image(picture, alpha=probe(picture).has_alpha)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
