"""A picture or video that goes along with the film: a guide, a mask or depths."""

from __future__ import annotations

import math
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from dreamvid.config.mattes import MaskFile
from dreamvid.config.settings import DreamSettings, Settings, key_of
from dreamvid.config.vectors import FlowFile
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.content import image_format
from dreamvid.images.read import fit_size, resize_image
from dreamvid.media import AS_CODED, ChooseColors, ClipInfo, Reader, list_sequence, open_reader
from dreamvid.motion.vectors import VectorFiles, open_vectors
from dreamvid.runtime.events import Tell, ignore
from dreamvid.runtime.frames import Frame
from dreamvid.space.depth import DepthScale, DepthSource, ExrDepth, ModeledDepth, PictureDepth
from dreamvid.space.depth_model import PREFIX, DepthModel, find_model

FLAT, TUNNEL = "plane", "tunnel"
SHAPES = (FLAT, TUNNEL)
"""Of `--depth` what is no file: the scenes of a zoom."""

_SHAPE_TOLERANCE = 0.02  # of the aspect ratio
_NEARLY_BLACK = 3 / 255
_ALPHA, _EXR = "A", "EXR"


class AnySideInput(Protocol):
    """A picture (`rate` None) or film that is asked for by the main film's time."""

    @property
    def rate(self) -> Fraction | None: ...

    def at(self, seconds: Fraction) -> Frame | None:
        """The frame shown at a time from the beginning; None where it is still the one that was given last."""


class StillInput:
    """A picture in memory."""

    rate: Fraction | None = None

    def __init__(self, picture: Frame) -> None:
        self._picture: Frame | None = picture

    def at(self, seconds: Fraction) -> Frame | None:  # noqa: ARG002 - it is the same at all times
        """The picture, when it is asked for the first time."""
        picture, self._picture = self._picture, None
        return picture


class SideInput:
    """A still, or a film of its own rate, asked for by the main film's time; one frame is in memory at a time.

    A context manager.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] | None = None,
        max_size: int | None = None,
        loop: bool = False,
        tonemap: str | None = None,
        deinterlace: bool = False,
        channel: str = "",
        colors: ChooseColors | None = None,
        tell: Tell = ignore,
    ) -> None:
        """Open `path` as `open_reader` does, at an exact (width, height) or shrunk to a longer side of `max_size`.

        Of an EXR, `channel` is the layer or channel to read; `A` is the alpha of any source, as a gray picture. After
        its last frame a film begins again, with `loop`, or stays there. `colors` chooses the way of its colors. Raises
        `MediaError` where it is missing or unreadable, or has no such channel.
        """
        self.path = path
        self._size = size
        self._max_size = max_size
        self._loop = loop
        self._tonemap = tonemap
        self._deinterlace = deinterlace
        self._channel = channel
        self._info: ClipInfo | None = None
        self._colors = colors
        self._tell = tell
        self._reader = self._open(None)
        way = self._reader.colors
        self._colors = None if way is None else lambda _: way
        self._tell = ignore  # it is opened again and again
        self.width, self.height = self._reader.width, self._reader.height
        self.rate = self._reader.rate
        self.info = self._info = self._reader.info
        if channel and not self._reader.alpha and self.info.pixel_format != _EXR:
            what = "no transparency" if channel == _ALPHA else f"no channel {channel}; only EXR files name theirs"
            raise MediaError(f"{path}: has {what}")
        self._length = self._reader.frame_count
        self._entered = False
        self._index: int | None = None  # of the frame that was given last

    def __enter__(self) -> SideInput:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def at(self, seconds: Fraction) -> Frame | None:
        """The frame shown at a time from the beginning; None where it is still the one that was given last."""
        wanted = 0 if self.rate is None else math.floor(seconds * self.rate)
        wanted = wanted % self._length if self._loop else min(wanted, self._length - 1)
        if wanted == self._index:
            return None
        if not self._entered or self._index is None or wanted < self._index:
            self._reopen(wanted)
        frame: Frame | None = None
        while self._index is None or self._index < wanted:
            following = self._next()
            if following is None:  # cut short: its last frame stays, or it begins again
                self._length = (self._index or 0) + 1
                return frame
            frame = following if self._colors is None else np.ascontiguousarray(following[..., :3])
            self._index = wanted if self._index is None else self._index + 1
        return frame

    def first_picture(self) -> Frame:
        """The whole picture, or the first one, at its own size. Raises `MediaError`."""
        with self._open(None, full_size=True) as reader:
            return self._chosen(next(reader))

    def _next(self) -> Frame | None:
        frame = next(self._reader, None)
        return None if frame is None else self._chosen(frame)

    def _chosen(self, frame: Frame) -> Frame:
        if not self._reader.alpha:
            return frame
        return np.ascontiguousarray(frame[..., 3:].repeat(3, axis=-1))

    def _open(self, start: Fraction | None, *, full_size: bool = False) -> Reader:
        return open_reader(
            self.path,
            size=None if full_size else self._size,
            max_size=None if full_size else self._max_size,
            start=start,
            tonemap=self._tonemap,
            deinterlace=self._deinterlace,
            alpha=self._channel == _ALPHA,
            exr_layer=self._channel or None,
            colors=self._colors,
            info=self._info,
            tell=self._tell,
        )

    def _reopen(self, index: int) -> None:
        self._reader.close()
        self._reader = self._open(None if self.rate is None else index / self.rate)
        self._reader.start()
        self._entered = True
        self._index = None


def open_guide(
    settings: DreamSettings, closing: ExitStack, colors: ChooseColors | None = None
) -> SideInput | None:
    """The guide, where there is one; it is closed by `closing`. `colors` chooses the way of its colors, where that is
    not the usual one. Raises `MediaError`."""
    if settings.guide is None:
        return None
    return closing.enter_context(
        SideInput(settings.guide, max_size=settings.guide_size, loop=True, tonemap=settings.tonemap, colors=colors)
    )


def open_mask(
    chosen: MaskFile | None, size: tuple[int, int], shape: tuple[int, int], closing: ExitStack
) -> SideInput | None:
    """The mask, checked, where there is one; it is closed by `closing`.

    It is brought to (width, height) `size`; `shape` is that of what it masks. A mask says how much to dream where: no
    tone curve that brings light into range changes it. Raises `SettingsError` or `MediaError`.
    """
    if chosen is None:
        return None
    mask = closing.enter_context(SideInput(chosen.path, size=size, tonemap=AS_CODED, channel=chosen.channel))
    check_mask(mask, *shape)
    return mask


def check_mask(mask: SideInput, width: int, height: int) -> None:
    """Raise `SettingsError` for a mask of another shape than the film's, or a picture that is black everywhere."""
    _check_shape(mask.path, (mask.info.width, mask.info.height), (width, height))
    if mask.rate is None:
        _check_light(mask.path, mask.first_picture())


def open_depth(
    settings: DreamSettings, size: tuple[int, int], shape: tuple[int, int], closing: ExitStack, *, loop: bool = False
) -> DepthSource | None:
    """The depths, checked, where there are some; they are closed by `closing`.

    They are brought to (width, height) `size`, of whose shape they are, or of the source's, `shape`. After its last
    frame a film begins again, with `loop`, or stays there. Raises `SettingsError` or `MediaError`.
    """
    scale = depth_scale(settings)
    if settings.depth is None:
        return None
    path, lines = Path(settings.depth), (size[1], size[0])
    files = list_sequence(path) or [path]
    if files[0].is_file() and image_format(files[0]) == "exr":
        if settings.follows_depth is not None and None in (scale.near, scale.far):
            raise SettingsError(
                f"--depth: {path} contains distances; say with --near and --far between which depth goes from 0 to 1"
            )
        distances = ExrDepth(files, scale, lines, loop=loop)
        _check_shape(path, distances.shape[::-1], _closer(distances.shape[::-1], size, shape), "depth", "depths")
        return distances
    pictures = closing.enter_context(SideInput(path, loop=loop, tonemap=AS_CODED))
    given = pictures.info.width, pictures.info.height
    _check_shape(path, given, _closer(given, size, shape), "depth", "depths")
    return PictureDepth(pictures, scale, lines)


def open_film_depth(
    settings: DreamSettings,
    size: tuple[int, int],
    shape: tuple[int, int],
    closing: ExitStack,
    device: str,
    *,
    known: DepthSource | None = None,
) -> DepthSource | ModeledDepth | None:
    """The depths that expressions of a film depend on, as `open_depth` opens them, or estimated by a model on `device`.

    `known` are depths in memory, which take their place. Raises `SettingsError` or `MediaError`.
    """
    check_depth(settings, known)
    if known is not None:
        return known
    if settings.depth is None:
        return None
    if (model := depth_model(settings)) is not None:
        return ModeledDepth(model, device)
    if settings.depth in SHAPES:
        raise SettingsError(f"--depth: {settings.depth} is for zooms; a film takes pictures of depths, or a model")
    return open_depth(settings, size, shape, closing)


def open_film_vectors(settings: Settings, reader: Reader) -> VectorFiles | None:
    """The motion vectors of what `reader` reads, checked, where the settings name files of them.

    Raises `SettingsError` or `MediaError`.
    """
    if not isinstance(settings.flow, FlowFile):
        return None
    is_sequence = reader.info.kind == "sequence"
    if reader.rate is None:
        raise SettingsError("--flow: a still picture does not move; leave out the motion vectors")
    if settings.rate is not None and not is_sequence:
        raise SettingsError("--flow: motion vectors belong to the clip's own frames; leave out --rate")
    frames = range(reader.first_index, reader.first_index + reader.frame_count)
    size = reader.width, reader.height
    vectors = open_vectors(settings.flow, reader.info.first_number if is_sequence else None, frames, size)
    shape = reader.info.width, reader.info.height
    _check_shape(vectors.path, vectors.shape, _closer(vectors.shape, size, shape), "flow", "motion vectors")
    return vectors


def check_depth(settings: DreamSettings, known: DepthSource | None = None) -> None:
    """Raise `SettingsError` where an expression depends on depth and there is none, or no expression of a film does;
    `known` are depths in memory."""
    asking = settings.follows_depth
    if asking is not None and known is None and settings.depth in (None, FLAT):
        raise SettingsError(
            f"--{key_of(asking)}: depends on depth, but none is known; give pictures of depths with --depth FILE"
        )
    if asking is None and isinstance(settings, Settings) and (known is not None or settings.depth is not None):
        raise SettingsError('--depth: no setting depends on it; use it in an expression, as in --strength "1 - depth"')


def depth_model(settings: DreamSettings) -> type[DepthModel] | None:
    """The depth model that the settings name, if they do. Raises `SettingsError` where there is none of that name."""
    text = "" if settings.depth is None else str(settings.depth)
    return find_model(text) if text.startswith(PREFIX) else None


def depth_scale(settings: DreamSettings) -> DepthScale:
    """What depths mean. Raises `SettingsError`."""
    scale = DepthScale(settings.near, settings.far, settings.depth_white == "far")
    if scale.nearest >= scale.farthest:
        raise SettingsError(f"--near: {scale.nearest:g} is not nearer than --far, {scale.farthest:g}; swap them")
    return scale


def guide_in_memory(picture: Frame, settings: DreamSettings) -> StillInput:
    """A guide that is no file, (H, W, 3), brought to its size as `open_guide` does."""
    height, width = picture.shape[:2]
    return StillInput(resize_image(picture, *fit_size(width, height, None, settings.guide_size)))


def mask_in_memory(picture: Frame, width: int, height: int) -> StillInput:
    """A mask that is no file, (H, W, 3), checked and brought to the size of what it masks, as `open_mask` does.

    Raises `SettingsError`.
    """
    _check_shape("the array", (picture.shape[1], picture.shape[0]), (width, height))
    _check_light("the array", picture)
    return StillInput(resize_image(picture, width, height))


def depth_in_memory(picture: Frame, settings: DreamSettings, width: int, height: int) -> DepthSource:
    """Depths that are no file, (H, W, 3) in [0, 1], white near, checked and brought to the size of what they belong to.

    Raises `SettingsError`.
    """
    _check_shape("the array", (picture.shape[1], picture.shape[0]), (width, height), "depth", "depths")
    return PictureDepth(StillInput(picture), depth_scale(settings), (height, width))


def _closer(given: tuple[int, int], *shapes: tuple[int, int]) -> tuple[int, int]:
    """The shape with the aspect ratio that is closer to what is given."""
    return min(shapes, key=lambda shape: abs(math.log(given[0] * shape[1] / (given[1] * shape[0]))))


def _check_shape(
    what: object, shape: tuple[int, int], needed: tuple[int, int], name: str = "mask", noun: str = "a mask"
) -> None:
    if abs(shape[0] * needed[1] / (shape[1] * needed[0]) - 1) > _SHAPE_TOLERANCE:
        raise SettingsError(
            f"--{name}: {what} is {shape[0]}x{shape[1]}, the source {needed[0]}x{needed[1]}; give {noun} with the "
            "same aspect ratio"
        )


def _check_light(what: object, mask: Frame) -> None:
    if float(mask.max()) < _NEARLY_BLACK:
        raise SettingsError(
            f"--mask: {what} is completely black, so nothing would be dreamed; make the areas to dream white"
        )
