"""Memory, planned: in what tiles a picture is dreamed, and what happens where the plan was wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch

from dreamvid.config.types import Tile
from dreamvid.dream.pyramid import Size
from dreamvid.dream.tiles import TileConstraints, Tiling, plan_tiles
from dreamvid.errors import ResourceError
from dreamvid.runtime.events import Notice, Tell, ignore
from dreamvid.runtime.memory import available_bytes, is_out_of_memory, return_unused, used_bytes

P = TypeVar("P")
R = TypeVar("R")

_WORKSPACE = 1.6
"""What a gradient takes over the tensors that it is made of: convolutions need room to work. Resident memory on the
CPU: googlenet 1.05, dreamnet 1.05 to 1.09 (bf16 1.20), resnet50 1.29, vgg16 1.37 to 1.63 (relu1_2)."""

_MARGIN = 0.9
"""The share of the memory that is planned with."""

_FRAME_COPIES = {"cpu": 30, "cuda": 16, "mps": 16}
"""How many times, about, a frame (three floats a pixel) is held beside the gradient: the picture, what is carried, the
steps of conditioning; on the CPU also the frames that are read and written meanwhile."""

_SURELY_ENOUGH = 16_000
"""Bytes a pixel that hardly any gradient takes, workspace included (of all networks' last layers vgg19's takes most,
14,600): where there is so much, nobody need look closer, which takes a second."""

_FIXED = 256 * 2**20  # bytes: correlations with a guide, the libraries' own caches


def until_it_fits(attempt: Callable[[P], R], plan: P, smaller: Callable[[P], P | None]) -> R:
    """Return `attempt(plan)`; where that runs out of memory, `attempt(smaller(plan))`, and so on.

    An attempt must change nothing that the next one reads. Each attempt is made once, after the memory of the one
    before was given back. Raises `ResourceError` where there is no smaller plan (None), and whatever else an attempt
    raises.
    """
    while True:
        try:
            return attempt(plan)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the except block: the exception held the attempt's tensors.
        return_unused()
        next_plan = smaller(plan)
        if next_plan is None:
            break
        plan = next_plan
    raise ResourceError(
        "out of memory even with the smallest tiles; use a smaller --max-size, a shallower layer, or a machine with "
        "more memory"
    )


class TileBudget:
    """Chooses the tiles of every octave, and learns; dreamers share it."""

    def __init__(
        self,
        tile: Tile = "none",
        memory: int | None = None,
        device: torch.device | str = "cpu",
        tell: Tell = ignore,
    ) -> None:
        """Make one.

        Args:
            tile: the side of a tile's interior in pixels; `auto`: by the memory there is; `none`: never in tiles.
            memory: bytes that the process may have on the device; None: all that is free.
            device: where it dreams.
            tell: called with what people should know of the memory.
        """
        self._tile = tile
        self._memory = memory
        self._device = torch.device(device)
        self._planned: dict[Size, float] = {}
        self._most = math.inf  # pixels, since memory ran out
        self._tell = tell

    def tiling(
        self, octave: Size, frame: Size, constraints: TileConstraints, bytes_per_pixel: Callable[[], float]
    ) -> Tiling:
        """The tiles of an octave's picture, of a frame of a size; one, where it fits whole.

        `bytes_per_pixel` says what a gradient takes; it is called where that must be known.
        """
        if self._tile == "none":
            return plan_tiles(octave, constraints, math.inf)
        side = None if self._tile == "auto" else self._tile
        if self._tile == "auto" and frame not in self._planned:
            self._planned[frame] = self._pixels(frame, bytes_per_pixel)
            self._say_plan(plan_tiles(frame, constraints, self._planned[frame]), frame)
        return plan_tiles(octave, constraints, min(self._most, self._planned.get(frame, math.inf)), side)

    def smaller(self, tiling: Tiling, octave: Size, constraints: TileConstraints) -> Tiling | None:
        """The tiling to try after `tiling` ran out of memory: tiles of half the pixels, about. None: there is none."""
        if self._tile == "none":
            raise ResourceError(
                f"out of memory while dreaming {octave[1]}x{octave[0]} without tiles, as --tile none requires; use "
                "--tile auto, or a smaller --max-size"
            )
        side = None if self._tile == "auto" else self._tile
        halved = plan_tiles(octave, constraints, tiling.largest // 2, side)
        if halved.largest >= tiling.largest:
            return None
        if self._most == math.inf:
            self._tell(
                Notice(
                    f"out of memory while dreaming {octave[1]}x{octave[0]} {_in_tiles(tiling)}: continuing "
                    f"{_in_tiles(halved)}; set --memory to plan for this from the start"
                )
            )
        self._most = min(self._most, halved.largest)
        return halved

    def _pixels(self, frame: Size, bytes_per_pixel: Callable[[], float]) -> float:
        """The pixels that a tile may have."""
        free = available_bytes(self._device)
        if self._memory is not None:
            rest = max(0, self._memory - used_bytes(self._device))
            free = rest if free is None else min(free, rest)
        if free is None:
            return math.inf
        frames = _FRAME_COPIES[self._device.type] * 12 * frame[0] * frame[1]
        usable = max(0.0, free * _MARGIN - frames - _FIXED)
        if usable > _SURELY_ENOUGH * frame[0] * frame[1]:
            return math.inf
        return usable / (bytes_per_pixel() * _WORKSPACE)

    def _say_plan(self, tiling: Tiling, frame: Size) -> None:
        if len(tiling) > 1:
            self._tell(
                Notice(f"{frame[1]}x{frame[0]} does not fit in memory as a whole: dreaming {_in_tiles(tiling)}")
            )


def _in_tiles(tiling: Tiling) -> str:
    if len(tiling) == 1:
        return "whole"
    return f"in {len(tiling)} tiles of at most {tiling.largest / 1e6:.2g} million pixels"
