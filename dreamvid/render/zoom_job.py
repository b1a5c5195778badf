"""A whole zoom: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from dreamvid.dream.noise import pink_noise
from dreamvid.media import SoundTrack, Writer, default_output, open_writer, video_codec
from dreamvid.media.target import output_pattern
from dreamvid.notices import Notice
from dreamvid.recipe import recipe_tags
from dreamvid.render.account import Account
from dreamvid.render.companion import Companion, open_mask
from dreamvid.render.events import Event, Finished, Started
from dreamvid.render.frames import to_tensor
from dreamvid.render.identity import files_of, identify, network_fingerprint
from dreamvid.render.journal import Journal, has_journal, was_published
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import Prepared, choose_sound, listen, prepare
from dreamvid.render.recording import Ending, choose_recorder, complete, record
from dreamvid.render.room import check_room
from dreamvid.render.snapshot import Snapshot
from dreamvid.render.sources import Sources
from dreamvid.render.still import dream_residual, finish
from dreamvid.render.toning import Tone
from dreamvid.render.zoom import Zoom, check_camera, frame_count
from dreamvid.settings import ZoomSettings

NOISE = Path("noise")
"""The source that is no file: the zoom begins with nothing but a spectrum."""

_NOISE_SIZE = (640, 360)  # width, height


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
    began = time.perf_counter()
    settings = job.settings
    target = job.target or zoom_output(job.source, settings.codec)
    finished = not job.fresh and was_published(target)
    account = Account(target, settings, overwrite=job.overwrite or finished)
    with contextlib.ExitStack() as closing:
        source = _open_source(job.source, settings, closing)
        width, height = settings.size or _NOISE_SIZE if source is None else (source.width, source.height)
        own_sound = job.source if source is not None and source.info.audio_codec is not None else None
        sound = choose_sound(settings, own_sound)
        sources = Sources([] if sound is None else [sound.path])
        open_target = partial(
            _open_target, job=job, size=(width, height), source=source, overwrite=job.overwrite or finished
        )
        going_on = not job.fresh and has_journal(target)
        # Opened now to find what would go wrong at the end.
        writer = open_target(target, sound=sound, resume=0 if going_on else None)
        clock = Clock(settings.fps, frame_count(settings), listen(settings, own_sound))
        mask = open_mask(settings.mask, (width, height), (width, height), closing)
        notices = [*([] if source is None else source.notices), *writer.notices]
        if source is not None and source.info.has_alpha:
            notices.append(f"{job.source}: its transparency is left out, because a zoom fills the whole picture")
        yield from map(Notice, notices)
        check_camera(settings, clock)
        prepared = yield from prepare(
            settings,
            clock,
            (height, width),
            closing,
            governed=False,
            frames=range(frame_count(settings)),
            mask=mask,
        )
        facts = _facts(prepared, width, height, writer.encoder)
        identity = identify(prepared.settings, None if source is None else source.path, facts)
        journal = closing.enter_context(Journal(target, identity, fresh=job.fresh))
        room = check_room(target, settings.codec, frame_count(settings) - journal.done, width, height)
        yield from map(Notice, [room] if room else [])
        account.open(prepared, job.source, identity, journal)
        yield Started(
            source=job.source,
            target=target,
            frames=frame_count(settings),
            width=width,
            height=height,
            rate=settings.fps,
            model=prepared.models,
            layers=prepared.layers,
            device=str(prepared.machine.device),
            precision=prepared.machine.precision,
            resumed=journal.done,
        )
        count = journal.published
        if count is None:
            zoom = _begin(source, (height, width), prepared, journal.snapshot)
            recorder = choose_recorder(journal, open_target)
            yield from record(zoom, account.watch(zoom.dream()), recorder, settings.save_every)
            tags = recipe_tags(prepared.settings)
            yield from complete(recorder, Ending(settings.fps, writer.sound, tags, job.overwrite, sources=sources))
            count = recorder.frame_count
        account.finish(count)
        journal.remove()
    yield Finished(target, count, time.perf_counter() - began)


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


def _open_source(path: Path, settings: ZoomSettings, closing: contextlib.ExitStack) -> Companion | None:
    if path == NOISE:
        return None
    max_size = None if settings.size else settings.max_size
    return closing.enter_context(
        Companion(
            path,
            size=settings.size,
            max_size=max_size,
            loop=True,
            tonemap=settings.tonemap,
            deinterlace=settings.deinterlace,
        )
    )


def _open_target(
    target: Path,
    job: ZoomJob,
    size: tuple[int, int],
    source: Companion | None,
    *,
    overwrite: bool,
    sound: SoundTrack | None = None,
    part: bool = False,
    resume: int | None = None,
) -> Writer:
    """The writer of the target, or of a part of it, or of a sequence of which so many frames are there already."""
    settings = job.settings
    protected = (source and source.path, sound and sound.path, *files_of(settings))
    return open_writer(
        target,
        width=size[0],
        height=size[1],
        rate=settings.fps,
        codec=settings.codec,
        crf=settings.crf,
        bit_depth=settings.bit_depth,
        quality=settings.jpeg_quality,
        sound=sound,
        overwrite=overwrite or part,
        protected=[path for path in protected if path],
        resume=resume,
    )


def _facts(prepared: Prepared[ZoomSettings], width: int, height: int, encoder: str) -> dict[str, object]:
    """What the frames depend on beside the settings."""
    return {
        "frame size": f"{width}x{height}",
        "device": prepared.machine.device.type,
        "precision": prepared.machine.precision,
        "encoder": encoder,
        "network": f"{prepared.models} {network_fingerprint(prepared.planner.extractor)}",
    }


def _begin(
    source: Companion | None, size: tuple[int, int], prepared: Prepared[ZoomSettings], snapshot: Snapshot | None
) -> Zoom:
    """The zoom at its first picture, the source's or noise that has been dreamed from nothing; or as it was left."""
    planner, device = prepared.planner, prepared.machine.device
    if source is None:
        picture = pink_noise(size, prepared.settings.seed).to(device)
    else:
        frame = source.at(Fraction(0))
        if frame is None:
            raise RuntimeError("a companion gives a frame when it is asked for the first time")
        picture = to_tensor(frame, device)
    tone = Tone.of(picture)
    if snapshot is None:  # it begins with the dream of a still, not with the plain picture
        plan = planner.at(0)
        picture = finish(picture, plan.gain * dream_residual(picture, plan), plan)
    zoom = Zoom(picture, planner, tone, source=source if source is not None and source.rate is not None else None)
    if snapshot is not None:
        zoom.restore(snapshot)
    return zoom
