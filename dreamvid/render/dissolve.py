"""What is dreamed while one picture turns into another: the dream of each, mixed as the pictures are.

In a dissolve flow means nothing. So the old dream goes on as its picture moved before, the new one comes as its picture
moves after, each moved by one resampling from where it was last, and nothing new is dreamed. The new one is that of
the first frame in which its picture is alone, which is read ahead; with that frame it is carried on. So neither dream
is cut, and neither is left behind in the other's picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from dreamvid.motion import warp_backward
from dreamvid.motion.dissolves import Dissolve
from dreamvid.motion.drift import Matrix
from dreamvid.motion.motion_stage import DissolveFrame
from dreamvid.render.carry import Carry
from dreamvid.runtime.frames import Frame

_COMING = "coming "


class Crossing:
    """The way through one dissolve, from the dream of the old picture to that of the new one."""

    def __init__(self, left: int, coming: Carry) -> None:
        """`left` is the number of the frame that the old dream was carried to; `coming` begins with the new one."""
        self._left, self.coming = left, coming

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> Crossing | None:
        """What `state` and `numbers` tell, if there was one."""
        if "left" not in numbers:
            return None
        coming = Carry()
        state = {name.removeprefix(_COMING): tensor for name, tensor in tensors.items() if name.startswith(_COMING)}
        coming.restore(state, 1)
        return cls(numbers["left"], coming)

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs besides `numbers`."""
        return {f"{_COMING}{name}": tensor for name, tensor in self.coming.state().items()}

    def numbers(self) -> dict[str, int]:
        """What `restore` needs besides `state`."""
        return {"left": self._left}

    def residual(self, old: Tensor, dissolve: Dissolve, index: int) -> Tensor:
        """What is shown on frame `index`; `old` is the residual of the frame that was left."""
        new = self.coming.shown
        height, width = old.shape[-2:]
        begun = dissolve.share(self._left)  # above 0 where a part of a film begins within the dissolve
        share = (dissolve.share(index) - begun) / (1 - begun)
        left = move_residual(old, dissolve.leaving.matrix(index - self._left, width, height))
        come = move_residual(new, dissolve.coming.matrix(index - dissolve.arrived, width, height))
        return torch.lerp(left, come, share)


def move_residual(residual: Tensor, matrix: Matrix) -> Tensor:
    """A residual, (1, 3, H, W), where `matrix` leads from each pixel to its place in it; nothing comes from outside."""
    height, width = residual.shape[-2:]
    place = torch.from_numpy(matrix)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    there_x = place[0, 0] * x + place[0, 1] * y + place[0, 2]
    there_y = place[1, 0] * x + place[1, 1] * y + place[1, 2]
    flow = torch.stack([there_x - x, there_y - y])[None].float().to(residual.device)
    inside = (there_x >= -0.5) & (there_x <= width - 0.5) & (there_y >= -0.5) & (there_y <= height - 0.5)
    return warp_backward(residual, flow) * inside.to(residual)


class FilmDissolves:
    """The dissolves of a film, each frame with the picture that it turns into; that is read when it is first needed."""

    def __init__(self, dissolve_at: Callable[[int], Dissolve | None], picture: Callable[[int], Frame | None]) -> None:
        """`picture` gives a frame of the source by its number; None where it cannot be read."""
        self._dissolve_at, self._picture = dissolve_at, picture
        self._last: tuple[Dissolve, Frame | None] | None = None

    def at(self, index: int) -> DissolveFrame | None:
        """What a frame is in a dissolve, if it is in one; asked for in order."""
        dissolve = self._dissolve_at(index)
        if dissolve is None:
            return None
        if self._last is None or self._last[0] is not dissolve:
            self._last = dissolve, self._picture(dissolve.arrived)
        picture = self._last[1]
        return None if picture is None else DissolveFrame(dissolve, index, picture)
