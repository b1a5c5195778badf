"""Finished frames as files, so that an encoder gets the same pixels from them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.media import FloatImage
from dreamvid.output.snapshot import write_durably


def store_frame(path: Path, frame: FloatImage, deep: bool) -> None:
    """Write a finished frame so that an encoder of 8 bits, or of 16 if `deep`, gets the same pixels from it again."""
    import cv2

    levels, kind = (65535, np.uint16) if deep else (255, np.uint8)
    pixels: npt.NDArray[Any] = (np.clip(frame, 0, 1) * np.float32(levels) + np.float32(0.5)).astype(kind)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if frame.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise MediaError(f"{path}: the frame cannot be encoded; run the same command again")
    try:
        write_durably(path.with_suffix(".png"), encoded.tobytes())
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise MediaError(f"{path}: {reason}; free up space and run the same command again") from error


def load_frame(path: Path) -> FloatImage:
    """Read what `store_frame` wrote. Raises `MediaError` where it is missing or damaged."""
    from dreamvid.media import probe, read_image

    picture = path.with_suffix(".png")
    return read_image(picture, alpha=probe(picture).has_alpha)
