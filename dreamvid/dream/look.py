"""The look: every number that shapes a dream on a single picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreamvid.dream.objective import Target
from dreamvid.dream.pyramid import Size, absolute_octave_sizes, octave_sizes

_LEVEL = 1.0 / 255.0


@dataclass(frozen=True)
class Look:
    """The numbers that shape a dream; `dreamvid.settings` says what each means and where it is bounded.

    `targets` has one entry for each tap of the extractor.
    """

    targets: tuple[Target, ...] = (Target(),)
    octaves: int = 4
    octave_scale: float = 1.4
    octave_sizes: tuple[int, ...] | None = None
    iterations: tuple[int, ...] = (10,)
    step: float = 1.5
    step_decay: float = 1.0
    jitter: int = 32
    spread: float = 0.0
    seed: int = 0
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
        return octave_sizes(size, self.octaves, self.octave_scale)

    def iterations_per_octave(self, iterations: Sequence[int]) -> list[int]:
        """`iterations` for every octave, coarse to fine.

        The numbers belong to the finest octaves: where there are more octaves the first number serves all the coarser
        ones, where there are fewer the first numbers fall away. Octaves of absolute sizes keep theirs in a picture too
        small for the finest.
        """
        octaves = self.octaves if self.octave_sizes is None else len(self.octave_sizes)
        missing = max(0, octaves - len(iterations))
        return [iterations[0]] * missing + list(iterations)[-(octaves - missing) :]

    def step_at(self, iteration: int, iterations: int) -> float:
        """The length of a step, in [0, 1] per pixel: falling to `step_decay` of the first over an octave's steps."""
        share = iteration / (iterations - 1) if iterations > 1 else 0.0
        return self.step * _LEVEL * float(self.step_decay**share)
