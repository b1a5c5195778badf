"""Channels of OpenEXR files as they are stored: motion vectors, mattes and other passes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.images.exr import framed, full_name, opened, told, window_size

Plane = npt.NDArray[np.float32]


def list_channels(path: Path) -> dict[str, tuple[int, int]]:
    """The full names of a file's channels, `layer.name`, with (width, height) of the display window of each.

    Raises MediaError.
    """
    with opened(path, header_only=True) as file:
        return {
            full_name(part, channel.name, len(file.parts)): window_size(part.header["displayWindow"])
            for part in reversed(file.parts)  # of equal names the first counts
            for channel in part.header["channels"]
        }


def read_channels(path: Path, names: Sequence[str]) -> Plane:
    """Channels by their full names, (height, width, len(names)), in the display window; 0 where there are no data.

    Values are as they are stored, and may be NaN or infinite. Raises MediaError, also for a channel that is not there.
    """
    with opened(path) as file:
        planes: dict[str, Plane] = {}
        for part in file.parts:
            windows = part.header["dataWindow"], part.header["displayWindow"]
            for own, channel in part.channels.items():
                name = full_name(part, own, len(file.parts))
                if name in names and name not in planes:
                    planes[name] = framed(np.asarray(channel.pixels, np.float32)[..., None], *windows)[..., 0]
    for name in names:
        if name not in planes:
            raise MediaError(f"{path}: has no channel {name}; {told(planes)}")
    if len({plane.shape for plane in planes.values()}) > 1:
        raise MediaError(f"{path}: its channels {', '.join(names)} have different sizes; render them at one size")
    return np.stack([planes[name] for name in names], axis=-1)
