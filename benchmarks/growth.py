"""How time and memory grow: with pixels, with octaves, and with the number of frames.

    uv run python benchmarks/growth.py [--model dreamnet]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from timing import describe_machine

from dreamvid.config.settings import make_settings
from dreamvid.media import open_reader
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import FrameDone

CLIP = Path(__file__).parents[1] / "samples" / "journey.mp4"
SIZES = ("160x90", "240x135", "320x180", "480x270", "640x360", "960x540")
OCTAVES = (1, 2, 3, 4, 6)
SHOT = 40


def frame_times(machine: Machine, frames: int, **values: Any) -> tuple[list[float], float]:
    """Seconds of each frame of the clip's first shot, played to and fro, and the process's peak memory in MiB."""
    settings = make_settings({"model": "dreamnet", "layer": "inception4d", "precision": "fp32"}, values)
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    planner = Planner(make_dream_core(goals, settings, machine), settings, Clock(Fraction(24)))
    with open_reader(CLIP, size=settings.size, frames=SHOT) as reader:
        shot = list(reader)
    seconds = []
    for _, event in Film(planner, machine.device).dream(ToAndFro(shot, frames), [False] * frames):  # type: ignore[arg-type]
        if isinstance(event, FrameDone):
            seconds.append(event.seconds)
    return seconds, peak_memory()


class ToAndFro:
    """A shot that is played forwards and backwards as often as is wanted."""

    rate = Fraction(24)
    first_index = 0

    def __init__(self, shot: Sequence[Any], count: int) -> None:
        self._shot, self._count = shot, count
        self.height, self.width = shot[0].shape[:2]

    def __iter__(self):  # type: ignore[no-untyped-def]
        period = [*range(len(self._shot)), *range(len(self._shot) - 2, 0, -1)]
        return (self._shot[period[index % len(period)]] for index in range(self._count))


def peak_memory() -> float:
    """In MiB; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, intercept and R² of a straight line."""
    slope, intercept = np.polyfit(x, y, 1)
    rest = np.asarray(y) - (slope * np.asarray(x) + intercept)
    return float(slope), float(intercept), float(1 - rest.var() / np.var(y))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300, help="for time and memory over frames")
    options = parser.parse_args()
    machine = choose_machine(precision="fp32")
    print(f"{describe_machine(machine.device)}, dreamnet inception4d, fp32\n")

    found: dict[str, list[float]] = {size: [] for size in SIZES}
    peaks = {}
    for _ in range(options.rounds):  # in turns, as everywhere
        for size in SIZES:
            seconds, peaks[size] = frame_times(machine, 5, size=size)
            found[size] += seconds[2:]
    pixels = [float(np.prod([int(side) for side in size.split("x")])) for size in SIZES]
    medians = [float(np.median(found[size])) for size in SIZES]
    slope, intercept, r2 = fit(pixels, medians)
    print("| size | seconds a frame | per megapixel | peak memory so far |\n|---|---|---|---|")
    for size, count, median in zip(SIZES, pixels, medians, strict=True):
        print(f"| {size} | {median:.3f} | {median / count * 1e6:.2f} | {peaks[size]:.0f} MiB |")
    print(f"\nline: {slope * 1e6:.2f} s per megapixel + {intercept:.3f} s, R² {r2:.4f}\n")

    print("| octaves | seconds a frame |\n|---|---|")
    for count in OCTAVES:
        seconds, _ = frame_times(machine, 5, size="320x180", octaves=count)
        print(f"| {count} | {np.median(seconds[2:]):.3f} |")

    before = peak_memory()
    seconds, after = frame_times(machine, options.frames, size="160x90", octaves=2)
    index = list(range(10, options.frames))
    slope, intercept, _ = fit(index, seconds[10:])
    print(f"\nover {options.frames} frames of 160x90: {intercept * 1e3:.1f} ms a frame at the beginning, "
          f"{(slope * options.frames + intercept) * 1e3:.1f} ms at the end; "
          f"peak memory {before:.0f} -> {after:.0f} MiB")  # fmt: skip


if __name__ == "__main__":
    main()
