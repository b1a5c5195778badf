"""A whole render: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.machine import choose_machine
from dreamvid.media import Reader, SoundTrack, default_output, open_reader, open_writer
from dreamvid.render.ahead import WriteBehind
from dreamvid.render.companion import Companion, check_mask
from dreamvid.render.dreamers import load_aims, make_dreamer
from dreamvid.render.events import Event, Finished, Notice, Started
from dreamvid.render.film import dream_film, dream_still
from dreamvid.render.plan import Planner
from dreamvid.settings import Settings

_ENCODED_BEHIND = 4  # frames


@dataclass(frozen=True)
class Job:
    """One render: what is read, where it goes and how it is dreamed.

    `source` is a video, a still image, a numbered sequence (`frames/%05d.png`) or a folder of images; `target` a
    file or a pattern of the same sort, or None for `<stem>.dream.…` beside the source.
    """

    source: Path
    target: Path | None = None
    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False


def render_job(job: Job) -> Iterator[Event]:
    """Render `job`, yielding events as it goes; the work is done by iterating to the end.

    A film's frames come out one for one, at the same index and rate. If the iteration is broken off, by an error or
    by closing the generator, nothing is left under the target's name, and what stood there before still does.

    Raises `MediaError`, `ModelError` or `SettingsError` for whatever a user can mend: files are checked before the
    network is loaded, and everything before the first frame is dreamed.
    """
    began = time.perf_counter()
    settings = job.settings
    target = job.target or default_output(job.source)
    with (
        contextlib.ExitStack() as closing,
        open_reader(
            job.source,
            start=settings.start,
            end=settings.end,
            frames=settings.frames,
            size=settings.size,
            max_size=settings.max_size,
            rate=settings.rate,
        ) as reader,
    ):
        sound = _choose_sound(settings.audio, job.source, reader)
        with open_writer(
            target,
            width=reader.width,
            height=reader.height,
            rate=reader.rate,
            codec=settings.codec,
            crf=settings.crf,
            sound=sound,
            sample_aspect=reader.info.sample_aspect,
            overwrite=job.overwrite,
            protected=[path for path in (job.source, sound and sound.path, settings.guide, settings.mask) if path],
        ) as writer:
            guide, mask = _open_companions(settings, reader, closing)
            machine = choose_machine(settings.device, settings.precision, settings.threads)
            notices: list[str] = []
            aims = load_aims(settings, report=notices.append)
            yield from map(Notice, notices)
            settings = settings.for_model(aims[0].network.spec.look)
            dreamer = make_dreamer(aims, settings, machine)
            dreamer.check_size((reader.height, reader.width))
            planner = Planner(dreamer, settings, guide=guide, mask=mask)
            yield Started(
                source=job.source,
                target=target,
                frames=reader.frame_count,
                width=reader.width,
                height=reader.height,
                rate=reader.rate,
                model=" + ".join(dict.fromkeys(aim.network.spec.name for aim in aims)),
                layers=dreamer.extractor.taps,
                device=str(machine.device),
                precision=machine.precision,
            )
            if reader.rate is None:
                frames = dream_still(reader, planner, machine.device)
            else:
                frames = dream_film(reader, planner, settings, machine.device)
            with contextlib.closing(frames), WriteBehind(writer.write, _ENCODED_BEHIND) as output:
                for frame, event in frames:
                    if frame is not None:
                        output.put(frame)
                    yield event
        yield from map(Notice, reader.warnings)
    yield Finished(target, writer.frame_count, time.perf_counter() - began)


def _open_companions(
    settings: Settings, reader: Reader, closing: contextlib.ExitStack
) -> tuple[Companion | None, Companion | None]:
    """The guide and the mask, where they are asked for."""
    guide = mask = None
    if settings.guide is not None:
        guide = closing.enter_context(Companion(settings.guide, max_size=settings.guide_size, loop=True))
    if settings.mask is not None:
        mask = closing.enter_context(Companion(settings.mask, size=(reader.width, reader.height)))
        check_mask(mask, reader)
    return guide, mask


def _choose_sound(audio: str, source: Path, reader: Reader) -> SoundTrack | None:
    """What `--audio` asks for, beginning where the frames begin."""
    if audio == "none" or reader.rate is None:
        return None
    if audio != "copy":
        path = Path(audio)
        if not path.is_file():
            raise MediaError(f"{path}: no such sound file; --audio takes copy, none or a file")
        return SoundTrack(path)
    if reader.info.audio_codec is None:
        return None
    return SoundTrack(source, start=reader.first_index / reader.rate)
