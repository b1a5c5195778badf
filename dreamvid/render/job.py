"""A whole render: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

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
from dreamvid.notices import Notice, Said
from dreamvid.recipe import recipe_tags
from dreamvid.registers import FLOWS
from dreamvid.render.account import Account
from dreamvid.render.companion import open_mask
from dreamvid.render.cutting import Cutting
from dreamvid.render.dreamers import Networks
from dreamvid.render.events import Event, Finished, Started
from dreamvid.render.film import Film
from dreamvid.render.identity import files_of, identify, job_tag, network_fingerprint, picture_fingerprints
from dreamvid.render.journal import Journal, has_journal, was_published
from dreamvid.render.plan import STILL, Clock
from dreamvid.render.preparation import Prepared, choose_sound, listen, prepare
from dreamvid.render.recording import Ending, choose_recorder, complete, record
from dreamvid.render.room import check_room
from dreamvid.render.sources import Sources
from dreamvid.render.still import dream_still
from dreamvid.settings import Settings


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

    Raises `MediaError`, `ModelError` or `SettingsError` for anything that a user can fix: files are checked before the
    network is loaded, and everything else before the first frame is dreamed. If it is interrupted, raises
    `KeyboardInterrupt` with a line that says what is kept.
    """
    began = time.perf_counter()
    settings = job.settings
    target = job.target or default_output(job.source, settings.codec)
    finished = not job.fresh and was_published(target)
    account = Account(target, settings, overwrite=job.overwrite or finished)
    with contextlib.ExitStack() as closing:
        opened = yield from open_job(job, closing, finished=finished)
        reader, prepared = opened.reader, opened.prepared
        journal = None
        facts = _facts(prepared, reader, opened.writer.encoder)
        identity = identify(prepared.settings, job.source, facts, by_picture=True)
        if reader.rate is not None:
            pictures, first = picture_fingerprints(job.source), reader.first_index
            journal = Journal(target, identity, pictures=pictures, first=first, fresh=job.fresh)
            closing.enter_context(journal)
            room = check_room(target, settings.codec, reader.frame_count - journal.done, reader.width, reader.height)
            yield from map(Notice, [room] if room else [])
        account.open(prepared, job.source, identity, journal)
        yield Started(
            source=job.source,
            target=target,
            frames=reader.frame_count,
            width=reader.width,
            height=reader.height,
            rate=reader.rate,
            model=prepared.models,
            layers=prepared.layers,
            device=str(prepared.machine.device),
            precision=prepared.machine.precision,
            resumed=0 if journal is None else journal.done,
        )
        if journal is None:
            count = yield from _render_still(opened, account)
        else:
            published = journal.published
            count = published or (yield from _render_with_journal(job, opened, journal, account))
        account.finish(count)
        if journal is not None:
            journal.remove()
    yield Finished(target, count, time.perf_counter() - began)


@dataclass(frozen=True)
class Opened:
    """A job whose files are open and whose networks are loaded: nothing that can be known before is left to go wrong.

    Attributes:
        reader: of the wanted part, not entered yet.
        writer: of the target, not entered yet.
        original: what is kept of the source beside its picture.
        sources: what is still needed when the last frame is done.
        tags: metadata of what is made.
        clock: of the whole source.
    """

    target: Path
    cutting: Cutting
    reader: Reader
    writer: Writer
    original: Original
    sources: Sources
    tags: Mapping[str, str]
    clock: Clock
    prepared: Prepared[Settings]


def open_job(
    job: Job, closing: contextlib.ExitStack, networks: Networks | None = None, *, finished: bool = False
) -> Generator[Said, None, Opened]:
    """Open and check all that a job needs; raises what `render_job` raises. What is opened is closed by `closing`.

    A generator: it yields what there is to say about it, while it goes on. `networks` are those that are loaded
    already; what is loaded now is added. `finished`: what stands at the target is this job's own film.
    """
    settings = job.settings
    target = job.target or default_output(job.source, settings.codec)
    cutting = Cutting(job.source, settings)
    reader = open_source(job, *cutting.chosen_range(), info=cutting.info)
    is_film = reader.rate is not None
    own_sound = job.source if is_film and reader.info.audio_codec is not None else None
    start = reader.first_index / reader.rate if reader.rate else Fraction(0)
    sound = choose_sound(settings, own_sound, start) if is_film else None
    going_on = is_film and not job.fresh and has_journal(target)
    original = Original.read(reader.info, start)
    sources = Sources([job.source, *([] if sound is None else [sound.path])] if is_film else [])
    writer = open_target(
        target,
        job,
        reader,
        original,
        sound,
        overwrite=job.overwrite or finished,
        resume=0 if going_on else None,
        tags={} if is_film else None,  # a film's go to the recorder
    )
    clock = STILL
    if reader.rate is not None:
        # Of the whole source: a part is to look as it does there.
        whole = round((reader.info.duration or 0) * reader.rate)
        clock = Clock(reader.rate, max(whole, reader.first_index + reader.frame_count), listen(settings, own_sound))
    yield from map(Notice, [*reader.notices, *writer.notices])
    prepared = yield from prepare(
        settings,
        clock,
        (reader.height, reader.width),
        closing,
        governed=is_film,
        frames=range(reader.first_index, reader.first_index + reader.frame_count),
        mask=open_mask(
            settings.mask, (reader.width, reader.height), (reader.info.width, reader.info.height), closing
        ),
        networks=networks,
    )
    if is_film:
        yield from FLOWS.find(settings.flow).fetch()
    tags = render_tags(job, prepared.settings)
    return Opened(target, cutting, reader, writer, original, sources, tags, clock, prepared)


def open_source(
    job: Job, start: Fraction | None = None, frames: int | None = None, *, info: ClipInfo | None = None
) -> Reader:
    """The reader of what `job` renders, or of `frames` of it from `start` seconds on; `info` is what is known of it."""
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
        tonemap=settings.tonemap,
        deinterlace=settings.deinterlace,
        info=info,
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
    first_number: int | None = None,
) -> Writer:
    """The writer of the target, or of a part of it, or of a sequence of which so many frames are there already.

    `tags` (None: the job's) are metadata of a target that is no part; pictures are numbered from `first_number` on
    (None: as those of the source, or from 1). `overwrite` None: the job's.
    """
    settings = job.settings
    protected = (job.source, sound and sound.path, *files_of(settings))
    return open_writer(
        target,
        width=reader.width,
        height=reader.height,
        rate=reader.rate,
        codec=settings.codec,
        crf=settings.crf,
        bit_depth=settings.bit_depth or depth_to_keep(target, settings.codec, reader.info),
        quality=settings.jpeg_quality,
        alpha=reader.alpha,
        color=reader.color,
        sound=sound,
        original=None if part else original,
        sample_aspect=reader.info.sample_aspect,
        metadata={} if part else render_tags(job, settings) if tags is None else tags,
        overwrite=part or (job.overwrite if overwrite is None else overwrite),
        protected=[path for path in protected if path],
        first_number=first_number_of(reader) if first_number is None else first_number,
        resume=resume,
    )


def first_number_of(reader: Reader) -> int:
    """The number that the first picture gets: that of the source's, where it is numbered pictures, else 1."""
    return reader.info.first_number + reader.first_index if reader.info.kind == "sequence" else 1


def render_tags(job: Job, settings: Settings) -> dict[str, str]:
    """The metadata of what is made of a job with these settings."""
    return recipe_tags(settings) | {"dreamvid-job": job_tag(job.settings, job.source)}


def _facts(prepared: Prepared[Settings], reader: Reader, encoder: str) -> dict[str, object]:
    """What the frames depend on beside the settings."""
    return {
        "range of frames": f"{reader.first_index} + {reader.frame_count}",
        "frame size": f"{reader.width}x{reader.height}",
        "device": prepared.machine.device.type,
        "precision": prepared.machine.precision,
        "encoder": encoder,
        "network": f"{prepared.models} {network_fingerprint(prepared.planner.extractor)}",
    }


def _render_still(opened: Opened, account: Account) -> Generator[Event, None, int]:
    """Dream a still; return the number of frames, 1."""
    reader, writer, prepared = opened.reader, opened.writer, opened.prepared
    frames = dream_still(reader, prepared.planner, prepared.machine.device)
    with reader, writer, contextlib.closing(account.watch(frames)) as watched:
        for frame, event in watched:
            if frame is not None:
                writer.write(frame)
            yield event
    yield from map(Notice, reader.warnings)
    return writer.frame_count


def _render_with_journal(
    job: Job, opened: Opened, journal: Journal, account: Account
) -> Generator[Event, None, int]:
    """Dream a film, from where the journal has come to; return the number of frames."""
    reader, prepared = opened.reader, opened.prepared
    rate = reader.rate
    if rate is None:
        raise ValueError("a film has a frame rate")
    film = Film(prepared.planner, prepared.machine.device, journal.snapshot)
    recorder = choose_recorder(journal, partial(open_target, job=job, reader=reader, original=opened.original))
    if film.done < reader.frame_count:
        start = (reader.first_index + film.done - film.lead) / rate
        with open_source(job, start, reader.frame_count - film.done + film.lead, info=reader.info) as rest:
            frames = account.watch(film.dream(rest, opened.cutting.marks(rest)))
            yield from record(film, frames, recorder, job.settings.save_every)
        yield from map(Notice, rest.warnings)
    else:
        recorder.resume()
    ending = Ending(rate, opened.writer.sound, opened.tags, job.overwrite, opened.original, opened.sources)
    yield from complete(recorder, ending)
    return recorder.frame_count
