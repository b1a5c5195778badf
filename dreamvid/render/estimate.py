"""Estimates of a render's time, memory and size, extrapolated from two trial frames."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch

from dreamvid.dream import Look
from dreamvid.errors import SettingsError
from dreamvid.media import default_output
from dreamvid.media.segments import packet_sizes
from dreamvid.media.target import output_pattern
from dreamvid.output.recorder import segment_length
from dreamvid.render.carry import SETTLING_PASSES
from dreamvid.render.job import Job, open_source, render_job
from dreamvid.render.pieces import backward_frames, scratch_bytes
from dreamvid.render.plan import Clock
from dreamvid.render.targets import make_look
from dreamvid.render.two_pass import TURNING_PASSES
from dreamvid.runtime.events import Downloading, Event, FrameDone, Notice, Started, Tell, ignore
from dreamvid.shots.selection import ShotSelection

MOST_BETWEEN = 12
"""Frames of `--every N` that are carried for trial."""


@dataclass(frozen=True)
class Estimate:
    """What a whole render will take, about.

    Attributes:
        frames: of the whole.
        width, height: of a frame.
        seconds: the time of the whole, without cuts.
        begin: seconds until the second frame, of which loading is a part.
        frame: seconds for each frame after.
        cut: seconds that each cut adds: a shot's first frame is dreamed from nothing. 0 for zooms.
        memory: the largest that this process has been, in bytes; None where the system does not say.
        device_memory: the same of the accelerator, None where there is none.
        size: of the file or files, in bytes, sound left out.
        free: bytes that are free where they go.
        scratch: bytes that the journal takes meanwhile beside finished frames, at most.
    """

    frames: int
    width: int
    height: int
    seconds: float
    begin: float
    frame: float
    cut: float
    memory: int | None
    device_memory: int | None
    size: int
    free: int
    scratch: int = 0


def estimate_job(job: Job, tell: Tell = ignore) -> Estimate:
    """Estimate a film, passing the trial's notices to `tell`. The trial uses a temporary folder, which is removed.

    Raises what `render_job` does, and `SettingsError` for a still picture.
    """
    start, chosen = ShotSelection(job.source, job.settings).chosen_range()
    reader = open_source(job, start, chosen)
    if reader.rate is None:
        raise SettingsError(
            f"--estimate: {job.source} is a still picture, which is a single frame; render it without --estimate"
        )
    settings = job.settings
    every = min(settings.every, MOST_BETWEEN)
    tried = settings.without_selection().replace(
        start=Fraction(reader.first_index) / reader.rate,
        frames=min(reader.frame_count, 1 + every),
        report=False,
        sidecar=False,
        proxy=False,
        two_pass=False,
        loop=False,
    )
    target = job.target or default_output(job.source, settings.codec)

    def render(trial: Path) -> Iterator[Event]:
        return render_job(replace(job, target=trial, settings=tried))

    clock = Clock(reader.rate, reader.frame_count)
    first = settings.without_schedules() if settings.needs_sound else settings.at(clock.moment(reader.first_index))
    look = make_look(first, [])
    cold, warm = look.iterations, settings.warm_iterations
    ratio = _work(look, cold, (reader.height, reader.width)) / _work(look, warm, (reader.height, reader.width))
    trial = run_trial(render, target, every, tell)
    # A shot's first frame costs as many more steps; what a frame costs besides is counted with them, to be safe.
    settling = SETTLING_PASSES + (TURNING_PASSES if settings.two_pass else 0)
    cut_ratio = max(0.0, ratio + settling - 1)
    film = reader.frame_count, reader.rate, reader.width, reader.height
    whole = trial.whole(target, reader.frame_count, cut_ratio=cut_ratio, unseen=backward_frames(settings, *film))
    return replace(whole, scratch=scratch_bytes(settings, *film))


@dataclass(frozen=True)
class Trial:
    """What the trial frames took."""

    started: Started
    loading: float
    frames: list[FrameDone]
    sizes: list[int]
    every: int
    passes: float = 0.0
    """Bytes of passes beside the film, of each frame."""

    def whole(self, target: Path, frames: int, *, cut_ratio: float = 0.0, unseen: int = 0) -> Estimate:
        """The estimate for a film of so many frames; `unseen` ones are dreamed before them."""
        between = [event.seconds for event in self.frames[1:]] or [self.frames[0].seconds]
        # With --every N the last of the trial's frames is dreamed, those between are carried.
        carried = sum(between[:-1]) / max(1, len(between) - 1)
        frame = (carried * (self.every - 1) + between[-1]) / self.every
        begin = self.loading + self.frames[0].seconds
        started = self.started
        if output_pattern(target) is not None:
            between_keys = 1
        else:
            between_keys = segment_length(started.width, started.height, deep=False)
        folder = next(path for path in target.absolute().parents if path.is_dir())
        return Estimate(
            frames=frames,
            width=started.width,
            height=started.height,
            seconds=begin + (unseen + frames - 1) * frame,
            begin=begin,
            frame=frame,
            cut=frame * cut_ratio,
            memory=_peak_memory(),
            device_memory=torch.cuda.max_memory_allocated() if started.device.startswith("cuda") else None,
            size=_whole_size(self.sizes, frames, between_keys) + round(self.passes * frames),
            free=shutil.disk_usage(folder).free,
        )


def run_trial(
    render: Callable[[Path], Iterator[Event]], target: Path, every: int, tell: Tell
) -> Trial:
    """Render a few frames into a temporary folder, of which every `every`-th is dreamed."""
    begun = time.perf_counter()
    started: Started | None = None
    loading = 0.0
    frames = []
    with tempfile.TemporaryDirectory(prefix="dreamvid-") as folder:
        is_sequence = output_pattern(target) is not None
        trial = Path(folder, "trial", f"%05d{target.suffix}" if is_sequence else f"trial{target.suffix}")
        trial.parent.mkdir()  # what lies beside it is in the temporary folder, too
        for event in render(trial):
            if isinstance(event, Notice):
                tell(event)
            elif isinstance(event, Downloading):
                begun = time.perf_counter()  # the next time it is there
            elif isinstance(event, Started):
                started, loading = event, time.perf_counter() - begun
            elif isinstance(event, FrameDone):
                frames.append(event)
        files = sorted(trial.parent.glob(f"*{target.suffix}"))
        sizes = [path.stat().st_size for path in files] if is_sequence else packet_sizes(trial)
        passes = [path.stat().st_size for path in Path(folder).rglob("*.exr") if path not in files]
    if started is None:
        raise RuntimeError("a render says when it has started")
    return Trial(started, loading, frames, sizes, every, sum(passes) / max(1, len(sizes)))


def _work(look: Look, iterations: tuple[int, ...], size: tuple[int, int]) -> float:
    """Steps times pixels, over all octaves; at least one pixel's."""
    sizes = look.sizes(size)
    counts = look.iterations_per_octave(iterations, len(sizes))
    return max(1.0, sum(count * math.prod(octave) for count, octave in zip(counts, sizes, strict=False)))


def _whole_size(sizes: list[int], frames: int, between_keys: int) -> int:
    """Of a film that begins as these frames do, with a key frame as large as the first every so often."""
    keys = math.ceil(frames / between_keys)
    others = sum(sizes[1:]) / len(sizes[1:]) if len(sizes) > 1 else sizes[0]
    return round(keys * sizes[0] + (frames - keys) * others)


def _peak_memory() -> int | None:
    """The largest that this process has been, in bytes."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
