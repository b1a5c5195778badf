"""HDR without color management: PQ, HLG and linear light, in and out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dreamvid.color.path import SCENE_PEAK, ColorPath, WorkingCurve
from dreamvid.color.primaries import Chromaticities, conversion
from dreamvid.color.transfer import HLG, PQ, WHITE_NITS, Transfer
from dreamvid.images.color import ColorTags, SceneColors


class HdrPath(ColorPath):
    """From one transfer function to the same or another; what is dreamed is the working curve's rendition.

    A scene's light and a screen's are told apart: PQ is coded for a screen, HLG and linear light for a scene, and
    between PQ and HLG light goes through the display of 1000 cd/m² that BT.2100 refers to.
    """

    def __init__(
        self,
        source: Transfer,
        target: Transfer,
        source_primaries: Chromaticities,
        target_primaries: Chromaticities,
        *,
        tags: ColorTags | None,
        scene: SceneColors | None,
        brightest_nits: float | None = None,
    ) -> None:
        """`brightest_nits` is of the screen that a PQ source was made on, in cd/m²."""
        same = source_primaries == target_primaries
        ceiling = source.peak
        if isinstance(source, PQ) and brightest_nits:
            ceiling = max(1.0, brightest_nits / WHITE_NITS)
        if source.peak <= 1:  # the dream of a standard picture may use what its range has
            ceiling = float("inf")
        super().__init__(tags=tags, scene=scene, keeps_coding=type(source) is type(target) and same, ceiling=ceiling)
        self._source, self._target = source, target
        matrix = None if same else conversion(source_primaries, target_primaries)
        self._matrix = None if matrix is None else torch.from_numpy(matrix.T.astype(np.float32))
        self._curve = None if source.peak <= 1 else WorkingCurve(min(source.peak, SCENE_PEAK))
        self._through_screen = {type(source), type(target)} == {PQ, HLG}

    @property
    def description(self) -> str:
        matrix = "" if self._matrix is None else f" {self._matrix.tolist()}"
        return f"{self._source.name} to {self._target.name}{matrix}, up to {self._ceiling:g}"

    def to_light(self, stored: Tensor) -> Tensor:
        return self._source.decode(stored)

    def to_work(self, light: Tensor) -> Tensor:
        if self._curve is None:
            return self._source.encode(light).clamp(0, 1)
        return self._curve.to_work(light)

    def screen(self, work: Tensor) -> Tensor:
        return self._source.decode(work) if self._curve is None else super().screen(work)

    def to_stored(self, light: Tensor) -> Tensor:
        if self._through_screen:
            light = self._source.to_screen(light)
        if self._matrix is not None:
            light = light @ self._matrix
        if self._through_screen:
            light = self._target.from_screen(light)
        return self._target.encode(light)
