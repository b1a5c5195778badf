"""A whole zoom: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from dreamvid.config.settings import ZoomSettings
from dreamvid.config.timecode import ClipTimecode, Timecode
from dreamvid.errors import SettingsError
from dreamvid.media import SoundTrack, Writer, default_output, open_writer, video_codec
from dreamvid.media.target import output_pattern
from dreamvid.media.write import codec_for
from dreamvid.media.write_passes import PassWriter
from dreamvid.output.film_timecode import first_number, given_timecode
from dreamvid.output.fingerprint import files_of, fingerprint_job
from dreamvid.output.journal import Journal, path_of_journal
from dreamvid.output.passes import check_passes, open_side_passes, pass_bytes, target_depth
from dreamvid.output.recipe import recipe_tags
from dreamvid.output.recorder import Ending
from dreamvid.output.snapshot import Snapshot
from dreamvid.output.sources import Sources
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import Prepared, choose_sound, fetch_missing, listen, prepare
from dreamvid.render.runner import Destination, OpenedJob, RecordedLoop, claim_target, machine_facts, run_job
from dreamvid.render.side_input import SideInput, open_guide, open_mask
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import Event, Notice, Outbox, Tell, ignore
from dreamvid.runtime.frames import Dreams, to_tensor
from dreamvid.zoom.scene import Scene, check_camera, open_scene
from dreamvid.zoom.zoom import NOISE_SIZE, Zoom, begin_zoom, first_noise, frame_count

NOISE = Path("noise")
"""The source that is no file: the zoom begins with nothing but a spectrum."""


@dataclass(frozen=True)
class ZoomJob:
    """One zoom: what it begins with (a picture, a film, a sequence or `NOISE`), where it goes, how it is dreamed."""

    source: Path = NOISE
    target: Path | None = None
    settings: ZoomSettings = field(default_factory=ZoomSettings)
    overwrite: bool = False
    fresh: bool = False


def render_zoom(job: ZoomJob) -> Iterator[Event]:
    """Render `job`, yielding events as it goes, as `render_job` does, with the same promises and errors."""
    outbox = Outbox()
    target = job.target or zoom_output(job.source, job.settings.codec)
    place = claim_target(job, target, path_of_journal(target))
    with contextlib.ExitStack() as closing:
        flight = _open_flight(job, place, closing, outbox.tell)
        yield from outbox.take()
        yield from fetch_missing(job.settings)
        prepared = prepare(
            job.settings,
            flight.clock,
            (flight.height, flight.width),
            flight.machine,
            governed=False,
            frames=range(frame_count(job.settings)),
            guide=flight.guide,
            mask=flight.mask,
            tell=outbox.tell,
        )
        yield from outbox.take()
        yield from run_job(*_open_loop(job, place, flight, prepared, outbox.tell), outbox)


@dataclass(frozen=True)
class _OpenedFlight:
    """What a zoom reads and writes: open and checked, but without its networks."""

    source: SideInput | None
    width: int
    height: int
    writer: Writer
    sources: Sources
    clock: Clock
    machine: Machine
    guide: SideInput | None
    mask: SideInput | None
    scene: Scene
    passes: PassWriter | None


def _open_flight(job: ZoomJob, place: Destination, closing: contextlib.ExitStack, tell: Tell) -> _OpenedFlight:
    settings = job.settings
    source = _open_source(job.source, settings, closing, tell)
    width, height = settings.size or NOISE_SIZE if source is None else (source.width, source.height)
    own_sound = job.source if source is not None and source.info.audio_codec is not None else None
    sound = choose_sound(settings, own_sound)
    sources = Sources([] if sound is None else [sound.path])
    _check_passes(settings)
    check_passes(place.target, settings, tell)
    # Opened now to find what would go wrong at the end.
    resume = 0 if place.is_resumed else None
    writer = _open_target(
        place.target, job, (width, height), source, overwrite=place.may_replace, sound=sound, resume=resume, tell=tell
    )
    passes = _open_passes(place.target, job, (width, height), source, overwrite=place.may_replace, resume=resume)
    if passes is not None:
        closing.callback(passes.withdraw)
    clock = Clock(settings.fps, frame_count(settings), listen(settings, own_sound, settings.fps))
    mask = open_mask(settings.mask, (width, height), (width, height), closing)
    if source is not None and source.info.has_alpha:
        tell(Notice(f"{job.source}: its transparency is left out, because a zoom fills the whole picture"))
    check_camera(settings, clock)
    shape = (width, height) if source is None else (source.info.width, source.info.height)
    scene = open_scene(settings, (height, width), shape, closing)
    guide = open_guide(settings, closing)
    machine = choose_machine(settings.device, settings.precision, settings.threads)
    return _OpenedFlight(source, width, height, writer, sources, clock, machine, guide, mask, scene, passes)


def _open_loop(
    job: ZoomJob, place: Destination, flight: _OpenedFlight, prepared: Prepared[ZoomSettings], tell: Tell
) -> tuple[OpenedJob, RecordedLoop]:
    settings, source, size = job.settings, flight.source, (flight.width, flight.height)
    facts = {"frame size": f"{flight.width}x{flight.height}", **machine_facts(prepared, flight.writer.encoder)}
    identity = fingerprint_job(prepared.settings, None if source is None else source.path, facts)
    journal = Journal(place.target, identity, fresh=job.fresh)
    frames = frame_count(settings)
    beside = round(pass_bytes(settings, place.target) * flight.width * flight.height)
    opened = OpenedJob(
        place, job.source, frames, *size, settings.fps, prepared, identity, journal, beside=beside,
        timecode=_timecode(settings),
    )  # fmt: skip
    loop = RecordedLoop(
        journal,
        partial(_begin, flight, prepared),
        partial(_open_target, job=job, size=size, source=source, overwrite=place.may_replace),
        Ending(
            settings.fps,
            flight.writer.sound,
            recipe_tags(prepared.settings),
            job.overwrite,
            animation=flight.writer.animation,
            timecode=_timecode(settings),
            sources=flight.sources,
        ),
        settings.save_every,
        place.log,
        tell,
        partial(_open_passes, place.target, job, size, source, overwrite=place.may_replace),
    )
    return opened, loop


def _timecode(settings: ZoomSettings) -> ClipTimecode | None:
    given = settings.timecode
    return given_timecode(given, settings.fps) if isinstance(given, Timecode) else None


def zoom_output(source: Path, codec: str = "h264") -> Path:
    """Where a zoom goes if nobody says: `clip.zoom.mp4` beside the source, `noise.zoom.mp4` here; the ending is that
    of the codec."""
    chosen = video_codec(codec)
    suffix = ".mp4" if chosen is None else chosen.suffixes[0]
    if source == NOISE:
        return Path(f"noise.zoom{suffix}")
    dream = default_output(source)
    if output_pattern(dream) is not None:  # a folder's or sequence's
        dream = dream.parent
    return dream.with_name(f"{dream.name.rsplit('.dream', 1)[0]}.zoom{suffix}")


def _open_source(path: Path, settings: ZoomSettings, closing: contextlib.ExitStack, tell: Tell) -> SideInput | None:
    if path == NOISE:
        return None
    max_size = None if settings.size else settings.max_size
    return closing.enter_context(
        SideInput(
            path,
            size=settings.size,
            max_size=max_size,
            loop=True,
            tonemap=settings.tonemap,
            deinterlace=settings.deinterlace,
            tell=tell,
        )
    )


def _open_target(
    target: Path,
    job: ZoomJob,
    size: tuple[int, int],
    source: SideInput | None,
    *,
    overwrite: bool,
    sound: SoundTrack | None = None,
    part: bool = False,
    resume: int | None = None,
    tell: Tell = ignore,
) -> Writer:
    """The writer of the target, or of a part of it, or of a sequence of which so many frames are there already."""
    settings = job.settings
    film = target if not part else job.target or zoom_output(job.source, settings.codec)
    protected = (source and source.path, sound and sound.path, *files_of(settings))
    return open_writer(
        target,
        width=size[0],
        height=size[1],
        rate=settings.fps,
        codec=codec_for(film, settings.codec, pieces=part),
        crf=settings.crf,
        bit_depth=target_depth(target, settings),
        quality=settings.jpeg_quality,
        sound=sound,
        overwrite=overwrite or part,
        protected=[path for path in protected if path],
        first_number=1 if part else first_number(settings, _timecode(settings), 1),
        resume=resume,
        timecode=None if part else _timecode(settings),
        compression=settings.exr_compression,
        tell=tell,
    )


def _check_passes(settings: ZoomSettings) -> None:
    """Raise `SettingsError` for passes that a zoom has not: it goes on from its own pictures, with no source below."""
    others = [name for name in settings.passes or () if name != "beauty"]
    if others:
        raise SettingsError(
            "--passes: a zoom has only the pass beauty, because there is no source under its dream; leave out "
            f"{', '.join(others)}"
        )


def _open_passes(
    target: Path,
    job: ZoomJob,
    size: tuple[int, int],
    source: SideInput | None,
    *,
    overwrite: bool,
    resume: int | None = None,
) -> PassWriter | None:
    """The writer of the pass beside the target, if there is one."""
    settings = job.settings
    return open_side_passes(
        target,
        settings,
        size=size,
        is_still=False,
        alpha=False,
        metadata={},
        overwrite=overwrite,
        protected=[*([] if source is None else [source.path]), *files_of(settings)],
        first_number=first_number(settings, _timecode(settings), 1),
        resume=resume,
        timecode=_timecode(settings),
    )


def _begin(flight: _OpenedFlight, prepared: Prepared[ZoomSettings], snapshot: Snapshot | None) -> tuple[Zoom, Dreams]:
    """The zoom at its first picture, the source's or noise that has been dreamed from nothing; or as it was left."""
    planner, device, source = prepared.planner, prepared.machine.device, flight.source
    if source is None:
        picture = first_noise((flight.width, flight.height), planner, device)
    else:
        frame = source.at(Fraction(0))
        if frame is None:
            raise RuntimeError("a side input gives a frame when it is asked for the first time")
        picture = to_tensor(frame, device)
    film = source if source is not None and source.rate is not None else None
    zoom = begin_zoom(picture, planner, source=film, scene=flight.scene, snapshot=snapshot)
    return zoom, zoom.dream()
