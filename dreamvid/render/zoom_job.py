"""A whole zoom: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from dreamvid.dream.noise import pink_noise
from dreamvid.media import default_output, open_writer
from dreamvid.render.ahead import WriteBehind
from dreamvid.render.companion import Companion, check_mask
from dreamvid.render.events import Event, Finished, Notice, Started
from dreamvid.render.frames import to_tensor
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.preparation import choose_sound, listen, prepare
from dreamvid.render.toning import Tone
from dreamvid.render.zoom import Zoom, dream_zoom, first_index, frame_count
from dreamvid.settings import ZoomSettings

NOISE = Path("noise")
"""The source that is no file: the zoom begins with nothing but a spectrum."""

_NOISE_SIZE = (640, 360)  # width, height
_ENCODED_BEHIND = 4  # frames


@dataclass(frozen=True)
class ZoomJob:
    """One zoom: what it begins with (a picture, a film, a sequence or `NOISE`), where it goes, how it is dreamed."""

    source: Path = NOISE
    target: Path | None = None
    settings: ZoomSettings = field(default_factory=ZoomSettings)
    overwrite: bool = False


def render_zoom(job: ZoomJob) -> Iterator[Event]:
    """Render `job`, yielding events as it goes, as `render_job` does, with the same promises and errors."""
    began = time.perf_counter()
    settings = job.settings
    target = job.target or zoom_output(job.source)
    with contextlib.ExitStack() as closing:
        source = _open_source(job.source, settings, closing)
        width, height = settings.size or _NOISE_SIZE if source is None else (source.width, source.height)
        own_sound = job.source if source is not None and source.info.audio_codec is not None else None
        sound = choose_sound(settings, own_sound)
        protected = (source and source.path, sound and sound.path, settings.guide, settings.mask)
        with open_writer(
            target,
            width=width,
            height=height,
            rate=settings.fps,
            codec=settings.codec,
            crf=settings.crf,
            sound=sound,
            overwrite=job.overwrite,
            protected=[path for path in protected if path],
        ) as writer:
            clock = Clock(settings.fps, frame_count(settings), listen(settings, own_sound))
            mask = None
            if settings.mask is not None:
                mask = closing.enter_context(Companion(settings.mask, size=(width, height)))
                check_mask(mask, width, height)
            notices: list[str] = []
            prepared = prepare(
                settings, clock, (height, width), closing, governed=False, mask=mask, report=notices.append
            )
            yield from map(Notice, notices)
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
            )
            zoom = _begin(source, (height, width), prepared.planner, prepared.settings, prepared.machine.device)
            frames = dream_zoom(zoom, prepared.settings)
            with contextlib.closing(frames), WriteBehind(writer.write, _ENCODED_BEHIND) as output:
                for frame, event in frames:
                    if frame is not None:
                        output.put(frame)
                    yield event
    yield Finished(target, writer.frame_count, time.perf_counter() - began)


def zoom_output(source: Path) -> Path:
    """Where a zoom goes if nobody says: `clip.zoom.mp4` beside the source, `noise.zoom.mp4` here."""
    if source == NOISE:
        return Path("noise.zoom.mp4")
    dream = default_output(source)
    if dream.name == "%05d.png":  # a folder's or sequence's
        dream = dream.parent
    return dream.with_name(f"{dream.name.rsplit('.dream', 1)[0]}.zoom.mp4")


def _open_source(path: Path, settings: ZoomSettings, closing: contextlib.ExitStack) -> Companion | None:
    if path == NOISE:
        return None
    max_size = None if settings.size else settings.max_size
    return closing.enter_context(Companion(path, size=settings.size, max_size=max_size, loop=True))


def _begin(
    source: Companion | None,
    size: tuple[int, int],
    planner: Planner[ZoomSettings],
    settings: ZoomSettings,
    device: torch.device,
) -> Zoom:
    """The zoom at its first picture: the source's, or noise that has been dreamed from nothing."""
    start = first_index(settings)
    if source is None:
        noise = pink_noise(size, settings.seed).to(device)
        picture: Tensor = planner.at(0).dreamer.dream(noise)
        return Zoom(picture, planner, Tone.of(noise), first_index=start)
    frame = source.at(max(0, start) / settings.fps)
    if frame is None:
        raise RuntimeError("a companion gives a frame when it is asked for the first time")
    picture = to_tensor(frame, device)
    return Zoom(
        picture, planner, Tone.of(picture), source=source if source.rate is not None else None, first_index=start
    )
