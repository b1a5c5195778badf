"""The look: every number that shapes a dream on a single picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreamvid.dream.pyramid import Size, absolute_octave_sizes, following_octave_sizes, octave_sizes
from dreamvid.dream.target import Target


@dataclass(frozen=True)
class Look:
    """The numbers that shape a dream; `dreamvid.config.settings` says what each means and where it is bounded.

    `targets` has one entry for each tap of the extractor. `octaves` None: as many as the picture's size asks for;
    `step` None: as long as a dream of nominal contrast asks for (see `calibration.py`).
    """

    targets: tuple[Target, ...] = (Target(),)
    octaves: int | None = 4
    octave_scale: float = 1.4
    octave_sizes: tuple[int, ...] | None = None
    iterations: tuple[int, ...] = (10,)
    step: float | None = 1.5
    step_decay: float = 1.0
    jitter: int = 32
    spread: float = 0.0
    seed: int = 0
    color_prior: float = 0.0
    spectrum: float = 0.0
    laplacian: int = 0
    smooth: float = 0.0
    tv: float = 0.0
    l2: float = 0.0
    keep_color: bool = False

    def sizes(self, size: Size) -> list[Size]:
        """The sizes that a picture of `size` is dreamed at, coarse to fine."""
        if self.octave_sizes is not None:
            return absolute_octave_sizes(size, self.octave_sizes)
        if self.octaves is None:
            return following_octave_sizes(size, self.octave_scale)
        return octave_sizes(size, self.octaves, self.octave_scale)

    def iterations_per_octave(self, iterations: Sequence[int], octaves: int) -> list[int]:
        """`iterations`, coarse to fine, for so many octaves.

        The first number is the coarsest octave's and the last the finest's, of one octave alone the first; where there
        are more or fewer octaves than numbers, those between are interpolated. Octaves of absolute sizes keep theirs
        in a picture too small for the finest, whose numbers are then left over at the end.
        """
        wanted = octaves if self.octave_sizes is None else len(self.octave_sizes)
        return [_interpolated(iterations, place, wanted) for place in range(wanted)]

    def decay_at(self, iteration: int, iterations: int) -> float:
        """A step's length over that of its octave's first: falling to `step_decay` over the octave's steps."""
        share = iteration / (iterations - 1) if iterations > 1 else 0.0
        return float(self.step_decay**share)


def _interpolated(values: Sequence[int], place: int, places: int) -> int:
    """The value at one of `places` places that are spread evenly over `values`, to the nearest whole number."""
    position = place * (len(values) - 1) / (places - 1) if places > 1 else 0.0
    before = min(int(position), len(values) - 1)
    after = min(before + 1, len(values) - 1)
    return int(values[before] + (position - before) * (values[after] - values[before]) + 0.5)
