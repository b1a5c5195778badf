"""What a step buys: warped error and energy of the dream against the steps per frame, carried or from nothing.

    uv run python benchmarks/quality.py [--frames 24]

On the sample whose true motion is known, with dreamnet. Steps are counted in passes over the whole frame: a step at an
octave of half the side is a quarter of one.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import describe_machine

from dreamvid.config.settings import Settings, make_settings
from dreamvid.media import open_reader
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import FrameDone

CLIP = Path(__file__).parents[1] / "samples" / "known_flow.mp4"
SETTLED = 4  # frames of a shot that are left out of the means
COLD = ("2", "4", "10", "28,16,6,2")
WARM = ("1", "1,1,1,0", "2,2,1,1", "3,2,1,0", "3,2,1,1", "4,3,2,1", "28,16,6,2")


def measure(frames: int, *, carried: bool, iterations: str, device: torch.device) -> tuple[float, float, float, float]:
    """Passes per frame, warped error, energy in levels RMS, and how much of the layer it holds (attainment)."""
    values: dict[str, Any] = {"model": "dreamnet", "layer": "inception4d", "report": True}
    values |= {"warm_iterations": iterations} if carried else {"iterations": iterations}
    settings = make_settings(values)
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    dreamer = make_dream_core(goals, settings, choose_machine())
    with open_reader(CLIP, frames=frames) as reader:
        planner = Planner(dreamer, settings, Clock(reader.rate or 24))
        # Each frame from nothing: a carry that carries none of it, and so begins with as many steps as a shot's first.
        film = Film(planner, device)
        cuts = [False] * frames
        done = [e for _, e in (film if carried else FromNothing(planner, device)).dream(reader, cuts)
                if isinstance(e, FrameDone)]  # fmt: skip
        size = (reader.height, reader.width)
    kept = [event for event in done[SETTLED:] if event.figures is not None]
    counts = settings.warm_iterations if carried else settings.iterations
    return (
        passes(settings, counts, size),
        float(np.mean([event.figures.warped_error for event in kept])),
        255 * float(np.mean([event.energy for event in kept])),
        float(np.mean([event.figures.objective for event in kept])),
    )


class FromNothing(Film):
    """Dreams every frame as a shot's first; the motion is used to measure only."""

    def _next_residual(self, raw, _motion, plan):  # type: ignore[no-untyped-def]
        return self._carry.begin(raw, plan)


def passes(settings: Settings, counts: tuple[int, ...], size: tuple[int, int]) -> float:
    """Steps of one frame in passes over the whole frame."""
    from dreamvid.render.targets import make_look

    look = make_look(settings.without_schedules(), [])
    sizes = look.sizes(size)
    steps = look.iterations_per_octave(counts, len(sizes))
    return sum(n * math.prod(s) for n, s in zip(steps, sizes, strict=True)) / math.prod(size)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=24)
    options = parser.parse_args()
    machine = choose_machine()
    print(f"{describe_machine(machine.device)}\n\n| start | steps, coarse to fine | passes a frame | warped error | "
          "energy (levels) | attainment |\n|---|---|---|---|---|---|")  # fmt: skip
    for name, lists in (("from nothing", COLD), ("carried", WARM)):
        for iterations in lists:
            work, error, energy, reached = measure(
                options.frames, carried=name == "carried", iterations=iterations, device=machine.device
            )
            print(f"| {name} | {iterations} | {work:.2f} | {error:.3f} | {energy:.1f} | {reached:.3f} |", flush=True)


if __name__ == "__main__":
    main()
