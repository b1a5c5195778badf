"""The journal: what makes a render that was killed go on where it was, frame for frame.

    out.mp4.journal/
      journal.json          what is rendered, from what, and how far it is: the one file that says what counts
      state-00000123.st     the loop's state after so many frames
      segment-0001.mp4      encoded: K frames, or fewer where a shot ends
      frame-00000121.png    finished frames of the segment that is still open

A film in two passes has more (`keyframes.py`), and its state is named after both:

      state-00000123-00000240.st    after 123 frames, and 240 that were dreamed backward

Segments begin at a shot's first frame and at each Kth after it, so the encoder sees the same frames in the same groups
whether or not the render was ever interrupted; those of the open segment are kept as pictures for that purpose.
Nothing is deleted before `journal.json` says that it is not needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dreamvid.media.codecs import pieces_suffix
from dreamvid.media.target import beside, output_pattern
from dreamvid.output import journal_folder
from dreamvid.output.journal_folder import REPORT, JournalFolder
from dreamvid.output.snapshot import Snapshot, read_snapshot, write_snapshot


def path_of_journal(target: Path) -> Path:
    """Where the journal of an output lies: `out.mp4.journal`, or `frames.journal` for `frames/%05d.png`."""
    return beside(target, ".journal")


def has_journal(target: Path) -> bool:
    """Whether a render of this output was begun and not finished."""
    return journal_folder.has_journal(path_of_journal(target))


def was_published(target: Path) -> bool:
    """Whether the film that stands there is this output, finished by a render that was stopped just after."""
    return journal_folder.was_published(path_of_journal(target), target)


class Journal(JournalFolder):
    """The journal of a render on this machine."""

    def __init__(
        self,
        target: Path,
        identity: Mapping[str, Any],
        *,
        pictures: Sequence[str] = (),
        first: int = 0,
        fresh: bool = False,
    ) -> None:
        """See `JournalFolder`; the folder is `path_of_journal`'s, `first` the picture that the render begins with."""
        super().__init__(target, path_of_journal(target), identity, pictures=pictures, fresh=fresh)
        self._first = first
        self.segments: list[Path] = []
        self.first_open = 0
        """How many frames are in `segments`."""
        self.snapshot: Snapshot | None = None

    @property
    def done(self) -> int:
        """How many frames need not be dreamed again."""
        return self.published or (0 if self.snapshot is None else self.snapshot.done)

    @property
    def interrupted(self) -> str:
        if self.snapshot is None or self.done or not self.snapshot.ahead:
            return super().interrupted
        return (
            f"interrupted; the backward pass, {self.snapshot.ahead} frames so far, is kept in {self.folder}: run the "
            "same command again to resume, or with --fresh to start over"
        )

    @property
    def report_path(self) -> Path:
        """Where what is to be reported on the frames so far is kept."""
        return self.folder / REPORT

    @property
    def kept_in(self) -> Path:
        return self.folder if output_pattern(self.target) is None else self.target.parent

    def segment_path(self, number: int) -> Path:
        """Where a segment goes, counted from 0."""
        return self.folder / f"segment-{number:04}{pieces_suffix(self.target)}"

    def frame_path(self, index: int) -> Path:
        """Where a frame of the open segment goes, without its suffix."""
        return self.folder / f"frame-{index:08}"

    def _state_path(self, done: int, ahead: int) -> Path:
        return self.folder / (f"state-{done:08}-{ahead:08}.st" if ahead else f"state-{done:08}.st")

    def save(self, snapshot: Snapshot, segments: list[Path], first_open: int) -> None:
        """Let the render count as done up to `snapshot`: `segments` are closed, and the frames from `first_open` on,
        as far as the snapshot goes, are stored. Raises `MediaError` where the disk is full."""
        state, before = self._state_path(snapshot.done, snapshot.ahead), self.snapshot
        # What counts already is never written over.
        if before is None or (before.done, before.ahead) != (snapshot.done, snapshot.ahead):
            with self._room_wanted():
                write_snapshot(state, snapshot)
        self.snapshot, self.segments, self.first_open = snapshot, list(segments), first_open
        self._count([state.name, *snapshot.files, *(path.name for path in segments), *self._open_frames()])
        self._write_index(self._index())
        self._tidy(state, first_open)
        if before is not None:
            for name in set(before.files).difference(snapshot.files):
                (self.folder / name).unlink(missing_ok=True)

    def remove(self) -> None:
        self.snapshot = None
        super().remove()

    def _open_frames(self) -> list[str]:
        """The names of the stored frames; a sequence of pictures has none, as its segments end with each frame."""
        done = 0 if self.snapshot is None else self.snapshot.done
        return [self.frame_path(index).with_suffix(".png").name for index in range(self.first_open, done)]

    def _is_worth_keeping(self) -> bool:
        return self.snapshot is not None

    def _has_used(self, picture: int) -> bool:
        return self._first <= picture < self._first + self.done

    def _index(self) -> dict[str, Any]:
        ahead = 0 if self.snapshot is None else self.snapshot.ahead
        return {
            **({"ahead": ahead} if ahead else {}),
            "done": 0 if self.snapshot is None else self.snapshot.done,
            "segments": len(self.segments),
            "first_open": self.first_open,
        }

    def _take(self, index: Mapping[str, Any]) -> Collection[str]:
        done, segments, first_open = (_number(index[name]) for name in ("done", "segments", "first_open"))
        if first_open > done:
            raise ValueError(f"first_open is {first_open}, but only {done} frames are done")
        if segments > done:
            raise ValueError(f"there are {segments} segments for {done} frames")
        state = self._state_path(done, _number(index.get("ahead", 0)))
        self.snapshot = read_snapshot(state)
        if self.snapshot.done != done:
            raise ValueError(f"its state is for frame {self.snapshot.done}, not for frame {done}")
        self.segments = [self.segment_path(number) for number in range(segments)]
        self.first_open = first_open
        names = [*(path.name for path in self.segments), *self._open_frames()]
        return [state.name, *self.snapshot.files, *names]

    def _tidy(self, state: Path, first_open: int) -> None:
        for path in self.folder.iterdir():
            old_state = path.name.startswith("state-") and path != state
            number = path.stem.removeprefix("frame-")
            old_frame = path.name.startswith("frame-") and number.isdigit() and int(number) < first_open
            if old_state or old_frame:
                path.unlink(missing_ok=True)


def _number(value: Any) -> int:
    """A count from an index. Raises `ValueError` where it is none."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value
