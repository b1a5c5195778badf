"""What goes along with the pictures of one call: a guide, a mask and depths, each an array or a file."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from torch import Tensor

from dreamvid.api.arrays import read_picture
from dreamvid.config.mattes import MaskFile
from dreamvid.config.settings import DreamSettings, Settings
from dreamvid.dream.pyramid import Size
from dreamvid.render.plan import FilmDepths
from dreamvid.render.side_input import (
    AnySideInput,
    depth_in_memory,
    depth_model,
    guide_in_memory,
    mask_in_memory,
    open_film_depth,
    open_guide,
    open_mask,
)
from dreamvid.runtime.events import Tell, run_to_end
from dreamvid.space.depth import DepthSource

SideArray = npt.NDArray[Any] | Tensor | Path | str
"""A mask, a guide or depths: a picture, or the file of a picture or film."""


@dataclass(frozen=True, eq=False)
class Sides:
    """What one call was given. What is opened is closed by `closing`; all methods raise `SettingsError` or
    `MediaError`."""

    guide: SideArray | None = None
    mask: SideArray | None = None
    depth: SideArray | None = None

    def open_guide(self, settings: DreamSettings, closing: ExitStack) -> AnySideInput | None:
        """The guide, brought to its size."""
        guide = self.guide
        if guide is None or isinstance(guide, (str, Path)):
            return open_guide(settings.replace(guide=None if guide is None else Path(guide)), closing)
        return guide_in_memory(read_picture(guide, "the guide"), settings)

    def open_mask(self, size: Size, closing: ExitStack) -> AnySideInput | None:
        """The mask for pictures of `size`."""
        (height, width), mask = size, self.mask
        if mask is None or isinstance(mask, (str, Path)):
            return open_mask(None if mask is None else MaskFile(Path(mask)), (width, height), (width, height), closing)
        return mask_in_memory(read_picture(mask, "the mask"), width, height)

    def open_depth(
        self, settings: Settings, size: Size, closing: ExitStack, device: str, tell: Tell
    ) -> FilmDepths | None:
        """The depths of pictures of `size`: this call's, or else those of the settings."""
        shape = size[1], size[0]
        if isinstance(self.depth, (str, Path)):
            settings = settings.replace(depth=str(self.depth))
            if (model := depth_model(settings)) is not None:
                run_to_end(model.fetch(), tell)
        return open_film_depth(settings, shape, shape, closing, device, known=self.known_depth(settings, size))

    def known_depth(self, settings: DreamSettings, size: Size) -> DepthSource | None:
        """The depths of pictures of `size`, where they are an array."""
        if self.depth is None or isinstance(self.depth, (str, Path)):
            return None
        return depth_in_memory(read_picture(self.depth, "the depth"), settings, size[1], size[0])
