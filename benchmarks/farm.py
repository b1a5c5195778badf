"""How much of two cores does a farm of two workers use, and what does a shot cost beside its frames?

    python benchmarks/farm.py [--shots 12] [--frames 40] [--size 320] [--repeat 3]

Run it on an idle machine. One film is rendered by one worker on one core and by two on two, with one thread each; Ray,
the driver and the encoders are held on the same cores. Workers are up when the clock starts. Efficiency is half of the
one time over the other. The same frames as a single shot tell what each more shot costs. The best of `--repeat` runs
counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from dreamvid.config.settings import Settings, make_settings
from dreamvid.farm.cluster import Share, connected
from dreamvid.farm.driver import render_on_farm
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import WorkerPool
from dreamvid.media import open_writer
from dreamvid.render import Job
from dreamvid.runtime.events import FarmProgress


def write_clip(path: Path, shots: int, frames: int, width: int) -> None:
    """Shots of so many frames each: pans over smooth noise, each another."""
    height = width * 9 // 16
    with open_writer(path, width=width, height=height, rate=Fraction(24), codec="ffv1") as writer:
        for shot in range(shots):
            small = np.random.default_rng(shot).random((height // 8, width // 4, 3), dtype=np.float32)
            scene = cv2.resize(small, (2 * width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
            for frame in range(frames):
                left = frame * width // frames
                writer.write(np.ascontiguousarray(scene[:, left : left + width]))


def render(clip: Path, target: Path, settings: Settings, pool: WorkerPool, cuts: str) -> float:
    """Seconds from the moment all workers are ready to the finished film."""
    target.unlink(missing_ok=True)
    chosen = settings.model_copy(update={"cuts": cuts, "sidecar": False})
    began = None
    for event in render_on_farm(Job(clip, target, chosen), FarmSettings(chunk="none"), pool):
        if began is None and isinstance(event, FarmProgress) and event.workers == pool.share.workers:
            began = time.perf_counter()
    if began is None:
        raise RuntimeError("not all workers came")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=12)
    parser.add_argument("--frames", type=int, default=40, help="of a shot")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("this measures on chosen cores, which only Linux lets a program choose")
    settings = make_settings({"model": "dreamnet", "threads": 1, "precision": "fp32"})
    total = arguments.shots * arguments.frames
    times: dict[tuple[int, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip, cuts = Path(folder, "clip.mkv"), Path(folder, "cuts.txt")
        write_clip(clip, arguments.shots, arguments.frames, arguments.size)
        starts = range(arguments.frames, total, arguments.frames)
        cuts.write_text("".join(f"{frame}\n" for frame in starts), encoding="ascii")
        cores = sorted(os.sched_getaffinity(0))[:2]
        for workers in (1, 2):
            os.sched_setaffinity(0, set(cores[:workers]))  # Ray's processes, workers and encoders are its children
            with connected("local") as ray, WorkerPool(ray, Share(workers, 0.5, 0.0, 1), 1) as pool:
                for which in (str(cuts), "none") if workers == 1 else (str(cuts),):
                    film = Path(folder, "film.mp4")
                    runs = [render(clip, film, settings, pool, which) for _ in range(arguments.repeat)]
                    name = "one shot" if which == "none" else "shots"
                    times[workers, name] = min(runs)
                    print(f"{workers} worker(s), {name}:", *(f"{seconds:.2f} s" for seconds in runs), flush=True)
    one, two, whole = times[1, "shots"], times[2, "shots"], times[1, "one shot"]
    print(f"efficiency of two workers on two cores: {one / two / 2:.1%}")
    each = (one - whole) / (arguments.shots - 1)
    print(f"each more shot costs {each:.3f} s, its first frame's longer dream included")


if __name__ == "__main__":
    main()
