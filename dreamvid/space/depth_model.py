"""What a network, or anything else, can do that says how far away things in a picture are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dreamvid.errors import SettingsError
from dreamvid.runtime.events import Progress
from dreamvid.runtime.registers import DEPTHS

PREFIX = "model:"
"""What stands before a depth model's name where a file could stand."""

Plane = npt.NDArray[np.float32]


class DepthModel(ABC):
    """A way to estimate depth from one picture.

    An instance may keep a network; it is used from one thread at a time. The same picture must give the same depth:
    otherwise an interrupted render cannot be resumed.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @abstractmethod
    def nearness(self, picture: Plane) -> Plane:
        """How near things are, (h, w) float32 in [0, 1]: 1 the nearest, 0 the farthest; of any size.

        `picture` is (H, W, 3) float32 RGB in [0, 1]. The scale is that of inverse distance, as MiDaS and its successors
        estimate it. Keep it the same from frame to frame, or the scene breathes.
        """

    @classmethod
    def fetch(cls) -> Iterator[Progress]:
        """Download what it needs; yield how far that is. Called once, before the first frame."""
        yield from ()


def find_model(text: str) -> type[DepthModel]:
    """The model of `model:NAME`. Raises `SettingsError` where there is none of that name."""
    try:
        return DEPTHS.find(text.removeprefix(PREFIX))
    except SettingsError as error:
        raise SettingsError(f"--depth: {error}") from None
