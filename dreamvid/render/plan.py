"""What each frame is dreamed with: the dreamer, how it is carried, its guide and its mask."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from dreamvid.dream import Dreamer
from dreamvid.render.companion import Companion
from dreamvid.render.frames import to_tensor
from dreamvid.settings import Settings

_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


@dataclass(frozen=True)
class FramePlan:
    """How one frame is dreamed and carried.

    Attributes:
        dreamer: with the look and the guide of this frame.
        strength: of a still, or what a film may settle at; 1 is the dreamer's nominal energy.
        blend: how much of the carried residual enters, 0 to 1.
        warm_iterations: per octave, coarse to fine, where a residual was carried.
        mask: (1, 1, H, W) in [0, 1] on the dreamer's device, or None: where the dream may be seen.
    """

    dreamer: Dreamer
    strength: float = 1.0
    blend: float = 0.95
    warm_iterations: tuple[int, ...] = (2, 2, 1, 1)
    mask: Tensor | None = None


class Planner:
    """Makes the plan of each frame; times must not fall."""

    def __init__(
        self, dreamer: Dreamer, settings: Settings, *, guide: Companion | None = None, mask: Companion | None = None
    ) -> None:
        self._dreamer = dreamer
        self._settings = settings
        self._guide = guide
        self._mask = mask
        self._shown_mask: Tensor | None = None

    def at(self, seconds: Fraction) -> FramePlan:
        """The plan of the frame at a time of the source, in seconds from its beginning."""
        if self._guide is not None:
            picture = self._guide.at(seconds)
            if picture is not None:
                self._dreamer = self._dreamer.guided_by(to_tensor(picture, self._dreamer.device))
        if self._mask is not None:
            picture = self._mask.at(seconds)
            if picture is not None:
                self._shown_mask = _luma(to_tensor(picture, self._dreamer.device))
        settings = self._settings
        return FramePlan(
            self._dreamer, settings.strength, settings.blend, settings.warm_iterations, self._shown_mask
        )


def _luma(picture: Tensor) -> Tensor:
    """(1, 3, H, W) to (1, 1, H, W). Two levels from black is black, and from white white: masks get compressed."""
    luma = (picture * picture.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    margin = 2 / 255
    return ((luma - margin) / (1 - 2 * margin)).clamp(0, 1)
