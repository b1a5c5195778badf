"""Dream a NumPy array: `python dream_array.py array.png model=efficientnet_lite0 layer=block10 side=256`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dreamvid import Dreamer, DreamvidError


def clouds(side: int) -> npt.NDArray[np.uint8]:
    """A soft gray picture, (side, side, 3)."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.sin(7 * x + 3 * y) + np.sin(5 * y - 4 * x)
    return np.repeat((128 + 25 * waves)[..., None], 3, axis=2).astype(np.uint8)


def dream(target: Path, side: str = "256", **look: str) -> None:
    """Write the dream of a picture that is in no file."""
    dreamer = Dreamer(**{"model": "efficientnet_lite0", **look}, on_event=print)
    Image.fromarray(dreamer.dream(clouds(int(side)))).save(target)


if __name__ == "__main__":
    try:
        dream(Path(sys.argv[1]), **dict(word.split("=", 1) for word in sys.argv[2:]))
    except DreamvidError as error:
        sys.exit(str(error))
