"""How well would a farm of 8, 64 or 512 GPUs be used? A prediction, from measured overheads and from lengths of shots.

    python benchmarks/farm_simulation.py

The plan is made by `dreamvid.farm.plan` itself, and the units are given out as the driver does. Lengths of shots are
drawn from a log-normal distribution whose standard deviation is 1.2 times its mean, as B. Salt found for films ("The
numbers speak", in: Moving into Pictures, 2006, and on cinemetrics.uchicago.edu). Their means:

- films: 4 s. J. E. ShotSelection, J. E. DeLong and C. E. Nothelfer, "Attention and the evolution of Hollywood film",
  Psychological Science 21(3), 2010: about 4 s in films of today, of 1500 to 2500 shots each.
- music videos: 2 s. J. P. Pérez Rufí and J. Rodríguez-López, "Edición del videoclip y duración del plano", 2017.
- a one-take: one shot.

What a unit costs beside its frames is what `benchmarks/farm.py` measures; what is assumed stands in `Costs`.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from dreamvid.farm.plan import Unit, longest_first, plan_units
from dreamvid.shots.shots import Shot, shots_between

FPS = 24
SPREAD = 1.2  # standard deviation of shot lengths over their mean
RUN_IN, FADE = 24, 12
GPUS = (8, 64, 512)


@dataclass(frozen=True)
class Costs:
    """In seconds.

    Attributes:
        frame: assumed: dreaming a large frame on a GPU. Quicker ones make all else weigh more.
        cold: what a shot's first frame takes more than others, in frames: 52 steps over the octaves instead of 6, most
            of them on small pictures.
        unit: opening source and encoder, closing the encoder, a round trip.
        start: a worker: its process, libraries and network.
        cuts: looking for cuts in one frame.
        megabytes: of an encoded frame; assumed.
        disk: megabytes a second that the driver writes; assumed. It takes the files of each unit, and at the end copies
            all of them into the film, twice (the second time to put the index first).
    """

    frame: float = 0.2
    cold: float = 3.0
    unit: float = 0.7
    start: float = 12.0
    cuts: float = 0.004
    megabytes: float = 0.15
    disk: float = 500.0


@dataclass(frozen=True)
class Film:
    """A kind of film: its length and the mean of its shots' in seconds (0: one take)."""

    name: str
    seconds: float
    mean_shot: float

    def shots(self, seed: int = 1) -> list[Shot]:
        """Shots of that distribution, in frames."""
        frames = round(self.seconds * FPS)
        if not self.mean_shot:
            return [Shot(1, 0, frames)]
        draw = random.Random(seed)  # noqa: S311 - a draw, no secret
        sigma = math.sqrt(math.log(1 + SPREAD**2))
        mu = math.log(self.mean_shot * FPS) - sigma**2 / 2
        cuts, place = [], 0
        while (place := place + max(2, round(draw.lognormvariate(mu, sigma)))) < frames:
            cuts.append(place)
        return shots_between(cuts, frames)


FILMS = (
    Film("music video, 4 min", 240, 2.0),
    Film("music video in one take, 4 min", 240, 0),
    Film("short film, 15 min", 900, 4.0),
    Film("feature, 110 min", 6600, 4.0),
)


def seconds_of(unit: Unit, costs: Costs) -> float:
    """What a worker spends on a unit."""
    return costs.unit + (unit.until - unit.begin + costs.cold) * costs.frame


def wall_time(units: Sequence[Unit], frames: int, workers: int, costs: Costs) -> float:
    """From the start of the first frame's cuts to the finished film, workers being up."""
    stretch = min(frames, max(480, math.ceil(frames / (2 * workers))))
    looking = math.ceil(math.ceil(frames / stretch) / workers) * stretch * costs.cuts
    free = [looking] * workers
    finished = []
    for unit in longest_first(units):
        moment = free[0] + seconds_of(unit, costs)
        finished.append((moment, unit.frames * costs.megabytes / costs.disk))
        heapq.heapreplace(free, moment)
    driver = 0.0
    for moment, writing in sorted(finished):
        driver = max(driver, moment) + writing
    return driver + 2 * frames * costs.megabytes / costs.disk


def main() -> None:
    costs = Costs()
    print(f"{'':32}" + "".join(f"{gpus:>22} GPUs" for gpus in GPUS))
    for film in FILMS:
        shots = film.shots()
        frames = shots[-1].end
        alone = sum(seconds_of(Unit(shot.number, shot.first, shot.end), costs) for shot in shots)
        row = ""
        for gpus in GPUS:
            times = {}
            for chunk in ("none", "auto"):
                units = plan_units(shots, gpus, chunk, run_in=RUN_IN, fade=FADE)
                times[chunk] = wall_time(units, frames, gpus, costs)
            shares = " ".join(f"{alone / gpus / time:4.0%}" for time in times.values())
            with_start = alone / gpus / (times["auto"] + costs.start)
            row += f"{times['auto'] / 60:8.1f} min {shares} {with_start:4.0%}"
        print(f"{film.name:32}{row}")
    print("\nFor each: minutes; efficiency with shots whole, in chunks, and in chunks with the start of workers.")


if __name__ == "__main__":
    main()
