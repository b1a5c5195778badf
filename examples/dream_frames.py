"""Dream the frames of a film as they come: `python dream_frames.py clip.mp4 out/ frames=24 layer=inception4d`.

OpenCV reads and writes them; any source of frames will do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy.typing as npt

from dreamvid import Dreamer, DreamvidError


def read(clip: cv2.VideoCapture, max_size: int) -> Iterator[npt.NDArray[Any]]:
    """The frames, (H, W, 3) RGB. OpenCV has BGR."""
    while True:
        there, frame = clip.read()
        if not there:
            return
        scale = min(1.0, max_size / max(frame.shape))
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def dream(source: Path, folder: Path, frames: str = "24", max_size: str = "640", **look: str) -> None:
    """Write dreamed frames as numbered pictures, the first ones of the film. Memory does not grow with its length."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = cv2.VideoCapture(str(source))
    dreamer = Dreamer(**look)
    dreams = dreamer.dream_film(islice(read(clip, int(max_size)), int(frames)), clip.get(cv2.CAP_PROP_FPS))
    for number, frame in enumerate(dreams):
        cv2.imwrite(str(folder / f"{number:05d}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        print(f"frame {number}")


if __name__ == "__main__":
    try:
        dream(Path(sys.argv[1]), Path(sys.argv[2]), **dict(word.split("=", 1) for word in sys.argv[3:]))
    except DreamvidError as error:
        sys.exit(str(error))
