"""One telling frame of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from dreamvid.config.settings import Settings
from dreamvid.config.timecode import Timecode
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.header import holds_image
from dreamvid.images.read import fit_size
from dreamvid.media import Reader, list_sequence, open_reader, read_image
from dreamvid.runtime.events import Tell, ignore
from dreamvid.runtime.frames import Frame

_SAMPLES = 9  # frames of a clip that are looked at to choose one
_GLANCE = 160  # pixels, the longer side at which they are


@dataclass(frozen=True, eq=False)
class Still:
    """The frame a sheet is made on: (H, W, 3) in [0, 1], its number in the source, and a reader that knows the source.
    """

    source: Path
    frame: Frame
    index: int
    reader: Reader

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.frame.shape[0], self.frame.shape[1]


def find_still(
    source: Path, settings: Settings, at: Fraction | Timecode | None, side: int, tell: Tell = ignore
) -> Still:
    """Read the frame at a time, or the one that `find_frame` chooses, at the size that it is dreamed at.

    `at` is in seconds, or a timecode. The longer side of the size is `settings.max_size`, or else `side`. `tell` hears
    how the source is read. Raises `MediaError` or `SettingsError`.
    """
    if at is None:
        start, end, frames = settings.start, settings.end, settings.frames
    elif holds_image(source) and source.is_file():
        raise SettingsError(f"--at: {source} is a still picture and has no time; leave it out")
    else:
        start, end, frames = at, None, 1
    reader = open_reader(
        source,
        start=start,
        end=end,
        frames=frames,
        rate=settings.rate,
        tonemap=settings.tonemap,
        deinterlace=settings.deinterlace,
        exr_layer=settings.exr_layer,
        tell=tell,
    )
    index = find_frame(source, reader, settings, tell)
    shown = settings.size or (reader.info.width, reader.info.height)
    frame = _read(source, reader, index, fit_size(*shown, None, settings.max_size or side), settings, tell)
    return Still(source, frame, index, reader)


def find_frame(source: Path, reader: Reader, settings: Settings, tell: Tell = ignore) -> int:
    """The number of a frame that shows what a clip is like; `settings` say how it is read.

    Nine frames evenly over the clip are looked at, small; the one with the largest detail · (1 + colorfulness) wins,
    the earliest of equals. Detail is the mean length of the brightness's gradient: black, flat, faded and blurred
    frames have little. Colorfulness is Hasler & Süsstrunk's (2003). Frames that cannot be decoded are passed over,
    unless none can: then the error of the last is raised, a `MediaError`.
    """
    count = min(_SAMPLES, reader.frame_count)
    if count == 1:
        return reader.first_index
    glance = fit_size(reader.info.width, reader.info.height, None, _GLANCE)
    interests: dict[int, float] = {}
    for sample in range(count):
        index = reader.first_index + (2 * sample + 1) * reader.frame_count // (2 * count)
        try:
            interests[index] = interest(_read(source, reader, index, glance, settings, tell))
        except MediaError:
            if not interests and sample == count - 1:
                raise
    return max(interests, key=interests.__getitem__)


def interest(frame: Frame) -> float:
    """How much there is to see in a frame, (H, W, 3) in [0, 1]; see `find_frame`."""
    red, green, blue = frame[..., 0], frame[..., 1], frame[..., 2]
    dy, dx = np.gradient(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) if min(frame.shape[:2]) > 1 else (red * 0, red * 0)
    against, across = red - green, (red + green) / 2 - blue
    color = np.hypot(against.std(), across.std()) + 0.3 * np.hypot(against.mean(), across.mean())
    return float(np.hypot(dx, dy).mean() * (1 + color))


def _read(
    source: Path, reader: Reader, index: int, size: tuple[int, int], settings: Settings, tell: Tell
) -> Frame:
    """One frame of the source of `reader`, at (width, height) `size`."""
    if reader.rate is None or reader.info.kind != "video":
        path = (list_sequence(source) or [source])[index]
        return read_image(path, size=size, tonemap=settings.tonemap, exr_layer=settings.exr_layer, tell=tell)
    with open_reader(
        source,
        start=index / reader.rate,
        frames=1,
        rate=reader.rate,
        size=size,
        tonemap=settings.tonemap,
        deinterlace=settings.deinterlace,
        info=reader.info,
        tell=tell,
    ) as one:
        return next(one)
