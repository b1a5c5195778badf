"""Units of work: the shots of a film, and chunks of those that are too long for the farm.

A shot depends on nothing before it, so it is rendered anywhere to the same frames. A chunk is a part of a shot and
has a beginning that is none: its dream starts some frames before its first one (the run-in), and at the joint the
dreams of two chunks are faded into each other:

    shot     |=====================================================|
    chunk    |===================~~~~|
    next                  . . . .~~~~==============================|
                          run-in fade

A carried dream does not forget where it began: measured (`benchmarks/run_in.py`), two dreams of one moving shot that
began at different frames stay apart by 1.1 to 1.4 times their strength however long they run, as two dreams of
unlike pictures do. What settles within 24 frames is how strong they are, to within 5 %. So the run-in is for the
strength, and the fade for the rest: over 12 frames it adds a change of 0.1 from frame to frame, where the dreams of
neighboring frames differ by 0.4 to 0.5.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dreamvid.shots.shots import Shot

_WORTH_SPLITTING = 0.9  # chunks differ from one machine's film at the joint: they must save a tenth of the time
_PARTS_PER_WORKER = (0.5, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 4, 6)
_OVERHEAD = 4.0  # frames: about what it costs to open the source and the encoder for a unit


@dataclass(frozen=True)
class Unit:
    """What one worker renders in one go; all frames count from the beginning of the source.

    Attributes:
        shot: number of its shot, from 1.
        first, end: frames from the first to just before the second go straight into the film.
        run_in: so many frames before anything else are dreamed and thrown away.
        fade_in: so many before `first` are handed on to be faded with the chunk before.
        fade_out: so many from `end` on are handed on to be faded with the chunk after.
    """

    shot: int
    first: int
    end: int
    run_in: int = 0
    fade_in: int = 0
    fade_out: int = 0

    @property
    def begin(self) -> int:
        """The first frame that is dreamed."""
        return self.first - self.fade_in - self.run_in

    @property
    def until(self) -> int:
        """One after the last frame that is dreamed."""
        return self.end + self.fade_out

    @property
    def frames(self) -> int:
        """How many frames of the film it stands for: those of a fade are the earlier chunk's."""
        return self.until - self.first

    @property
    def cost(self) -> float:
        """About what it takes, in frames."""
        return self.until - self.begin + _OVERHEAD

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.first:08}-{self.end:08}"

    def __str__(self) -> str:
        whole = not (self.fade_in or self.fade_out or self.run_in)
        return f"shot {self.shot}{'' if whole else ', chunk'} (frames {self.first} to {self.until - 1})"


def shots_within(shots: Iterable[Shot], first: int, end: int) -> list[Shot]:
    """What of the shots lies between two frames; empty ones left out, numbers kept."""
    cut = (Shot(shot.number, max(shot.first, first), min(shot.end, end)) for shot in shots)
    return [shot for shot in cut if shot.frames > 0]


def plan_units(shots: Sequence[Shot], workers: int, chunk: int | str, *, run_in: int, fade: int) -> list[Unit]:
    """The units of a film for so many workers, in the film's order.

    `chunk` is `none`, `auto` or the most frames of a unit, as far as the fade allows: a chunk is never shorter than
    a fade and a frame.
    """
    if isinstance(chunk, int):
        return _split_all(shots, chunk, run_in, fade)
    whole = _split_all(shots, math.inf, run_in, fade)
    if chunk == "none" or workers == 1:
        return whole
    best, least = whole, _WORTH_SPLITTING * makespan(whole, workers)
    total = sum(shot.frames for shot in shots)
    for parts in _PARTS_PER_WORKER:
        candidate = _split_all(shots, max(1.0, total / (workers * parts)), run_in, fade)
        if (time := makespan(candidate, workers)) < least:
            best, least = candidate, time
    return best


def longest_first(units: Iterable[Unit]) -> list[Unit]:
    """The order in which they are given out (Graham 1969: no more than a third above the best)."""
    return sorted(units, key=lambda unit: (-unit.cost, unit.first))


def makespan(units: Iterable[Unit], workers: int) -> float:
    """How long so many workers take when each takes the longest unit that is left, in the units' own cost."""
    free = [0.0] * workers
    for unit in longest_first(units):
        heapq.heapreplace(free, free[0] + unit.cost)
    return max(free)


def _split_all(shots: Iterable[Shot], limit: float, run_in: int, fade: int) -> list[Unit]:
    return [unit for shot in shots for unit in _split(shot, math.ceil(shot.frames / limit), run_in, fade)]


def _split(shot: Shot, parts: int, run_in: int, fade: int) -> list[Unit]:
    """A shot in about equal chunks, as many as wanted and possible."""
    parts = max(1, min(parts, shot.frames // (fade + 1)))
    joints = [shot.first + part * shot.frames // parts for part in range(1, parts)]
    units = []
    for number, joint in enumerate([shot.first, *joints]):
        is_first, is_last = number == 0, number == parts - 1
        units.append(
            Unit(
                shot.number,
                first=joint if is_first else joint + fade,
                end=shot.end if is_last else joints[number],
                run_in=0 if is_first else min(run_in, joint - shot.first),
                fade_in=0 if is_first else fade,
                fade_out=0 if is_last else fade,
            )
        )
    return units
