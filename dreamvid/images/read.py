"""Still images: their pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.images.color import FloatImage
from dreamvid.images.content import image_format
from dreamvid.images.header import DAMAGED, ImageHeader, not_an_image, open_quietly, read_header
from dreamvid.images.profile import apply_gray, to_rgb
from dreamvid.runtime.events import Notice, Tell, ignore

# What is wrong with a file is said by an exception, in one line.
# (Where the function is depends on the version; 0 is silence.)
(cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2).setLogLevel(0)


def read_image(
    path: Path | str,
    *,
    size: tuple[int, int] | None = None,
    max_size: int | None = None,
    alpha: bool = False,
    tonemap: str | None = None,
    exr_layer: str | None = None,
    as_stored: bool = False,
    tell: Tell = ignore,
) -> FloatImage:
    """Read a still image as float32 RGB in [0, 1], shape (height, width, 3), C-contiguous.

    Its content says what it is, not its name. Gray, CMYK, Lab and palette images become RGB, by their color profile
    if it is of such a space; 16 bits are kept, EXIF orientation is applied. With `alpha` there is a fourth
    channel, 1 where the image has none; colors are not multiplied by it. Without it is dropped. The light of an EXR
    becomes sRGB; what is brighter than display white is cut off, with a line to `tell`, or brought into range by the
    tone curve `tonemap`; with `as_stored` floating point, of an EXR or a TIFF, is taken as it is, of any brightness,
    NaN being 0. `exr_layer` names a layer of an EXR, or a channel, see `read_exr`. `size` is the exact (width, height)
    to resample to; `max_size` limits the longer side in pixels and only shrinks. Raises MediaError if there is no such
    file or it cannot be decoded.
    """
    path = Path(path)
    header = read_header(path, exr_layer)
    kind = image_format(path)
    if kind == "exr":
        from dreamvid.images.exr import read_exr, read_exr_light

        if as_stored:
            image, notice = read_exr_light(path, exr_layer), None
        else:
            image, notice = read_exr(path, tonemap, exr_layer)
        if notice is not None:
            tell(Notice(notice))
    elif kind == "tiff":
        from dreamvid.images.tiff import read_tiff

        image = read_tiff(path)
    else:
        image = _decode(path, header)
        if header.hdr_transfer is not None and not as_stored:
            tell(
                Notice(f"{path}: is an HDR image ({header.hdr_transfer}) and looks flat; export it as SDR, or as EXR")
            )
    image = _oriented(image, header.orientation)
    height, width, channels = image.shape
    if not alpha:
        image = image[..., :3]
    elif channels == 3:
        image = np.concatenate([image, np.ones((height, width, 1), np.float32)], axis=-1)
    work_size = fit_size(width, height, size, max_size)
    if as_stored:
        return resize_light(np.ascontiguousarray(np.nan_to_num(image, nan=0.0), np.float32), *work_size)
    # Comparing cuts off what is no number, too.
    image = np.ascontiguousarray(np.clip(np.nan_to_num(image, nan=0.0), 0, 1), np.float32)
    return resize_image(image, *work_size)


def _decode(path: Path, header: ImageHeader) -> FloatImage:
    """The pixels as stored, with a fourth channel if there is alpha."""
    try:
        with open_quietly(path) as image:
            profile = image.info.get("icc_profile")
            if header.bit_depth > 8 and image.format == "HEIF":
                return _decode_deep_heif(path, image.info["bit_depth"])
            if header.bit_depth == 8:
                pixels: Any = np.asarray(to_rgb(image, "RGBA" if header.has_alpha else "RGB"))
                return apply_gray(_scaled(pixels, 255), profile)
            image.verify()  # the checksums of a PNG: OpenCV's library complains of them on standard error
        how = cv2.IMREAD_UNCHANGED if header.has_alpha else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        pixels = cv2.imdecode(np.fromfile(path, dtype=np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    except (cv2.error, *DAMAGED) as error:
        raise not_an_image(path) from error
    if pixels is None:
        raise not_an_image(path)
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return apply_gray(_scaled(rgb, 255 if rgb.dtype == np.uint8 else 65535), profile)


def _decode_deep_heif(path: Path, depth: int) -> FloatImage:
    """The pixels of a HEIF of more than 8 bits, which are the upper ones of 16."""
    import pillow_heif

    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)  # in whose memory the array lies
    pixels = np.asarray(file)
    if pixels.ndim == 2:
        pixels = pixels[..., None].repeat(3, axis=-1)
    return _scaled(pixels, (2**depth - 1) << (16 - depth))


def _scaled(pixels: npt.NDArray[Any], levels: int) -> FloatImage:
    image: FloatImage = np.divide(pixels, np.float32(levels), dtype=np.float32)
    return image


def _oriented(image: FloatImage, orientation: int) -> FloatImage:
    """Turn what is stored as EXIF says that it is to be shown."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def fit_size(
    width: int, height: int, size: tuple[int, int] | None, max_size: int | None
) -> tuple[int, int]:
    """Return the (width, height) to work at: `size` as it is, or shrunk to a longer side of `max_size`."""
    if size is not None and max_size is not None:
        raise ValueError("give either size or max_size, not both")
    if min(size or (1,)) < 1 or (max_size is not None and max_size < 1):
        raise ValueError(f"a size must be at least one pixel: size={size}, max_size={max_size}")
    if size is not None:
        return size
    longest = max(width, height)
    if max_size is None or longest <= max_size:
        return width, height
    return max(1, round(width * max_size / longest)), max(1, round(height * max_size / longest))


def resize_image(image: FloatImage, width: int, height: int) -> FloatImage:
    """Resample (H, W, 3 or 4) to the given size: pixel areas when it shrinks, bicubic when it grows.

    Where there is alpha, what cannot be seen does not color what can.
    """
    method = _method(image, width, height)

    def resized(pixels: FloatImage) -> FloatImage:
        made = np.asarray(cv2.resize(pixels, (width, height), interpolation=method), dtype=np.float32)
        return np.clip(made, 0, 1, out=made)

    mixed = _resize(image, width, height, resized)
    return np.concatenate([np.clip(mixed[..., :3], 0, 1), mixed[..., 3:]], axis=-1) if image.shape[2] == 4 else mixed


def resize_light(image: FloatImage, width: int, height: int) -> FloatImage:
    """The same for values of any size, such as light: bicubic does not overshoot what is around."""
    method = _method(image, width, height)

    def resized(pixels: FloatImage) -> FloatImage:
        made = np.asarray(cv2.resize(pixels, (width, height), interpolation=method), dtype=np.float32)
        if method == cv2.INTER_AREA:
            return made
        around = np.ones((3, 3), np.uint8)
        least, most = (
            np.asarray(cv2.resize(reach(pixels, around), (width, height), interpolation=cv2.INTER_NEAREST))
            for reach in (cv2.erode, cv2.dilate)
        )
        return np.clip(made, least, most, out=made)

    return _resize(image, width, height, resized)


def _method(image: FloatImage, width: int, height: int) -> int:
    return cv2.INTER_AREA if width * height < image.shape[0] * image.shape[1] else cv2.INTER_CUBIC


def _resize(image: FloatImage, width: int, height: int, resized: Callable[[FloatImage], FloatImage]) -> FloatImage:
    """Resample to a size; where there is alpha, as visible."""
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] == 3:
        return resized(image)
    colors, alpha = np.ascontiguousarray(image[..., :3]), image[..., 3:]
    plain, visible = resized(colors), resized(colors * alpha)
    covered = resized(np.ascontiguousarray(alpha))[..., None]
    mixed = np.divide(visible, covered, out=plain, where=covered > 1e-4)
    return np.concatenate([mixed, covered], axis=-1)


def quantize(image: FloatImage, bit_depth: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return [0, 1] as 8 or 16 bit integers: clipped, then rounded half up. Shape is kept."""
    levels = np.clip(image, 0, 1) * np.float32(2**bit_depth - 1) + np.float32(0.5)
    return levels.astype(np.uint8) if bit_depth == 8 else levels.astype(np.uint16)
