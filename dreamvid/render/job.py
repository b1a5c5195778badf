"""A whole render: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from dreamvid.color.choice import choose_colors, guide_colors
from dreamvid.config.settings import Settings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.config.vectors import method_of
from dreamvid.errors import MediaError
from dreamvid.images.color import Colors
from dreamvid.media import (
    ClipInfo,
    Original,
    Reader,
    SoundTrack,
    Writer,
    default_output,
    depth_to_keep,
    open_reader,
    open_writer,
)
from dreamvid.media.write import codec_for
from dreamvid.media.write_passes import PassWriter
from dreamvid.motion.long_range import reduce
from dreamvid.motion.vector_check import better_reading, frames_to_check
from dreamvid.motion.vectors import VectorFiles
from dreamvid.output.film_timecode import film_timecode, first_number
from dreamvid.output.fingerprint import files_of, fingerprint_job, job_tag, picture_fingerprints
from dreamvid.output.journal import Journal, path_of_journal
from dreamvid.output.passes import check_passes, open_side_passes, own_passes, pass_bytes, target_depth
from dreamvid.output.recipe import recipe_tags
from dreamvid.output.recorder import Ending
from dreamvid.output.sidecar import RenderLog
from dreamvid.output.snapshot import Snapshot
from dreamvid.output.sources import Sources
from dreamvid.render.dissolve import FilmDissolves
from dreamvid.render.film import Film
from dreamvid.render.pieces import scratch_bytes
from dreamvid.render.plan import STILL, Clock, FilmDepths
from dreamvid.render.preparation import Prepared, choose_sound, fetch_missing, listen, prepare
from dreamvid.render.runner import Destination, JobLoop, OpenedJob, RecordedLoop, claim_target, machine_facts, run_job
from dreamvid.render.side_input import SideInput, open_film_depth, open_film_vectors, open_guide, open_mask
from dreamvid.render.still import dream_pictures
from dreamvid.render.targets import Networks
from dreamvid.render.two_pass import FilmSource, TwoPassFilm
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import Event, Notice, Outbox, Tell, ignore
from dreamvid.runtime.frames import Dreams, Frame, split_alpha
from dreamvid.runtime.layers import developed
from dreamvid.shots.selection import ShotSelection, Transitions


@dataclass(frozen=True)
class Job:
    """One render: what to read, where to write it and how to dream it.

    Attributes:
        source: a video, a still image, a numbered sequence (`frames/%05d.png`) or a folder of images.
        target: a file or a pattern of the same sort; None: `<stem>.dream.…` next to the source.
        settings: the look, the range, the codec and everything else.
        overwrite: replace an existing output.
        fresh: start over, even if an interrupted render of the same job could be resumed.
    """

    source: Path
    target: Path | None = None
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False
    fresh: bool = False


def render_job(job: Job) -> Iterator[Event]:
    """Render `job`, yielding events along the way; iterate to the end to do the work.

    Each frame of the source gives one frame of the film, at the same index and rate. If the iteration ends early, by an
    error, by closing the generator or by a power failure, no partial output is left under the target's name, and a file
    that was there before is untouched; a journal may stay next to it, from which the same job can be resumed.

    Events come in this order: what there is to say of the files, once all are open; each download, while it goes on;
    what there is to say of the networks, once they are loaded; `Started`; and then what belongs to each frame.

    Raises `MediaError`, `ModelError` or `SettingsError` for anything that a user can fix: files are checked before the
    network is loaded, and everything else before the first frame is dreamed. If it is interrupted, raises
    `KeyboardInterrupt` with a line that says what is kept.
    """
    outbox = Outbox()
    target = job.target or default_output(job.source, job.settings.codec)
    place = claim_target(job, target, path_of_journal(target))
    with contextlib.ExitStack() as closing:
        clip = open_clip(job, place, closing, outbox.tell)
        yield from outbox.take()
        yield from fetch_missing(job.settings, flow=clip.flow)
        prepared = prepare_clip(clip, job.settings, outbox.tell)
        yield from outbox.take()
        yield from run_job(*_open_loop(job, place, clip, prepared, outbox.tell), outbox)


@dataclass(frozen=True)
class OpenedClip:
    """What a job reads and writes: open and checked, but without its networks.

    Attributes:
        reader: of the wanted part, not started yet.
        writer: of the target, not started yet; `passes`: of those beside it, likewise.
        original: what is kept of the source beside its picture.
        sources: what is still needed when the last frame is done.
        clock: of the whole source.
        flow: how motion is measured; None: it is a still, or nothing is.
        timecode: of the film's first frame.
        sound: what the film sounds like.
    """

    selection: ShotSelection
    reader: Reader
    writer: Writer
    original: Original
    sources: Sources
    clock: Clock
    machine: Machine
    flow: str | None
    guide: SideInput | None
    mask: SideInput | None
    depths: FilmDepths | None
    vectors: VectorFiles | None
    timecode: ClipTimecode | None = None
    sound: SoundTrack | None = None
    passes: PassWriter | None = None


def open_clip(job: Job, place: Destination, closing: contextlib.ExitStack, tell: Tell) -> OpenedClip:
    """Open and check the files of a job, and choose what it runs on. What is opened is closed by `closing`.

    Raises `MediaError` or `SettingsError`.
    """
    settings = job.settings
    selection = ShotSelection(job.source, settings)
    reader = open_source(job, *selection.chosen_range(), info=selection.info, tell=tell)
    is_film = reader.rate is not None
    own_sound = job.source if is_film and reader.info.audio_codec is not None else None
    start = reader.first_index / reader.rate if reader.rate else Fraction(0)
    sound = choose_sound(settings, own_sound, start) if is_film else None
    original = Original.read(reader.info, start)
    timecode = film_timecode(settings, reader, place.target, tell)
    sources = Sources([job.source, *([] if sound is None else [sound.path])] if is_film else [])
    check_passes(place.target, settings, tell, reader.colors)
    writer = open_target(
        place.target,
        job,
        reader,
        original,
        sound,
        overwrite=place.may_replace,
        resume=0 if is_film and place.is_resumed else None,
        tags={} if is_film else None,  # a film's go to the recorder
        timecode=timecode,
        tell=tell,
    )
    passes = open_passes(
        place.target,
        job,
        reader,
        timecode,
        overwrite=place.may_replace,
        resume=0 if is_film and place.is_resumed else None,
    )
    if passes is not None:
        closing.callback(passes.withdraw)
    clock = STILL
    if reader.rate is not None:
        # Of the whole source: a part is to look as it does there.
        whole = round((reader.info.duration or 0) * reader.rate)
        heard = listen(settings, own_sound, reader.rate)
        clock = Clock(reader.rate, max(whole, reader.first_index + reader.frame_count), heard)
    size, shape = (reader.width, reader.height), (reader.info.width, reader.info.height)
    mask = open_mask(settings.mask, size, shape, closing)
    guide = open_guide(settings, closing, partial(guide_colors, settings))
    machine = choose_machine(settings.device, settings.precision, settings.threads)
    depths = open_film_depth(settings, size, shape, closing, str(machine.device))
    flow = method_of(settings.flow) if is_film else None
    vectors = open_film_vectors(settings, reader)
    if vectors is not None and not place.is_resumed:
        _check_vectors(job, reader, vectors, tell)
    return OpenedClip(
        selection, reader, writer, original, sources, clock, machine, flow, guide, mask, depths, vectors, timecode,
        sound, passes,
    )


def _check_vectors(job: Job, reader: Reader, vectors: VectorFiles, tell: Tell) -> None:
    """Say so where the motion vectors would fit the pictures better read another way."""

    rate = reader.rate
    if rate is None:
        return

    def pair(index: int) -> tuple[Frame, Frame] | None:
        with contextlib.suppress(MediaError), open_source(job, (index - 1) / rate, 2, info=reader.info) as some:
            frames = [reduce(split_alpha(frame)[0]) for frame in some]
            return (frames[0], frames[1]) if len(frames) == 2 else None
        return None

    wanted = frames_to_check(range(reader.first_index, reader.first_index + reader.frame_count))
    size = next((pair[0].shape[1::-1] for pair in map(pair, wanted[:1]) if pair is not None), None)
    spec = None if size is None else better_reading(vectors.at_size(size), wanted, pair)
    if spec is not None:
        tell(Notice(f"--flow: the motion vectors do not fit the pictures; they would fit if read as {spec}"))


def prepare_clip(
    clip: OpenedClip, settings: Settings, tell: Tell, networks: Networks | None = None
) -> Prepared[Settings]:
    """Load what dreams a clip, and check all that is left to check; see `prepare`."""
    reader = clip.reader
    return prepare(
        settings,
        clip.clock,
        (reader.height, reader.width),
        clip.machine,
        governed=reader.rate is not None,
        frames=range(reader.first_index, reader.first_index + reader.frame_count),
        guide=clip.guide,
        mask=clip.mask,
        depths=clip.depths,
        networks=networks,
        tell=tell,
    )


def _open_loop(
    job: Job, place: Destination, clip: OpenedClip, prepared: Prepared[Settings], tell: Tell
) -> tuple[OpenedJob, JobLoop]:
    reader = clip.reader
    facts = {
        "range of frames": f"{reader.first_index} + {reader.frame_count}",
        "frame size": f"{reader.width}x{reader.height}",
        **color_facts(reader),
        **machine_facts(prepared, clip.writer.encoder),
    }
    identity = fingerprint_job(prepared.settings, job.source, facts, by_picture=True)
    open_with = partial(
        OpenedJob, place, job.source, reader.frame_count, reader.width, reader.height, reader.rate, prepared, identity,
        timecode=clip.timecode, sound=clip.sound,
        beside=round(pass_bytes(job.settings, place.target) * reader.width * reader.height),
    )  # fmt: skip
    if reader.rate is None:
        return open_with(journal=None), _StillLoop(clip, prepared, place.log)
    scratch = scratch_bytes(job.settings, reader.frame_count, reader.rate, reader.width, reader.height)
    pictures = picture_fingerprints(job.source)
    journal = Journal(place.target, identity, pictures=pictures, first=reader.first_index, fresh=job.fresh)
    loop = RecordedLoop(
        journal,
        partial(_begin_film, job, clip, prepared, journal.folder, tell),
        partial(open_target, job=job, reader=reader, original=clip.original, timecode=clip.timecode),
        Ending(
            reader.rate,
            clip.writer.sound,
            render_tags(job, prepared.settings, reader.colors),
            job.overwrite,
            clip.original,
            clip.writer.animation,
            clip.sources,
            clip.timecode,
        ),
        job.settings.save_every,
        place.log,
        tell,
        partial(open_passes, place.target, job, reader, clip.timecode),
        reader.colors,
    )
    return open_with(journal=journal, passes=2 if job.settings.two_pass else 1, scratch=scratch), loop


def _begin_film(
    job: Job, clip: OpenedClip, prepared: Prepared[Settings], folder: Path, tell: Tell, snapshot: Snapshot | None
) -> tuple[Film, Dreams]:
    device = prepared.machine.device
    if job.settings.two_pass or job.settings.loop:
        source = film_source(job, clip.reader, clip.selection.marks, tell)
        film = TwoPassFilm(prepared.planner, device, source, folder, snapshot, tell, clip.vectors)
        return film, film.dream_twice()
    plain = Film(prepared.planner, device, snapshot, clip.vectors)
    return plain, _film_frames(job, clip, plain, tell)


def film_source(job: Job, whole: Reader, marks: Callable[[Reader], Transitions], tell: Tell = ignore) -> FilmSource:
    """What `whole`, a film of `job`, is read from more than once; `marks` says of each frame of a reader whether a shot
    begins there."""
    rate = whole.rate
    if rate is None:
        raise ValueError("a film has a frame rate")

    @contextlib.contextmanager
    def open_part(first: int, frames: int) -> Iterator[tuple[Reader, Transitions]]:
        start = (whole.first_index + first) / rate
        with open_source(job, start, frames, like=whole, tell=tell) as reader:
            yield reader, marks(reader)

    return FilmSource(
        whole.frame_count,
        whole.width,
        whole.height,
        rate,
        whole.first_index,
        open_part,
        partial(film_dissolves, job, whole),
    )


def _film_frames(job: Job, clip: OpenedClip, film: Film, tell: Tell) -> Dreams:
    """The frames that are left to dream."""
    reader = clip.reader
    if reader.rate is None:
        raise ValueError("a film has a frame rate")
    left = reader.frame_count - film.done
    if left > 0:
        start = (reader.first_index + film.done - film.lead) / reader.rate
        with open_source(job, start, left + film.lead, like=reader, tell=tell) as rest:
            cuts = clip.selection.marks(rest)
            yield from film.dream(rest, cuts, film_dissolves(job, reader, cuts))


def film_dissolves(job: Job, whole: Reader, cuts: Transitions) -> FilmDissolves:
    """The dissolves among `cuts`; `whole` is a reader of the job's source."""
    return FilmDissolves(cuts.dissolve_at, partial(_frame_of_source, job, whole))


def _frame_of_source(job: Job, whole: Reader, index: int) -> Frame | None:
    """One frame of the source, which may lie after the part that is rendered; None where it cannot be read."""
    if whole.rate is None:
        raise ValueError("a film has a frame rate")
    rest = job.settings.replace(start=None, end=None, frames=None)
    try:
        with open_source(replace(job, settings=rest), index / whole.rate, 1, like=whole) as reader:
            return next(iter(reader), None)
    except MediaError:  # where it is rendered, too, that is told when its turn comes
        return None


@dataclass(frozen=True)
class _StillLoop(JobLoop):
    """A picture that is no film: it is dreamed and written at once, and there is nothing to resume."""

    clip: OpenedClip
    prepared: Prepared[Settings]
    log: RenderLog

    def render(self) -> Iterator[Event]:
        reader, writer, passes = self.clip.reader, self.clip.writer, self.clip.passes
        dreams = dream_pictures(reader, self.prepared.planner, self.prepared.machine.device)
        with (
            reader,
            writer,
            passes or contextlib.nullcontext(),
            contextlib.closing(self.log.watch(dreams)) as watched,
        ):
            for frame, event in watched:
                if frame is not None:
                    frame = developed(frame, reader.colors)
                    writer.write(frame)
                    if passes is not None:
                        passes.write(frame)
                yield event


def open_source(
    job: Job,
    start: Fraction | None = None,
    frames: int | None = None,
    *,
    info: ClipInfo | None = None,
    like: Reader | None = None,
    tell: Tell = ignore,
) -> Reader:
    """The reader of what `job` renders, or of `frames` of it from `start` seconds on; `info` is what is known of it,
    `like` a reader of it that there is already."""
    settings = job.settings
    return open_reader(
        job.source,
        start=settings.start if start is None else start,
        end=settings.end,
        frames=settings.frames if frames is None else frames,
        size=settings.size,
        max_size=settings.max_size,
        rate=settings.rate,
        alpha=True,
        colors=partial(source_colors, job) if like is None else lambda _: like.colors,
        tonemap=settings.tonemap,
        deinterlace=settings.deinterlace,
        exr_layer=settings.exr_layer,
        info=info if like is None else like.info,
        tell=tell,
    )


def open_target(
    target: Path,
    job: Job,
    reader: Reader,
    original: Original | None = None,
    sound: SoundTrack | None = None,
    *,
    part: bool = False,
    overwrite: bool | None = None,
    resume: int | None = None,
    tags: Mapping[str, str] | None = None,
    number: int | None = None,
    timecode: ClipTimecode | None = None,
    tell: Tell = ignore,
) -> Writer:
    """The writer of the target, or of a part of it, or of a sequence of which so many frames are there already.

    `tags` (None: the job's) are metadata of a target that is no part; pictures are numbered from `number` on
    (None: see `first_number_of`). `timecode` is that of the target's first frame. `overwrite` None: the job's.
    """
    settings = job.settings
    if number is None:
        number = 1 if part else first_number_of(reader, settings, timecode)
    film = target if not part else job.target or default_output(job.source, settings.codec)
    codec = codec_for(film, settings.codec, pieces=part)
    protected = (job.source, sound and sound.path, *files_of(settings))
    return open_writer(
        target,
        width=reader.width,
        height=reader.height,
        rate=reader.rate,
        codec=codec,
        crf=settings.crf,
        bit_depth=target_depth(target, settings) or depth_to_keep(target, codec, reader.info),
        quality=settings.jpeg_quality,
        alpha=reader.alpha,
        color=reader.color,
        scene=None if reader.colors is None else reader.colors.scene,
        mastering=reader.info.mastering,
        keeps_profile=settings.out_space is None,
        sound=sound,
        original=None if part else original,
        sample_aspect=reader.info.sample_aspect,
        metadata={} if part else render_tags(job, settings, reader.colors) if tags is None else tags,
        overwrite=part or (job.overwrite if overwrite is None else overwrite),
        protected=[path for path in protected if path],
        first_number=number,
        resume=resume,
        timecode=None if part else timecode,
        passes=own_passes(target, settings),
        compression=settings.exr_compression,
        tell=tell,
    )


def open_passes(
    target: Path,
    job: Job,
    reader: Reader,
    timecode: ClipTimecode | None,
    *,
    overwrite: bool | None = None,
    resume: int | None = None,
) -> PassWriter | None:
    """The writer of the passes beside the target, if there are any; see `open_target`."""
    settings = job.settings
    return open_side_passes(
        target,
        settings,
        size=(reader.width, reader.height),
        is_still=reader.rate is None,
        alpha=reader.alpha,
        metadata={} if settings.passes is None else render_tags(job, settings, reader.colors),
        scene=None if reader.colors is None else reader.colors.scene,
        overwrite=job.overwrite if overwrite is None else overwrite,
        protected=[job.source, *files_of(settings)],
        first_number=first_number_of(reader, settings, timecode),
        resume=resume,
        timecode=timecode,
    )


def first_number_of(reader: Reader, settings: Settings, timecode: ClipTimecode | None) -> int:
    """The number that the first picture gets: the settings', or that of the source's, where it is numbered pictures, or
    1. Raises `SettingsError` where the settings want that of its timecode, and it has none."""
    of_source = reader.info.first_number + reader.first_index if reader.info.kind == "sequence" else 1
    return first_number(settings, timecode, of_source)


def source_colors(job: Job, info: ClipInfo) -> Colors | None:
    """The way of the colors of a job's source, where that is not the usual one. Raises `SettingsError`."""
    settings = job.settings
    target = job.target or default_output(job.source, settings.codec)
    return choose_colors(
        settings, info, target, codec=settings.codec, bit_depth=settings.bit_depth, tonemap=settings.tonemap
    )


def color_facts(reader: Reader) -> dict[str, str]:
    """What the frames depend on beside the settings, where colors are managed."""
    return {} if reader.colors is None else {"colors": reader.colors.fingerprint}


def render_tags(job: Job, settings: Settings, colors: Colors | None = None) -> dict[str, str]:
    """The metadata of what is made of a job with these settings."""
    tags = recipe_tags(settings) | {"dreamvid-job": job_tag(job.settings, job.source)}
    return tags if colors is None else tags | {"dreamvid-colors": colors.fingerprint}
