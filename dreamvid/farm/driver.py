"""The driver: one film, its units given to a pool of workers, their segments joined.

What the driver does is little, whatever the number of workers: it looks at the source and the networks once, keeps the
journal, and joins segments that are encoded already. See `farm.plan` for the units and `farm.rendering` for why the
film is the same as one machine's.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from dreamvid.config.fields import fields_of, input_files
from dreamvid.config.settings import Settings, key_of
from dreamvid.errors import SettingsError
from dreamvid.farm.cluster import FarmError, choose_share, connected
from dreamvid.farm.files import share
from dreamvid.farm.joint import fade, shares
from dreamvid.farm.journal import FarmJournal, is_of_passes, path_of_journal
from dreamvid.farm.messages import SharedFile, Stretch, Task
from dreamvid.farm.plan import Unit, longest_first, plan_units, shots_within
from dreamvid.farm.rendering import (
    fade_name,
    files_written,
    load_layers,
    networks_fingerprint,
    open_segment,
    open_unit_passes,
    pass_pattern,
)
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import Joined, Lost, Reported, WorkerPool
from dreamvid.images.write import publish, temporary_beside
from dreamvid.media import default_output
from dreamvid.media.codecs import pieces_suffix
from dreamvid.media.segments import join_segments
from dreamvid.media.target import output_pattern
from dreamvid.media.write import codec_for
from dreamvid.media.write_passes import PassFile, pass_files_beside
from dreamvid.models.weights import cache_path
from dreamvid.output.fingerprint import fingerprint_job, picture_fingerprints
from dreamvid.output.frame_store import load_frame
from dreamvid.output.passes import pass_bytes, pass_depth, side_passes
from dreamvid.output.sidecar import RenderLog
from dreamvid.render.job import (
    Job,
    OpenedClip,
    color_facts,
    first_number_of,
    open_clip,
    open_source,
    prepare_clip,
    render_tags,
)
from dreamvid.render.preparation import Prepared, fetch_missing
from dreamvid.render.runner import JobLoop, OpenedJob, claim_target, run_job
from dreamvid.render.targets import Networks, dreaming_networks
from dreamvid.runtime.events import (
    Event,
    FarmProgress,
    FrameDone,
    FramesLost,
    Notice,
    Outbox,
    Started,
    Tell,
    run_to_end,
)
from dreamvid.runtime.frames import Frame
from dreamvid.runtime.layers import LayeredFrame, beauty_of, developed
from dreamvid.shots.shots import Shot, gather_shots

_COPIES = 2  # of passes: in the journal, and in their place
_SHORTEST_STRETCH = 480  # frames: below that, opening the source takes longer than looking for cuts in it


@contextlib.contextmanager
def open_pool(farm: FarmSettings, settings: Settings) -> Iterator[WorkerPool]:
    """The workers of a cluster, for one film or several. Raises `FarmError` or `SettingsError`."""
    with connected(farm.address) as ray:
        share_of_each = choose_share(farm, settings, ray.nodes())
        with WorkerPool(ray, share_of_each, farm.tries) as pool:
            yield pool


def render_on_farm(job: Job, farm: FarmSettings, pool: WorkerPool) -> Iterator[Event]:
    """Render `job` on many machines, yielding events as `render_job` does, with the same promises and errors.

    Frames come in no order. Raises `FarmError` where a shot failed on every try, after all others are rendered; they
    are kept, and the same job goes on from there.
    """
    _check(job.settings)
    outbox = Outbox()
    target = job.target or default_output(job.source, job.settings.codec)
    # Its pictures get their names at the end: there are none to go on from.
    place = replace(claim_target(job, target, path_of_journal(target)), is_resumed=False)
    here = job.settings.replace(device="cpu", precision="fp32")
    with contextlib.ExitStack() as closing:
        clip = open_clip(replace(job, settings=here), place, closing, outbox.tell)
        if clip.reader.rate is None:
            raise SettingsError(
                f"{job.source} is a still picture, but a farm renders films; run the command without `farm`"
            )
        yield from outbox.take()
        networks: Networks = {}
        yield from fetch_missing(here, networks, flow=clip.flow)
        prepared = _as_asked(job, prepare_clip(clip, here, outbox.tell, networks))
        yield from outbox.take()
        task = make_task(job, clip, networks, target)
        networks.clear()  # they were only looked at
        identity = fingerprint_job(prepared.settings, job.source, _facts(task, farm, clip), by_picture=True)
        pictures = picture_fingerprints(job.source)
        journal = FarmJournal(target, identity, pictures=pictures, fresh=job.fresh, tell=outbox.tell)
        reader = clip.reader
        tags = render_tags(job, prepared.settings, reader.colors)
        opened = OpenedJob(
            place, job.source, reader.frame_count, reader.width, reader.height, reader.rate, prepared, identity,
            journal, timecode=clip.timecode, sound=clip.sound,
            beside=round(_COPIES * pass_bytes(job.settings, target) * reader.width * reader.height),
        )  # fmt: skip
        loop = _FarmLoop(job, farm, clip, task, journal, pool, tags, place.log, outbox.tell)
        yield from run_job(opened, loop, outbox)


@dataclass(frozen=True)
class _FarmLoop(JobLoop):
    """Units that are rendered anywhere and in any order, and joined here."""

    job: Job
    farm: FarmSettings
    clip: OpenedClip
    task: Task
    journal: FarmJournal
    pool: WorkerPool
    tags: Mapping[str, str]
    log: RenderLog
    tell: Tell

    def begin(self) -> Iterator[Event]:
        """Plan the units unless that was done."""
        journal, farm, pool = self.journal, self.farm, self.pool
        if journal.published is not None:
            return
        pool.assign(self.task, journal.machine)
        if not journal.units:
            shots = yield from _find_shots(self.clip, pool)
            units = plan_units(shots, pool.share.workers, farm.chunk, run_in=farm.run_in, fade=farm.fade)
            journal.keep_units(units)
            run_to_end(_tell_of_chunks(units), self.tell)

    def announce(self, started: Started) -> Started:
        pool, workers = self.pool, self.pool.share.workers
        return replace(
            started,
            frames=sum(unit.frames for unit in self.journal.units),
            device=f"{workers} worker{'s' * (workers != 1)} with {pool.share} each",
            precision=pool.machine[1] if pool.machine else self.job.settings.precision,
        )

    def render(self) -> Iterator[Event]:
        journal = self.journal
        if journal.published is None:
            failures = yield from _render(journal, self.pool, self.tell)
            if failures:
                raise FarmError(_explain(failures, journal))
            self._join()
        for event in journal.events:
            self.log.note(event)

    def _join(self) -> None:
        """Fade the joints between chunks, join all segments, and put the film in its place."""
        job, task, journal = self.job, self.task, self.journal
        with tempfile.TemporaryDirectory(prefix="dreamvid-farm-") as folder:
            written = [*journal.segments, *journal.passes]
            for unit, following in pairwise(journal.units):
                if unit.fade_out:
                    written += _write_joint(unit, following, task, job, journal, Path(folder))
            written = [_adopt(path, journal) for path in written]
        segments = sorted((path for path in written if not is_of_passes(path.name)), key=lambda path: path.name)
        if task.pass_files:
            begun = journal.begin_placing(journal.done)
            for output in task.pass_files:
                _place_pictures(
                    _passes_by_number(written, output, task), output.path, overwrite=job.overwrite, again=begun
                )
        if task.first_number is not None:
            begun = journal.begin_placing(journal.done)
            pictures = {int(path.stem): path for path in segments}
            _place_pictures(pictures, journal.target, overwrite=job.overwrite, again=begun)
            return
        self.clip.sources.check()
        left_out = join_segments(
            segments,
            journal.film_path,
            seconds=journal.done / task.clock.rate,
            sound=self.clip.writer.sound,
            original=self.clip.original,
            metadata=self.tags,
            animation=self.clip.writer.animation,
            timecode=self.clip.timecode,
        )
        journal.publish(journal.done, overwrite=job.overwrite)
        run_to_end(map(Notice, left_out), self.tell)


def _check(settings: Settings) -> None:
    if settings.codec.endswith("-nvenc"):
        other = settings.codec.removesuffix("-nvenc")
        raise SettingsError(
            f"--codec: segments encoded with {settings.codec} on different machines cannot be joined; use {other}"
        )
    if settings.loop:
        raise SettingsError(
            "--loop: the end of the film turns into its beginning, but a farm renders them apart; run the command "
            "without `farm`, or leave out --loop"
        )
    if settings.device == "mps" or settings.device.startswith("cuda:"):
        raise SettingsError(
            f"--device: Ray assigns a device to each worker; use auto, cuda or cpu instead of {settings.device}"
        )


def _as_asked(job: Job, prepared: Prepared[Settings]) -> Prepared[Settings]:
    """The same with the device and precision that were asked for; here the network was only looked at."""
    asked = job.settings
    return replace(prepared, settings=prepared.settings.replace(device=asked.device, precision=asked.precision))


def make_task(job: Job, clip: OpenedClip, networks: Networks, target: Path) -> Task:
    """What a worker is told of a film."""
    reader, settings = clip.reader, job.settings
    dreaming = dreaming_networks(settings, networks)
    files: dict[str, SharedFile] = {"source": share(job.source)}
    # Of sound, curves, cuts and range the workers get what was made of them: the clock, and units.
    settled = settings.without_selection().without_measured()
    files |= {name: share(path) for name, path in input_files(settled, of_frames=True).items()}
    for network in dreaming:
        path = cache_path(network.spec)
        if path is not None and path.is_file():
            files[f"weights of {network.spec.name}"] = share(path)
    pictures = output_pattern(target) is not None
    beside = side_passes(target, settings)
    # The network that `auto` stands for here is to be the same everywhere.
    automatic = networks.get(("auto", settings.weights))
    model = {} if automatic is None else {"model": automatic.spec.name}
    return Task(
        settings=settled.replace(codec=codec_for(target, settled.codec, pieces=True), **model),
        files=files,
        clock=clip.clock,
        size=(reader.width, reader.height),
        first=reader.first_index,
        finds_dissolves=settings.cuts == "auto",
        suffix=target.suffix if pictures else pieces_suffix(target),
        first_number=first_number_of(reader, settings, clip.timecode) if pictures else None,
        tags=render_tags(job, settings, reader.colors) if pictures or beside else {},
        timecode=clip.timecode,
        networks=networks_fingerprint(dreaming),
        pass_files=tuple(pass_files_beside(target, beside, settings.passes_as)),
        pass_depth=pass_depth(target, settings),
        first_pass=first_number_of(reader, settings, clip.timecode),
        colors=None if reader.colors is None else reader.colors.fingerprint,
    )


def _facts(task: Task, farm: FarmSettings, clip: OpenedClip) -> dict[str, object]:
    """What the frames depend on beside the settings; device and precision are compared when workers join."""
    return {
        "range of frames": f"{task.first} + {clip.reader.frame_count}",
        "frame size": f"{task.size[0]}x{task.size[1]}",
        **color_facts(clip.reader),
        "network": task.networks,
        **{key_of(name): getattr(farm, name) for name, _, facts in fields_of(FarmSettings) if facts.affects_frames},
    }


def _find_shots(clip: OpenedClip, pool: WorkerPool) -> Generator[Event, None, list[Shot]]:
    """The shots of the wanted part; its cuts are looked for by all workers, each in a stretch of it."""
    reader = clip.reader
    first, end = reader.first_index, reader.first_index + reader.frame_count
    if reader.rate is None:
        raise ValueError("a film has a frame rate")
    known = clip.selection.known_shots(reader.rate)
    if known is not None:
        return shots_within(known, first, end)
    length = max(_SHORTEST_STRETCH, math.ceil(reader.frame_count / (2 * pool.share.workers)))
    stretches = [Stretch(begin, min(begin + length, end)) for begin in range(first, end, length)]
    marks: dict[Stretch, tuple[bool, ...]] = {}
    for report in pool.work(stretches):
        match report:
            case Reported(stretch, message):
                marks[stretch] = message.marks
            case Lost(stretch, reason, last):
                if last:
                    raise FarmError(f"{stretch}: {reason}")
            case Notice():
                yield report
            case Joined(facts):
                yield from map(Notice, facts.notices)
    found = gather_shots(mark for stretch in stretches for mark in marks[stretch])
    return [Shot(shot.number, shot.first + first, shot.end + first) for shot in found]


def _tell_of_chunks(units: list[Unit]) -> Iterator[Notice]:
    for shot in sorted({unit.shot for unit in units if unit.fade_in}):
        parts = sum(unit.shot == shot for unit in units)
        yield Notice(f"shot {shot} is long and is rendered in {parts} chunks; use --chunk none to keep shots whole")


def _render(journal: FarmJournal, pool: WorkerPool, tell: Tell) -> Generator[Event, None, dict[Unit, str]]:
    """Have all units rendered that are not; return why some failed."""
    left = [unit for unit in journal.units if not journal.is_done(unit)]
    frames: dict[Unit, list[FrameDone]] = {unit: [] for unit in left}
    failures: dict[Unit, str] = {}

    def progress() -> FarmProgress:
        return FarmProgress(len(journal.units) - len(frames), len(journal.units), pool.ready)

    for report in pool.work(longest_first(left)):
        match report:
            case Notice():
                yield report
            case Joined(facts):
                run_to_end(map(Notice, facts.notices), tell)
                yield progress()
            case Reported(unit, message):
                if journal.machine is None:
                    journal.machine = pool.machine
                if message.piece is not None:
                    journal.receive(unit, message.piece)
                frames[unit] += message.frames
                yield from message.frames
                run_to_end(map(Notice, message.notices), tell)
                if message.done:
                    journal.finish(unit, frames.pop(unit))
                    yield progress()
            case Lost(unit, reason, last):
                journal.drop(unit)
                yield FramesLost(len(frames[unit]), f"{unit}: {reason}{'' if last else '; it is tried again'}")
                frames[unit].clear()
                if last:
                    failures[unit] = reason
    return failures


def _explain(failures: dict[Unit, str], journal: FarmJournal) -> str:
    unit, reason = next(iter(failures.items()))
    others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    if not journal.done:
        return f"{unit}{others} failed on every attempt: {reason}"
    return (
        f"{unit}{others} failed on every attempt: {reason}; the rest is rendered and kept in {journal.folder}: run the "
        "same command again to retry"
    )


def _write_joint(unit: Unit, following: Unit, task: Task, job: Job, journal: FarmJournal, folder: Path) -> list[Path]:
    """The segment between two chunks: both dreams of each frame, faded into each other."""
    raws = open_source(job, unit.end / task.clock.rate, unit.fade_out)
    writer = open_segment(folder, unit.end, task, job, raws)
    passes = open_unit_passes(folder, unit.end, task, job, raws)
    files = []
    with raws, writer, passes or contextlib.nullcontext():
        for index, raw, share_of_next in zip(range(unit.end, unit.until), raws, shares(unit.fade_out), strict=False):
            before = load_frame(journal.folder / fade_name(index, unit))
            after = load_frame(journal.folder / fade_name(index, following))
            # What goes along for managed colors is that of the raw frame.
            faded = fade(np.ascontiguousarray(raw[..., :3]), before, after, share_of_next) if raws.colors else None
            frame: Frame | LayeredFrame = (
                fade(raw, before, after, share_of_next)
                if faded is None
                else np.concatenate([faded, raw[..., 3:]], axis=-1)
            )
            if job.settings.passes is not None:
                frame = LayeredFrame(beauty_of(frame), raw, **load_layers(journal.folder / fade_name(index, unit)))
            frame = developed(frame, raws.colors)
            writer.write(frame)
            if passes is not None:
                passes.write(frame)
                files += passes.latest_files
    return [*files_written(writer), *files]


def _adopt(path: Path, journal: FarmJournal) -> Path:
    return path if path.parent == journal.folder else Path(shutil.move(path, journal.folder / path.name))


def _passes_by_number(written: list[Path], output: PassFile, task: Task) -> dict[int, Path]:
    """The files of passes that go to one output, by the numbers that they get there."""
    start = pass_pattern(output).partition("%")[0]
    found = (path for path in written if path.name.startswith(start))
    return {int(path.stem.removeprefix(start)) - task.first + task.first_pass: path for path in found}


def _place_pictures(pictures: Mapping[int, Path], target: Path, *, overwrite: bool, again: bool) -> None:
    """Give finished pictures, by their numbers, their names, perhaps `again`; where others are replaced, those of a
    longer sequence go."""
    pattern = output_pattern(target)
    if pattern is None:
        raise ValueError(f"{target} is not a pattern for numbered pictures")
    placed = set()
    for number, path in pictures.items():
        place = pattern.path(number)
        copy = temporary_beside(place)
        shutil.copyfile(path, copy)  # the journal stays whole until all are in place
        publish(copy, place, overwrite=overwrite or again)
        placed.add(number)
    if overwrite:
        for number, path in pattern.existing().items():
            if number not in placed:
                path.unlink()
