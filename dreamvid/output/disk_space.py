"""Whether there is room on the disk for what is about to be rendered."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.media.codecs import animation_codec, pieces_codec, video_codec
from dreamvid.media.target import output_pattern
from dreamvid.output.recorder import OPEN_SEGMENT_BYTES

# Bytes a pixel of dreamed pictures. Other films, and other pictures, take a third to three times as much.
_BYTES_PER_PIXEL_OF_PICTURES = {".png": 2.0, ".tif": 3.0, ".tiff": 3.0, ".bmp": 3.0, ".exr": 4.0}
_OTHER_PICTURES = 0.4
_LEAST_SHARE = 1 / 3
_COPIES = 2  # of a film at its end: the segments, and what they are joined to


def check_disk_space(
    target: Path, codec: str, frames: int, width: int, height: int, scratch: int = 0
) -> str | None:
    """Look whether `frames` frames have room beside `target`, and `scratch` bytes besides; return a line of warning
    where they may not.

    Raises `MediaError` where they cannot.
    """
    if output_pattern(target) is not None:
        each = _BYTES_PER_PIXEL_OF_PICTURES.get(target.suffix.lower(), _OTHER_PICTURES)
        needed = each * width * height * frames
        least = needed * _LEAST_SHARE
    else:
        open_segment = min(OPEN_SEGMENT_BYTES, 3 * width * height * frames)
        chosen = video_codec(codec)
        each = 1.0 if chosen is None else chosen.bytes_per_pixel
        moving = animation_codec(target)
        copies = _COPIES * each if moving is None else moving.bytes_per_pixel + pieces_codec(moving).bytes_per_pixel
        film = copies * width * height * frames
        needed, least = film + open_segment, film * _LEAST_SHARE
    needed, least = needed + scratch, least + scratch
    folder = next(path for path in target.absolute().parents if path.is_dir())
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return None
    about = f"{target}: needs about {_giga(needed)}, but only {_giga(free)} are free in {folder}"
    if free < least:
        raise MediaError(f"{about}; free up space, choose another location with -o, or use a smaller --max-size")
    return f"{about}: if the disk fills up, the render stops and can be resumed once there is space"


def _giga(count: float) -> str:
    return f"{math.ceil(count / 1e7) / 100:.2f} GB"
