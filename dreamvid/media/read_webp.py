"""Animated WebP, read through Pillow: not every ffmpeg knows the format."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage
from dreamvid.images.header import DAMAGED, open_quietly
from dreamvid.media.packets import STANDARD_RATES, Timing

_NO_DELAY = 100  # ms: what browsers make of a frame without a duration
_MS = Fraction(1, 1000)
_CHUNK, _FRAME = 8, b"ANMF"
_FRAME_DURATION = slice(12, 15)  # within the frame's chunk
_LONGEST_CHUNKS = 10**6


def webp_timing(path: Path) -> Timing:
    """When the frames of an animated WebP are due, by its list of chunks. Raises MediaError."""
    delays = []
    with path.open("rb") as file:
        at = 12
        for _ in range(_LONGEST_CHUNKS):
            file.seek(at)
            head = file.read(_CHUNK)
            if len(head) < _CHUNK:
                break
            if head[:4] == _FRAME:
                body = file.read(_FRAME_DURATION.stop)
                delays.append(int.from_bytes(body[_FRAME_DURATION], "little") or _NO_DELAY)
            size = int.from_bytes(head[4:], "little")
            at += _CHUNK + size + size % 2
    if not delays:
        raise MediaError(f"{path}: the animation contains no frames; copy or export it again")
    ticks = np.concatenate([[0], np.cumsum(delays[:-1], dtype=np.int64)])
    return Timing(ticks.astype(np.int64), _MS, delays[-1], sure=True)


def likely_rates(timing: Timing) -> list[Fraction]:
    """The rates that an animation may have been made at: standard ones, if milliseconds are all that they differ by,
    the closest first; then as many frames a second as it has."""
    count, length = len(timing.ticks), timing.duration
    near = [rate for rate in STANDARD_RATES if abs(count / rate - length) <= _MS]
    return [*sorted(near, key=lambda rate: abs(count / rate - length)), (count / length).limit_denominator(1001)]


def read_webp(path: Path, numbers: Iterator[int], *, alpha: bool) -> Iterator[FloatImage]:
    """The frames with these `numbers`, which do not fall; one may come several times. Raises MediaError.

    Frames build on those before them, so all up to the last are decoded.
    """
    shown, frame = -1, None
    try:
        with open_quietly(path) as image:
            for number in numbers:
                while shown < number:
                    shown += 1
                    image.seek(shown)
                    image.load()
                    frame = None
                if frame is None:
                    frame = _pixels(image, alpha=alpha)
                yield frame.copy()
    except DAMAGED as error:
        raise MediaError(f"{path}: damaged after {max(0, shown)} frames; copy or export it again") from error


def _pixels(image: Image.Image, *, alpha: bool) -> FloatImage:
    return np.asarray(image.convert("RGBA" if alpha else "RGB"), np.float32) / np.float32(255)
