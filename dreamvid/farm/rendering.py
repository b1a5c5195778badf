"""What a worker does, without Ray: units of one film into encoded segments.

A unit is encoded where it is dreamed, in the segments of `output.recorder`: those begin at a shot's first frame and
at each Kth after it, and never go over a cut. So the pieces that come from anywhere are those of a render on one
machine, byte for byte with the same encoder, and are joined without encoding them again: neither the wire nor the
driver sees a raw frame, whatever the number of workers. (Encoders such as x264 decide a little differently with
another number of processor cores: machines of one kind make one film.) Only the few frames of a fade travel as
pictures, of 16 bits, and are encoded by the driver.

Memory is bounded by frames and not by length: about 8 decoded ones, 4 that wait for the encoder, and one piece of a
finished file. Finished segments wait on the machine's disk until the driver has asked for them.
"""

from __future__ import annotations

import contextlib
import queue
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from dreamvid.color.choice import guide_colors
from dreamvid.config.passes import values_per_pixel
from dreamvid.config.settings import Settings
from dreamvid.config.vectors import method_of
from dreamvid.errors import SettingsError
from dreamvid.farm.messages import LAYERS_MARK, PIECE_BYTES, Message, Piece, Stretch, Task
from dreamvid.farm.plan import Unit
from dreamvid.media import Reader, Writer
from dreamvid.media.target import output_pattern
from dreamvid.media.write_passes import PassFile, PassWriter, open_pass_writer
from dreamvid.models import Network
from dreamvid.motion.dissolves import Mark
from dreamvid.output.fingerprint import network_fingerprint
from dreamvid.output.frame_store import store_frame
from dreamvid.output.recorder import FRAMES_BEHIND, segment_length
from dreamvid.render.film import Film
from dreamvid.render.job import Job, film_dissolves, film_source, open_source, open_target
from dreamvid.render.preparation import fetch_missing, prepare
from dreamvid.render.side_input import open_film_depth, open_film_vectors, open_guide, open_mask
from dreamvid.render.targets import Networks, dreaming_networks
from dreamvid.render.two_pass import TwoPassFilm
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import FrameDone, Notice, Outbox, run_to_end
from dreamvid.runtime.frames import Dreams, Frame
from dreamvid.runtime.layers import LayeredFrame, Plane, beauty_of, developed
from dreamvid.runtime.lifecycle import Lifecycle
from dreamvid.runtime.pipeline import WriteBehind, depth_within
from dreamvid.shots.selection import Transitions
from dreamvid.shots.shots import watch_cuts, watch_transitions

BEFORE = "before"
_REPORT_SECONDS = 0.5


class Renderer:
    """One film's units, rendered one after the other; `close` it in the end."""

    def __init__(self, task: Task, settings: Settings, source: Path, networks: Networks) -> None:
        """`settings` and `source` are the task's with the files of this machine; `networks` are loaded already."""
        self._task = task
        self._job = Job(source, Path(f"unit{task.suffix}"), settings)
        self._outbox = Outbox()
        self._reader = open_source(self._job, tell=self._outbox.tell)  # of the whole; never entered
        if task.colors != (None if self._reader.colors is None else self._reader.colors.fingerprint):
            raise SettingsError(
                "--ocio: the configuration is another one on this machine than on the driver's; give an .ocioz "
                "archive, or a folder that all machines see, and install the same version of opencolorio"
            )
        self._take_notices()  # the driver has told how the source is read: a unit's reader repeats it in vain
        self._closing = contextlib.ExitStack()
        width, height = task.size
        shown = self._reader.info.width, self._reader.info.height
        with contextlib.ExitStack() as opening:
            mask = open_mask(settings.mask, (width, height), shown, opening)
            guide = open_guide(settings, opening, partial(guide_colors, settings))
            machine = choose_machine(settings.device, settings.precision, settings.threads)
            depths = open_film_depth(settings, (width, height), shown, opening, str(machine.device))
            run_to_end(fetch_missing(settings, networks, flow=method_of(settings.flow)), self._outbox.tell)
            self._prepared = prepare(
                settings,
                task.clock,
                (height, width),
                machine,
                governed=True,
                frames=range(0),  # the driver has looked at them
                guide=guide,
                mask=mask,
                depths=depths,
                networks=networks,
                tell=self._outbox.tell,
            )
            self._closing = opening.pop_all()
        self.notices = self._take_notices()
        """What there was to say while it was prepared."""
        self.device = self._prepared.machine.device.type
        self.precision = self._prepared.machine.precision
        self.networks = networks_fingerprint(dreaming_networks(settings, networks))

    def close(self) -> None:
        """Close what it reads from."""
        self._closing.close()

    def find_cuts(self, stretch: Stretch) -> Iterator[Message]:
        """Whether each frame of a stretch begins a shot, in one message."""
        marks = watch_cuts(self._job.source, self._task.clock.rate, stretch.first, stretch.end, info=self._reader.info)
        yield Message(marks=tuple(marks), done=True)

    def render(self, unit: Unit) -> Iterator[Message]:
        """Dream a unit, with progress about twice a second, and its files as they are finished."""
        task = self._task
        rate = task.clock.rate
        events: list[FrameDone] = []
        said = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="dreamvid-farm-") as folder,
            open_source(
                self._job, unit.begin / rate, unit.until - unit.begin, like=self._reader, tell=self._outbox.tell
            ) as reader,
        ):  # fmt: skip
            output = UnitWriter(unit, Path(folder), task, self._job, reader)
            film, dreams = self._begin(reader, Path(folder))
            values = values_per_pixel(self._job.settings.passes or ())
            behind = depth_within(reader.width * reader.height * 4 * values, FRAMES_BEHIND)
            with output, contextlib.closing(dreams), WriteBehind(output.write, behind) as encoder:
                for frame, event in dreams:
                    index = unit.begin + film.done - 1
                    if frame is not None and index >= unit.first - unit.fade_in:
                        encoder.put((index, frame))
                    if isinstance(event, FrameDone) and index >= unit.first:
                        events.append(replace(event, frame=index - task.first, shot=unit.shot - 1))
                    if time.monotonic() - said >= _REPORT_SECONDS:
                        yield Message(frames=tuple(events), notices=self._take_notices())
                        events, said = [], time.monotonic()
                    yield from output.take_pieces()
            yield from output.take_pieces()
            yield Message(frames=tuple(events), notices=self._take_notices(), done=True)

    def _transitions(self, reader: Reader) -> Transitions:
        """The dissolves of a unit, or of a part of it; there is no cut in it but where it begins."""
        if not self._task.finds_dissolves:
            return Transitions(repeat(Mark()))
        rate = self._task.clock.rate
        first, end = reader.first_index, reader.first_index + reader.frame_count
        return Transitions(watch_transitions(self._job.source, rate, first, end, info=self._reader.info))

    def _begin(self, reader: Reader, folder: Path) -> tuple[Film, Dreams]:
        """The film of a unit, which is one shot, or is taken for one."""
        planner, device = self._prepared.planner, self._prepared.machine.device
        vectors = open_film_vectors(self._job.settings, reader)
        if self._job.settings.two_pass:
            source = film_source(self._job, reader, self._transitions, self._outbox.tell)
            film = TwoPassFilm(planner, device, source, folder, vectors=vectors)
            return film, film.dream_twice()
        plain = Film(planner, device, vectors=vectors)
        cuts = self._transitions(reader)
        return plain, plain.dream(reader, cuts, film_dissolves(self._job, self._reader, cuts))

    def _take_notices(self) -> tuple[str, ...]:
        return tuple(str(event) for event in self._outbox.take() if isinstance(event, Notice))


class UnitWriter(Lifecycle):
    """Takes the frames of a unit, in a thread of its own perhaps, and makes files of them.

    `finish` closes the last segment, which may end before its time where the clip does; `abort` drops it.
    """

    def __init__(self, unit: Unit, folder: Path, task: Task, job: Job, reader: Reader) -> None:
        self._unit, self._folder, self._task = unit, folder, task
        self._job, self._reader = job, reader
        self._writer: Writer | None = None
        self._passes = open_unit_passes(folder, unit.first, task, job, reader)
        self._length = 0
        self._finished: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def write(self, item: tuple[int, Frame | LayeredFrame]) -> None:
        """Take a frame with its number in the source. Raises `MediaError`."""
        index, frame = item
        colors = self._reader.colors
        if not self._unit.first <= index < self._unit.end:
            self._store_fade(self._folder / fade_name(index, self._unit), frame)
            return
        if self._writer is None:
            self._begin_segment(index)
        assert self._writer is not None  # noqa: S101
        frame = developed(frame, colors)
        self._writer.write(frame)
        if self._passes is not None:
            self._passes.write(frame)
            self._put(self._passes.latest_files)
        if self._writer.frame_count == self._length or index == self._unit.end - 1:
            self._close_segment()

    def finish(self) -> None:
        self._close_segment()

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()
            self._writer = None

    def _close_segment(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.finish()
        self._put(files_written(writer))

    def _store_fade(self, path: Path, frame: Frame | LayeredFrame) -> None:
        beauty = beauty_of(frame)
        # Of managed colors what goes along is read again at the joint.
        store_frame(path, beauty if self._reader.colors is None else beauty[..., :3], deep=True)
        self._put([path.with_suffix(".png")])
        if isinstance(frame, LayeredFrame) and path.stem.endswith(BEFORE):  # the one after may have begun just there
            layers: dict[str, Any] = frame.layers_of_motion()
            np.savez(path.with_suffix(".npz"), **layers)
            self._put([path.with_suffix(".npz")])

    def _put(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._finished.put(path)

    def take_pieces(self) -> Iterator[Message]:
        """The files that have been finished, in pieces; they are deleted as they are taken."""
        while True:
            try:
                path = self._finished.get_nowait()
            except queue.Empty:
                return
            left = path.stat().st_size
            with path.open("rb") as file:
                while data := file.read(PIECE_BYTES):
                    left -= len(data)
                    yield Message(piece=Piece(path.name, data, last=not left))
            path.unlink()

    def _begin_segment(self, index: int) -> None:
        self._writer = open_segment(self._folder, index, self._task, self._job, self._reader)
        self._length = segment_length(self._writer.width, self._writer.height, deep=self._writer.deep)
        self._writer.start()


def open_segment(folder: Path, index: int, task: Task, job: Job, reader: Reader) -> Writer:
    """The writer of a segment that begins at a frame of the source: a film's, or pictures in a folder of their own."""
    if task.first_number is None:
        return open_target(folder / f"segment-{index:08}{task.suffix}", job, reader, part=True)
    later = index - task.first
    return open_target(
        folder / f"{index:08}" / f"%08d{task.suffix}",
        job,
        reader,
        tags=task.tags,
        number=task.first_number + later,
        timecode=None if task.timecode is None else task.timecode.after(later),
    )


def open_unit_passes(folder: Path, first: int, task: Task, job: Job, reader: Reader) -> PassWriter | None:
    """The writer of passes beside the film, of frames from number `first` of the source on, if there are any; in a
    folder of their own."""
    files = [replace(one, path=folder / f"passes-{first:08}" / pass_pattern(one)) for one in task.pass_files]
    if not files:
        return None
    return open_pass_writer(
        files,
        width=reader.width,
        height=reader.height,
        alpha=reader.alpha,
        bit_depth=task.pass_depth,
        compression=job.settings.exr_compression,
        metadata=task.tags,
        first_number=first,
        timecode=None if task.timecode is None else task.timecode.after(first - task.first),
    )


def load_layers(path: Path) -> dict[str, Plane]:
    """The layers of a frame that is to be faded, beside its picture, which has this name without a suffix."""
    with np.load(path.with_suffix(".npz")) as stored:
        return dict(stored)


def pass_pattern(output: PassFile) -> str:
    """The name of a file of passes while it is not in its place yet."""
    return f"{LAYERS_MARK}%08d.exr" if output.as_layers else f"{output.names[0]}.{LAYERS_MARK}%08d.exr"


def files_written(writer: Writer) -> list[Path]:
    """What a finished segment consists of."""
    pattern = output_pattern(writer.target)
    return list(pattern.existing().values()) if pattern else [writer.target]


def fade_name(index: int, unit: Unit) -> str:
    """The name of a frame that is to be faded, without its suffix: of the chunk before the joint, or after it."""
    return f"fade-{index:08}-{BEFORE if index >= unit.end else 'after'}"


def networks_fingerprint(networks: Iterable[Network]) -> str:
    """Tell the weights of a film's networks from others, whatever device and arithmetic they run in."""
    found = (f"{network.spec.name} {network_fingerprint(network.module)}" for network in networks)
    return " + ".join(dict.fromkeys(found))  # one network may go by two names, one of them `auto`
