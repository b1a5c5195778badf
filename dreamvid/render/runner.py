"""The course of every render: journal, disk space, sidecar, events, and what is kept when it is interrupted.

Kinds of jobs differ in how they are opened, which is theirs, and in the loop that makes their frames, a `JobLoop`.
`claim_target` comes before a job is opened, `run_job` after it.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from dreamvid.config.fields import input_files
from dreamvid.config.settings import DreamSettings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import SettingsError
from dreamvid.images.color import Colors
from dreamvid.media import SoundTrack, Writer
from dreamvid.media.target import output_pattern
from dreamvid.media.write_passes import PassWriter
from dreamvid.output.disk_space import check_disk_space
from dreamvid.output.fingerprint import network_fingerprint
from dreamvid.output.journal import Journal
from dreamvid.output.journal_folder import JournalFolder, has_journal, was_published
from dreamvid.output.proxy import check_proxy, write_proxy
from dreamvid.output.recorder import DreamLoop, Ending, choose_recorder, record
from dreamvid.output.sidecar import RenderLog
from dreamvid.output.snapshot import Snapshot
from dreamvid.render.preparation import Prepared
from dreamvid.runtime.events import Event, Finished, Notice, Outbox, Started, Tell
from dreamvid.runtime.frames import Dreams


class AnyJob(Protocol):
    """What jobs of all kinds have."""

    @property
    def settings(self) -> DreamSettings: ...
    @property
    def overwrite(self) -> bool: ...
    @property
    def fresh(self) -> bool: ...


@dataclass(frozen=True)
class Destination:
    """Where the output of a job goes, before anything else is known of it.

    Attributes:
        may_replace: whether what stands at the target may go: it was said, or it is this very job's finished output.
        is_resumed: whether an earlier render has begun it.
        log: of what is written beside the output.
        began: when, by `time.perf_counter`.
    """

    target: Path
    may_replace: bool
    is_resumed: bool
    log: RenderLog
    began: float


def _check_numbers(target: Path, settings: DreamSettings) -> None:
    """Raise `SettingsError` where pictures are to be numbered from somewhere on and the output has no numbers."""
    if settings.first_frame is not None and settings.passes is None and output_pattern(target) is None:
        raise SettingsError(
            f"--first-frame: {target.name} is one file, and has no numbers; write a sequence, such as -o out/%05d.png"
        )


def claim_target(job: AnyJob, target: Path, journal: Path) -> Destination:
    """See what stands where the output of `job` goes, and its journal.

    Raises `MediaError` where that is in the way, `SettingsError` where the target cannot be what the settings say.
    """
    began = time.perf_counter()
    _check_numbers(target, job.settings)
    may_replace = job.overwrite or (not job.fresh and was_published(journal, target))
    if job.settings.proxy:
        check_proxy(target, overwrite=may_replace)
    is_resumed = not job.fresh and has_journal(journal)
    return Destination(target, may_replace, is_resumed, RenderLog(target, job.settings, overwrite=may_replace), began)


@dataclass(frozen=True)
class OpenedJob:
    """A job whose files are open and whose networks are loaded: nothing that can be known before is left to go wrong.

    Attributes:
        source: as it was given.
        frames: of the whole output.
        rate: in frames per second; None: it is a still.
        identity: all that the frames depend on.
        journal: not entered yet; a still has none.
        passes: how often each frame is dreamed.
        scratch: bytes that the journal takes beside finished frames.
        timecode: of the first frame.
        sound: what the film sounds like, for a proxy of numbered pictures.
        beside: bytes that each frame takes in passes, about.
    """

    destination: Destination
    source: Path
    frames: int
    width: int
    height: int
    rate: Fraction | None
    prepared: Prepared[Any]
    identity: Mapping[str, Any]
    journal: JournalFolder | None
    passes: int = 1
    scratch: int = 0
    timecode: ClipTimecode | None = None
    sound: SoundTrack | None = None
    beside: int = 0


class JobLoop(ABC):
    """Makes the frames of one job."""

    def begin(self) -> Iterator[Event]:
        """Do what comes before the first frame, once the journal is there."""
        return iter(())

    def announce(self, started: Started) -> Started:
        """What is said at the first frame, where more is known than when the job was opened."""
        return started

    @abstractmethod
    def render(self) -> Iterator[Event]:
        """Make the frames that are missing, and complete the output. Events of a frame come once it is made."""


def run_job(opened: OpenedJob, loop: JobLoop, outbox: Outbox) -> Iterator[Event]:
    """Render what is open, yielding events; what is told to `outbox` comes between them.

    Raises `MediaError` or `SettingsError`, and `KeyboardInterrupt` with a line that says what is kept.
    """
    place, journal = opened.destination, opened.journal
    with journal or contextlib.nullcontext():
        try:
            with contextlib.closing(_render(opened, loop, outbox)) as events:
                for event in events:
                    yield from outbox.take()
                    yield event
            yield from outbox.take()
            frames = opened.frames if journal is None else journal.done
            yield from _write_proxy(opened)
            place.log.finish(frames)
        except KeyboardInterrupt:
            if journal is None:
                raise
            raise KeyboardInterrupt(journal.interrupted) from None
        if journal is not None:
            journal.remove()
    yield Finished(place.target, frames, time.perf_counter() - place.began)


def _write_proxy(opened: OpenedJob) -> Iterator[Event]:
    target, settings = opened.destination.target, opened.prepared.settings
    if not settings.proxy:
        return
    if opened.rate is None:
        yield Notice(f"{target}: a still picture gets no proxy")
        return
    protected = [opened.source, target, *input_files(settings).values()]
    path = write_proxy(
        target, opened.rate, timecode=opened.timecode, sound=opened.sound, protected=protected
    )
    yield Notice(f"{path}: the proxy is complete")


def _render(opened: OpenedJob, loop: JobLoop, outbox: Outbox) -> Generator[Event, None, None]:
    place, journal, prepared = opened.destination, opened.journal, opened.prepared
    done = 0
    if journal is not None:
        done = journal.done
        left = opened.frames - done
        room = check_disk_space(
            place.target,
            prepared.settings.codec,
            left,
            opened.width,
            opened.height,
            opened.scratch + left * opened.beside,
        )
        if room:
            outbox.tell(Notice(room))
    place.log.open(prepared, opened.source, opened.identity, journal, opened.timecode)
    yield from loop.begin()
    yield loop.announce(
        Started(
            source=opened.source,
            target=place.target,
            frames=opened.frames,
            width=opened.width,
            height=opened.height,
            rate=opened.rate,
            model=prepared.models,
            layers=prepared.layers,
            device=str(prepared.machine.device),
            precision=prepared.machine.precision,
            resumed=done,
            passes=opened.passes,
        )
    )
    yield from loop.render()


@dataclass(frozen=True)
class RecordedLoop(JobLoop):
    """Frames that are made on this machine one after the other, and recorded.

    Attributes:
        begin_at: what dreams, from a state or from the beginning, and its frames from there on.
        open_target: see `choose_recorder`.
        ending: what goes into the output beside the frames.
        open_passes: opens the writer of passes beside the output, likewise; None: there are none.
        colors: what develops the frames, where something has exposed them.
    """

    journal: Journal
    begin_at: Callable[[Snapshot | None], tuple[DreamLoop, Dreams]]
    open_target: Callable[..., Writer]
    ending: Ending
    save_seconds: float
    log: RenderLog
    tell: Tell
    open_passes: Callable[..., PassWriter | None] | None = None
    colors: Colors | None = None

    def render(self) -> Iterator[Event]:
        if self.journal.published is not None:
            return
        recorder = choose_recorder(self.journal, self.open_target, self.ending, self.tell, self.open_passes)
        loop, dreams = self.begin_at(self.journal.snapshot)
        yield from record(loop, self.log.watch(dreams), recorder, self.save_seconds, self.colors)


def machine_facts(prepared: Prepared[Any], encoder: str) -> dict[str, object]:
    """What the frames depend on beside the settings, of every job on one machine."""
    return {
        "device": prepared.machine.device.type,
        "precision": prepared.machine.precision,
        "encoder": encoder,
        "network": f"{prepared.models} {network_fingerprint(prepared.planner.extractor)}",
    }
