"""A whole render: open, load, check, dream, finish."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dreamvid.dream import Dreamer, Look
from dreamvid.errors import MediaError
from dreamvid.machine import Machine, choose_machine
from dreamvid.media import Reader, SoundTrack, default_output, open_reader, open_writer
from dreamvid.models import Network, load_network
from dreamvid.render.ahead import WriteBehind
from dreamvid.render.carry import Carry
from dreamvid.render.events import Event, Finished, Notice, Started
from dreamvid.render.film import dream_film, dream_still
from dreamvid.settings import LayerTarget, Settings

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
    with open_reader(
        job.source,
        start=settings.start,
        end=settings.end,
        frames=settings.frames,
        size=settings.size,
        max_size=settings.max_size,
        rate=settings.rate,
    ) as reader:
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
            protected=[job.source, *([] if sound is None else [sound.path])],
        ) as writer:
            machine = choose_machine(settings.device, settings.precision, settings.threads)
            notices: list[str] = []
            network = load_network(settings.model, weights=settings.weights, report=notices.append)
            yield from map(Notice, notices)
            settings = settings.for_model(network.spec.look)
            dreamer = make_dreamer(network, settings, machine)
            dreamer.check_size((reader.height, reader.width))
            yield Started(
                source=job.source,
                target=target,
                frames=reader.frame_count,
                width=reader.width,
                height=reader.height,
                rate=reader.rate,
                model=network.spec.name,
                layers=dreamer.extractor.taps,
                device=str(machine.device),
                precision=machine.precision,
            )
            if reader.rate is None:
                frames = dream_still(reader, dreamer, settings.strength)
            else:
                carry = Carry(dreamer, settings.blend, settings.warm_iterations, settings.strength)
                frames = dream_film(reader, carry, settings)
            with contextlib.closing(frames), WriteBehind(writer.write, _ENCODED_BEHIND) as output:
                for frame, event in frames:
                    if frame is not None:
                        output.put(frame)
                    yield event
        yield from map(Notice, reader.warnings)
    yield Finished(target, writer.frame_count, time.perf_counter() - began)


def make_dreamer(network: Network, settings: Settings, machine: Machine) -> Dreamer:
    """The dream core for `settings` on `machine`; the network's own default layer where none is named."""
    targets = settings.layer or (LayerTarget(network.spec.default_layer),)
    extractor = network.extractor([target.name for target in targets], device=machine.device, dtype=machine.dtype)
    return Dreamer(extractor, make_look(settings, [target.weight for target in targets]), machine.device)


def make_look(settings: Settings, weights: Iterable[float]) -> Look:
    """The numbers of the dream core out of `settings`, with one weight per layer."""
    return Look(
        weights=tuple(weights),
        octaves=settings.octaves,
        octave_scale=settings.octave_scale,
        iterations=settings.iterations,
        step=settings.step,
        jitter=settings.jitter,
        spectrum=settings.spectrum,
        laplacian=settings.laplacian,
        spread=settings.spread,
        seed=settings.seed,
    )


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
