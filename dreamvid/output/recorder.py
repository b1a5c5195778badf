"""Taking finished frames down: encoding in segments, with a journal that can be gone on from."""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

from dreamvid.config.timecode import ClipTimecode
from dreamvid.media import FloatImage, Original, SoundPlan, Writer
from dreamvid.media.animation import Animation
from dreamvid.media.segments import join_segments
from dreamvid.media.target import output_pattern
from dreamvid.media.write_passes import PassWriter
from dreamvid.output.frame_store import load_frame, store_frame
from dreamvid.output.journal import Journal
from dreamvid.output.snapshot import Snapshot, make_durable
from dreamvid.output.sources import Sources
from dreamvid.runtime.events import BackwardFrameDone, Event, Notice, ShotStarted, Tell, ignore, run_to_end
from dreamvid.runtime.frames import Dreams
from dreamvid.runtime.layers import Developer, LayeredFrame, beauty_of, developed
from dreamvid.runtime.lifecycle import Lifecycle
from dreamvid.runtime.pipeline import WriteBehind, depth_within

FRAMES_BEHIND = 4
"""How many finished frames may wait for the encoder; fewer of large ones."""

OPEN_SEGMENT_BYTES = 256 * 2**20
"""What the pictures of the open segment may take, about."""
_MOST_FRAMES, _LEAST_FRAMES = 240, 24


Item = FloatImage | LayeredFrame | Snapshot | ShotStarted
"""What a recorder takes: a frame, a snapshot of the state after it, or that a shot begins."""


class DreamLoop(Protocol):
    """What dreams frame after frame and can say how far it is."""

    @property
    def done(self) -> int: ...

    def snapshot(self) -> Snapshot: ...


def record(
    loop: DreamLoop,
    dreams: Dreams,
    recorder: Recorder,
    save_seconds: float,
    colors: Developer | None = None,
) -> Iterator[Event]:
    """Run through `dreams`, which `loop` makes; record the frames, save the state now and then, and complete the
    output.

    `colors` develops the frames, in the thread that writes. Raises `MediaError`.
    """

    def write(item: Item) -> None:
        recorder.write(item if isinstance(item, (Snapshot, ShotStarted)) else developed(item, colors))

    saved = time.monotonic()
    with recorder:
        in_segment = recorder.frame_count - recorder.first_open
        with contextlib.closing(dreams), WriteBehind(write, recorder.most_behind) as output:
            for frame, event in dreams:
                if isinstance(event, ShotStarted):
                    output.put(event)
                    in_segment = 0
                if frame is not None:
                    output.put(frame)
                    in_segment += 1
                    # At a segment's end there is nothing to keep but the state: fast renders never save elsewhere.
                    if in_segment % recorder.length == 0 or time.monotonic() - saved >= save_seconds:
                        output.put(loop.snapshot())
                        saved = time.monotonic()
                elif isinstance(event, BackwardFrameDone) and time.monotonic() - saved >= save_seconds:
                    output.put(loop.snapshot())
                    saved = time.monotonic()
                yield event
        if loop.done:
            recorder.settle(loop.snapshot())


def segment_length(width: int, height: int, *, deep: bool) -> int:
    """How many frames a segment has, for frames of a size: as many as players like between key frames, fewer of
    large frames."""
    size = width * height * 3 * (2 if deep else 1)
    return min(_MOST_FRAMES, max(_LEAST_FRAMES, OPEN_SEGMENT_BYTES // size))


@dataclass(frozen=True)
class Ending:
    """What goes into a film beside its frames: their rate, the sound, tags, and what is kept of the original."""

    rate: Fraction
    sound: SoundPlan | None
    metadata: Mapping[str, str]
    overwrite: bool
    original: Original | None = None
    animation: Animation | None = None
    """Where the film becomes a picture that moves: how."""
    sources: Sources = field(default_factory=Sources)
    """What sound and tags are read from, as it was when the render began."""
    timecode: ClipTimecode | None = None
    """Of the first frame."""


class Recorder(Lifecycle):
    """Takes frames and snapshots in order, in a thread of its own perhaps; `finish` completes the output.

    Frames count once a snapshot comes after them: then they are on disk. `abort` leaves the journal as it was saved
    last.
    """

    frame_count = 0
    first_open = 0
    """The first frame of the piece that is still open."""
    length = _MOST_FRAMES
    """How many frames are a natural piece: after so many the state is saved, whatever the clock says."""
    most_behind = FRAMES_BEHIND
    """How many finished frames may wait for this one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @abstractmethod
    def start(self) -> None:
        """Make ready for the first frame that was not kept."""

    @abstractmethod
    def write(self, item: Item) -> None:
        """Take a frame, a snapshot of the state after the frames so far, or that a shot begins. Raises `MediaError`."""

    @abstractmethod
    def settle(self, snapshot: Snapshot) -> None:
        """Save the state after the last frame: what is left then is to `finish`. Raises `MediaError`."""


def _most_behind(writer: Writer) -> int:
    return depth_within(writer.frame_bytes, FRAMES_BEHIND)


def choose_recorder(
    journal: Journal,
    open_target: Callable[..., Writer],
    ending: Ending,
    tell: Tell = ignore,
    open_passes: Callable[..., PassWriter | None] | None = None,
) -> Recorder:
    """The recorder for the journal's target; `open_target` opens a writer at a path, of a `part` of the film or with
    `resume`, so many frames of a sequence being there already. `tell` hears what of `ending` had to be left out.
    `open_passes` opens, with `resume`, that of passes beside the target, if there are any."""
    recorder: Recorder
    if output_pattern(journal.target) is not None:
        recorder = SequenceRecorder(journal, open_target)  # pictures have no sound and no tags of their own
    else:
        recorder = FilmRecorder(journal, partial(open_target, part=True), ending, tell)
    passes = open_passes(resume=journal.done if journal.going_on else None) if open_passes is not None else None
    return recorder if passes is None else PassRecorder(journal, recorder, passes)


class SequenceRecorder(Recorder):
    """Writes numbered pictures, each under its own name at once."""

    def __init__(self, journal: Journal, open_target: Callable[..., Writer]) -> None:
        super().__init__(journal)
        self._writer = open_target(journal.target, resume=journal.done if journal.going_on else None)
        self.most_behind = _most_behind(self._writer)
        self._unsaved: list[Path] = []
        self.frame_count = journal.done

    def start(self) -> None:
        self._writer.start()

    def write(self, item: Item) -> None:
        if isinstance(item, ShotStarted):
            return
        if not isinstance(item, Snapshot):
            self._writer.write(item)
            self.frame_count = self._writer.frame_count
            self._unsaved.append(self._writer.latest)
            return
        for path in self._unsaved:  # a power cut must not leave empty files behind a journal that counts them
            make_durable(path)
        self._unsaved.clear()
        self._journal.save(item, [], item.done)

    def settle(self, snapshot: Snapshot) -> None:
        self.write(snapshot)

    def finish(self) -> None:
        self._writer.finish()
        self._journal.begin_placing(self.frame_count)  # from here on they are the finished ones

    def abort(self) -> None:
        self._writer.abort()


class FilmRecorder(Recorder):
    """Encodes segments, which are joined in the end; those of whole segments are encoded once.

    A segment never goes over a cut, where an encoder would begin anew anyway, and else has a fixed length: so the film
    is the same, byte for byte of its picture, when its shots were rendered apart.
    """

    def __init__(
        self,
        journal: Journal,
        open_segment: Callable[[Path], Writer],
        ending: Ending,
        tell: Tell = ignore,
        *,
        length: int | None = None,
    ) -> None:
        """`open_segment` opens a writer without sound at a path. `length` is of a segment, in frames."""
        super().__init__(journal)
        self._open_segment, self._ending, self._tell = open_segment, ending, tell
        first = open_segment(journal.segment_path(0))
        self._deep = first.deep
        self.most_behind = _most_behind(first)
        self.length = length or segment_length(first.width, first.height, deep=first.deep)
        self._segments = list(journal.segments)
        self._writer: Writer | None = None
        self._unsaved: list[tuple[int, FloatImage]] = []
        self.first_open = self.frame_count = journal.first_open

    def start(self) -> None:  # the open segment's encoder gets the frames that it had before
        for index in range(self.frame_count, self._journal.done):
            self._encode(load_frame(self._journal.frame_path(index)))

    def write(self, item: Item) -> None:
        if isinstance(item, Snapshot):
            self._save(item)
        elif isinstance(item, ShotStarted):
            self._close_segment()
        else:
            frame = beauty_of(item)
            self._unsaved.append((self.frame_count, frame))
            self._encode(frame)

    def settle(self, snapshot: Snapshot) -> None:
        self._close_segment()
        self._save(snapshot)

    def finish(self) -> None:
        ending = self._ending
        self._close_segment()
        ending.sources.check()
        left_out = join_segments(
            self._segments,
            self._journal.film_path,
            seconds=self.frame_count / ending.rate,
            sound=ending.sound,
            original=ending.original,
            metadata=ending.metadata,
            animation=ending.animation,
            timecode=ending.timecode,
        )
        self._journal.publish(self.frame_count, overwrite=ending.overwrite)
        run_to_end(map(Notice, left_out), self._tell)

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()
            self._writer = None

    def _encode(self, frame: FloatImage) -> None:
        if self._writer is None:
            self._writer = self._open_segment(self._journal.segment_path(len(self._segments)))
            self._writer.start()
        self._writer.write(frame)
        self.frame_count += 1
        if self.frame_count - self.first_open == self.length:
            self._close_segment()

    def _close_segment(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.finish()
            self._segments.append(writer.target)
            self.first_open = self.frame_count

    def _save(self, snapshot: Snapshot) -> None:
        for index, frame in self._unsaved:
            if index >= self.first_open:
                store_frame(self._journal.frame_path(index), frame, self._deep)
        self._unsaved.clear()
        self._journal.save(snapshot, self._segments, self.first_open)


class PassRecorder(Recorder):
    """Lets another recorder record the frames, and writes the passes beside them.

    A snapshot counts the passes, too: they are on the disk before it is saved.
    """

    def __init__(self, journal: Journal, film: Recorder, passes: PassWriter) -> None:
        super().__init__(journal)
        self._film, self._passes = film, passes
        self._unsaved: list[Path] = []
        self.length = film.length
        self.frame_count, self.first_open = film.frame_count, film.first_open
        self.most_behind = min(film.most_behind, _most_behind(passes))

    def start(self) -> None:
        self._film.start()
        self._passes.start()

    def write(self, item: Item) -> None:
        if isinstance(item, Snapshot):
            self._make_durable()
        elif not isinstance(item, ShotStarted):
            try:
                self._passes.write(item)
            finally:
                self._unsaved += self._passes.latest_files
        self._film.write(item)

    def settle(self, snapshot: Snapshot) -> None:
        self._make_durable()
        self._film.settle(snapshot)

    def finish(self) -> None:
        self._passes.finish()
        self._film.finish()

    def abort(self) -> None:
        self._film.abort()
        self._passes.abort()
        self._passes.withdraw(self._unsaved)

    def _make_durable(self) -> None:
        for path in self._unsaved:
            make_durable(path)
        self._unsaved.clear()
