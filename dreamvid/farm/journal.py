"""The farm's journal: which units are finished, so that a driver that was killed goes on from there.

    out.mp4.farm/
      journal.json               what is rendered, from what, in which units, and the files of those that are finished
      segment-00000120.mp4       encoded, named after its first frame in the source
      pass-00000120.exr          passes of a frame, named after its number in the source; `dream.pass-…` of one alone
      fade-00000480-before.png   a frame that two chunks are faded at, by the one and by the other
      fade-00000480-before.npz   the layers of it that are not faded, where passes are wanted
      frames-00000120.json       what there is to say about each frame of a unit

A unit counts once `journal.json` names its files; all else in the folder is dropped when it is opened again. The plan
stays as it was made, whatever the number of workers that go on with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from dreamvid.farm.messages import LAYERS_MARK, Piece
from dreamvid.farm.plan import Unit
from dreamvid.media.target import beside
from dreamvid.output.journal_folder import JournalFolder
from dreamvid.output.snapshot import write_durably
from dreamvid.runtime.events import Figures, FrameDone, Notice, Tell, ignore


def is_of_passes(name: str) -> bool:
    """Whether a file holds passes of a frame."""
    return LAYERS_MARK in name


class _Done(NamedTuple):
    frames: int
    files: list[str]

    @property
    def segments(self) -> list[str]:
        return [name for name in self.files if not name.startswith(("fade-", "frames-")) and not is_of_passes(name)]


def path_of_journal(target: Path) -> Path:
    """Where the journal of an output lies: `out.mp4.farm`, or `frames.farm` for `frames/%05d.png`."""
    return beside(target, ".farm")


class FarmJournal(JournalFolder):
    """The journal of a film that many machines render."""

    def __init__(
        self,
        target: Path,
        identity: Mapping[str, Any],
        *,
        pictures: Sequence[str] = (),
        fresh: bool = False,
        tell: Tell = ignore,
    ) -> None:
        """See `JournalFolder`; the folder is `path_of_journal`'s. `tell` hears of units whose files are damaged."""
        super().__init__(target, path_of_journal(target), identity, pictures=pictures, fresh=fresh)
        self._tell = tell
        self.units: list[Unit] = []
        self.machine: tuple[str, str] | None = None
        """Device and precision that it was begun on."""
        self._done: dict[str, _Done] = {}
        self._open: dict[str, _Incoming] = {}

    def keep_units(self, units: Iterable[Unit]) -> None:
        """Keep the units that the film is made of."""
        self.units = list(units)
        self._save()

    def is_done(self, unit: Unit) -> bool:
        """Whether all files of a unit are here."""
        return unit.name in self._done

    @property
    def done(self) -> int:
        return sum(done.frames for done in self._done.values())

    @property
    def segments(self) -> list[Path]:
        """The encoded files that are here, in the film's order."""
        names = sorted(name for done in self._done.values() for name in done.segments)
        return [self.folder / name for name in names]

    @property
    def passes(self) -> list[Path]:
        """The files of passes that are here, in no order."""
        return [self.folder / name for done in self._done.values() for name in done.files if is_of_passes(name)]

    def receive(self, unit: Unit, piece: Piece) -> None:
        """Take a piece of a file of a unit. Raises `MediaError` where the disk is full."""
        with self._room_wanted():
            self._open.setdefault(unit.name, _Incoming(self.folder)).write(piece)

    @property
    def events(self) -> Iterator[FrameDone]:
        """What there is to say about each frame that is done, in the film's order."""
        for unit in self.units:
            if self.is_done(unit):
                for line in json.loads(self._events_path(unit).read_text()):
                    figures = line.pop("figures")
                    yield FrameDone(**line, figures=None if figures is None else Figures(**figures))

    def finish(self, unit: Unit, events: Sequence[FrameDone]) -> None:
        """Let a unit count as done; `events` are of its frames."""
        incoming = self._open.pop(unit.name, None)
        path = self._events_path(unit)
        with self._room_wanted():
            write_durably(path, json.dumps([asdict(event) for event in events]).encode())
        files = [] if incoming is None else incoming.names
        self._done[unit.name] = _Done(len(events), [*files, path.name])
        self._save()

    def drop(self, unit: Unit) -> None:
        """Forget what has come of a unit that will be done again, or not at all."""
        incoming = self._open.pop(unit.name, None)
        if incoming is not None:
            incoming.discard()

    def _events_path(self, unit: Unit) -> Path:
        return self.folder / f"frames-{unit.first:08}.json"

    def _save(self) -> None:
        self._count(self._files())
        self._write_index(self._index())

    def _files(self) -> list[str]:
        return [name for done in self._done.values() for name in done.files]

    def _has_used(self, picture: int) -> bool:
        return any(unit.begin <= picture < unit.until for unit in self.units if self.is_done(unit))

    def _index(self) -> dict[str, Any]:
        return {"machine": self.machine, "units": [astuple(unit) for unit in self.units], "done": self._done}

    def _is_worth_keeping(self) -> bool:
        return bool(self._done)

    def _take(self, index: Mapping[str, Any]) -> Collection[str]:
        self.units = [Unit(*values) for values in index["units"]]
        self.machine = None if index["machine"] is None else (index["machine"][0], index["machine"][1])
        self._done = {name: _Done(int(frames), list(files)) for name, (frames, files) in index["done"].items()}
        return self._files()

    def _without(self, faults: Mapping[str, str]) -> Collection[str]:
        if self.published is not None:  # what is still needed is not made again
            return super()._without(faults)
        for unit in self.units:
            damaged = next((faults[name] for name in self._files_of(unit) if name in faults), None)
            if damaged is not None:
                del self._done[unit.name]
                self._tell(Notice(f"{self.folder}: {unit} is damaged ({damaged}) and is rendered again"))
        return self._files()

    def _files_of(self, unit: Unit) -> list[str]:
        return self._done[unit.name].files if self.is_done(unit) else []


class _Incoming:
    """The files of one unit while they come in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stream: BinaryIO | None = None
        self.names: list[str] = []

    def write(self, piece: Piece) -> None:
        path = self._folder / piece.name
        part = path.with_name(f".{path.name}.part")
        if self._stream is None:
            self._stream = part.open("wb")
            self.names.append(piece.name)
        self._stream.write(piece.data)
        if piece.last:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None
            part.replace(path)

    def discard(self) -> None:
        if self._stream is not None:
            self._stream.close()
        for name in self.names:
            (self._folder / name).unlink(missing_ok=True)
            (self._folder / f".{name}.part").unlink(missing_ok=True)
