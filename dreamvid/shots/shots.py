"""The shots of a clip: where they begin and end, and which frames some of them are.

Cuts belong to a clip and not to one render of it. They are looked for at one small size, whatever the size of the
render, and a part of a clip is given the cuts that the whole has there: so a preview, a whole render and one of a few
shots agree. Nothing is carried from shot to shot, so each may be dreamed alone, in any order, to the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

from dreamvid.errors import SettingsError
from dreamvid.media import AS_CODED, ClipInfo, Reader, open_reader
from dreamvid.motion import CutDetector, mark_cuts
from dreamvid.motion.dissolves import DissolveDetector, Mark, mark_transitions

T = TypeVar("T")
Part = tuple[int, int]
"""Frames from the first to just before the second."""

CUT_SIDE_PX = 256
"""The longer side of frames that cuts are looked for in: twice what the detector compares."""


@dataclass(frozen=True)
class Shot:
    """Frames from `first` to just before `end`. Shots count from 1, frames from 0, both from the clip's beginning."""

    number: int
    first: int
    end: int

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.end - self.first

    @property
    def middle(self) -> int:
        """The frame in the middle; of two, the first."""
        return (self.first + self.end - 1) // 2


def shots_between(cuts: Iterable[int], frames: int) -> list[Shot]:
    """The shots of a clip of so many frames, from the first frames of shots, rising; 0 may be left out.

    They follow one another without a gap, from frame 0 to the last.
    """
    bounds = [*sorted({0, *cuts}), frames]
    return [Shot(number, first, end) for number, (first, end) in enumerate(pairwise(bounds), start=1)]


def gather_shots(marks: Iterable[bool]) -> Iterator[Shot]:
    """The shots of a clip, from whether each of its frames begins one (the first always does).

    Each comes as soon as the next begins.
    """
    number, first, frame = 1, 0, -1
    for frame, begins in enumerate(marks):
        if begins and frame:
            yield Shot(number, first, frame)
            number, first = number + 1, frame
    if frame >= 0:
        yield Shot(number, first, frame + 1)


def watch_cuts(
    source: Path, rate: Fraction, first: int = 0, end: int | None = None, *, info: ClipInfo | None = None
) -> Iterator[bool]:
    """Say of each frame from `first` to before `end` (None: the last) whether a shot begins there.

    source: what `open_reader` takes, with a rate; rate: the frames per second it is read at; info: what is known of
    it. HDR is looked at as it is coded: the cuts are a clip's own, however it is shown. The verdicts are those
    that the whole clip gives, since a few frames on either side are looked at too. Nothing but a few small frames is
    kept in memory. Of a damaged clip there may be fewer. Raises `MediaError` where it cannot be read.
    """
    margin = CutDetector(float(rate)).look_ahead + 1  # a verdict depends on no more than so many frames on either side
    begin = max(0, first - margin)
    with _open_small(source, rate, begin, None if end is None else end + margin, info) as reader:
        marks = (begins for _, begins in mark_cuts(reader, float(rate)))
        yield from islice(marks, first - begin, None if end is None else end - begin)


def watch_transitions(
    source: Path, rate: Fraction, first: int = 0, end: int | None = None, *, info: ClipInfo | None = None
) -> Iterator[Mark]:
    """Say of each frame, as `watch_cuts` does, whether a shot begins there, and which dissolve it is in.

    Dissolves count the clip's frames. Some seconds on either side are looked at, too.
    """
    margin = DissolveDetector(float(rate)).look_ahead + CutDetector(float(rate)).look_ahead + 1
    begin = max(0, first - margin)
    with _open_small(source, rate, begin, None if end is None else end + margin, info) as reader:
        marks = mark_transitions(reader, float(rate), begin)
        yield from islice(marks, first - begin, None if end is None else end - begin)


def _open_small(source: Path, rate: Fraction, first: int, end: int | None, info: ClipInfo | None) -> Reader:
    until = None if end is None else end / rate
    return open_reader(
        source, start=first / rate, end=until, max_size=CUT_SIDE_PX, rate=rate, tonemap=AS_CODED, info=info
    )


def shots_at_rate(shots: Sequence[Shot], rate: Fraction, new_rate: Fraction) -> list[Shot]:
    """The same shots where the clip is read at another rate, their numbers kept; the shortest may come out empty.

    A frame is shown from the nearest frame of the new rate on, as `open_reader` has it; halves go up.
    """

    def moved(frame: int) -> int:
        return math.floor(frame * new_rate / rate + Fraction(1, 2))

    return [Shot(shot.number, moved(shot.first), moved(shot.end)) for shot in shots]


def plan_parts(shots: Sequence[Shot], wanted: Collection[int]) -> list[Part]:
    """The frames of the shots with the `wanted` numbers, as ranges in the clip's order; neighbors become one.

    `shots` are the clip's from its first on; those after the last that is wanted may be missing. Raises `SettingsError`
    where a number is no shot's, or no frame is left.
    """
    last = max((shot.number for shot in shots), default=0)
    unknown = sorted(number for number in wanted if not 1 <= number <= last)
    if unknown:
        there_are = "is 1 shot" if last == 1 else f"are {last} shots"
        raise SettingsError(f"--shots: there is no shot {unknown[0]}: there {there_are}; `dreamvid shots` lists them")
    parts: list[Part] = []
    for shot in shots:
        if shot.number not in wanted or not shot.frames:
            continue
        if parts and parts[-1][1] == shot.first:
            parts[-1] = parts[-1][0], shot.end
        else:
            parts.append((shot.first, shot.end))
    if not parts:
        raise SettingsError("--shots: these shots have no frame at this rate; choose others, or a higher --rate")
    return parts


def skip_frames(parts: Iterable[Part], frames: int) -> list[Part]:
    """The parts without so many frames at their beginning: what is left of a render that goes on."""
    left: list[Part] = []
    for first, end in parts:
        skipped = min(frames, end - first)
        frames -= skipped
        if first + skipped < end:
            left.append((first + skipped, end))
    return left


def pick_frames(frames: Iterable[T], first: int, parts: Iterable[Part]) -> Iterator[T]:
    """Those of `frames` that lie in the parts, which rise; the first of them is the clip's frame `first`.

    Takes no more than it needs to: nothing after the last part.
    """
    numbered = enumerate(frames, start=first)
    for begin, end in parts:
        for number, frame in numbered:
            if number >= begin:
                yield frame
            if number + 1 >= end:
                break
