"""TIFF images, in all the depths and with the alpha that the other decoders lose."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFileError, TiffPage, imwrite

from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage
from dreamvid.images.header import not_an_image, open_quietly
from dreamvid.images.profile import apply_gray, to_rgb

# What is wrong with a file is said by an exception, in one line.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_ORIENTATION, _ICC_PROFILE = "Orientation", "InterColorProfile"
_PREMULTIPLIED = 1  # of the values of ExtraSamples; 2 is plain alpha, 0 no alpha but often meant as such


def read_tiff_header(path: Path) -> tuple[int, int, int, bool, int, int]:
    """Width and height as stored, bits of a component, whether there is alpha, EXIF orientation, and how many pages of
    this size there are. Raises MediaError.
    """
    with _opened(path) as page:
        orientation = page.tags.get(_ORIENTATION)
        turned = int(orientation.value) if orientation is not None else 1
        width, height, depth = int(page.imagewidth), int(page.imagelength), int(page.bitspersample)
        pages = [other for other in page.parent.pages if isinstance(other, TiffPage)]
        # Smaller ones are previews, others masks.
        alike = sum(other.shape[:2] == page.shape[:2] and not other.subfiletype for other in pages)
        return width, height, depth, _has_alpha(page), turned, max(1, alike)


def read_tiff(path: Path) -> FloatImage:
    """The pixels as stored: float32, (height, width, 3), or 4 with alpha, which is not premultiplied.

    Integers are scaled to [0, 1]; floating point is taken as it is. Raises MediaError.
    """
    with _opened(path) as page:
        try:
            pixels = page.asarray()
        except (NotImplementedError, ValueError):  # a compression, or a subsampling, that only the others know
            return _read_compressed(path, page)
        kinds = PHOTOMETRIC.RGB, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.PALETTE
        if page.photometric not in kinds or pixels.ndim not in (2, 3):
            return _read_compressed(path, page)
        if page.planarconfig == 2 and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == PHOTOMETRIC.PALETTE:
            colors = np.asarray(page.colormap).T.astype(np.float32) / 65535
            return np.ascontiguousarray(colors[np.minimum(pixels, len(colors) - 1)], np.float32)
        levels = 1 if pixels.dtype.kind == "f" else 2**page.bitspersample - 1
        image = np.divide(pixels, np.float32(levels), dtype=np.float32)
        if page.photometric == PHOTOMETRIC.MINISWHITE:
            image = 1 - image
        profile = page.tags.get(_ICC_PROFILE)
        return apply_gray(_as_rgb(image, page), None if profile is None else bytes(profile.value))


def write_tiff(
    path: Path,
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    *,
    metadata: Mapping[str, str],
    icc_profile: bytes | None,
) -> None:
    """Write RGB or RGBA, (height, width, 3 or 4), with `metadata` as JSON in the description. Raises OSError."""
    imwrite(
        path,
        pixels,
        photometric="rgb",
        extrasamples=("unassalpha",) if pixels.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        description=json.dumps(dict(metadata)) if metadata else None,
        metadata=None,
        iccprofile=icc_profile,
        software=False,
    )


def read_tiff_tags(path: Path) -> tuple[str, bytes | None]:
    """The description, and the color profile. Raises MediaError."""
    with _opened(path) as page:
        profile = page.tags.get(_ICC_PROFILE)
        return page.description, None if profile is None else bytes(profile.value)


@contextmanager
def _opened(path: Path) -> Iterator[TiffPage]:
    try:
        with TiffFile(path) as file:
            page = file.pages.first
            if not isinstance(page, TiffPage):
                raise TiffFileError("no page")
            yield page
    except MediaError:
        raise
    except Exception as error:  # what a damaged file runs the library into is of no certain kind
        raise not_an_image(path) from error


def _has_alpha(page: TiffPage) -> bool:
    colors = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    return page.samplesperpixel == colors + 1


def _as_rgb(image: FloatImage, page: TiffPage) -> FloatImage:
    if image.ndim == 2:
        image = image[..., None]
    colors = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    rgb, alpha = image[..., :colors], image[..., colors : colors + 1] if _has_alpha(page) else None
    if alpha is None:
        return np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))
    if page.extrasamples and page.extrasamples[0] == _PREMULTIPLIED:
        rgb = np.divide(rgb, alpha, out=rgb.copy(), where=alpha > 0)
    return np.concatenate([np.broadcast_to(rgb, (*rgb.shape[:2], 3)), alpha], axis=-1)


def _read_with_pillow(path: Path, page: TiffPage) -> FloatImage | None:
    """What Pillow makes of it; None where it takes the file for damaged, as it does YCbCr without compression."""
    try:
        with open_quietly(path) as image:
            image.getexif().pop(0x0112, None)  # or Pillow turns the picture, which is done later, once for all formats
            mode = "RGBA" if _has_alpha(page) else "RGB"
            eight: FloatImage = np.divide(np.asarray(to_rgb(image, mode)), np.float32(255), dtype=np.float32)
            return eight
    except (OSError, ValueError):
        return None


def _read_compressed(path: Path, page: TiffPage) -> FloatImage:
    if page.bitspersample <= 8 and (eight := _read_with_pillow(path, page)) is not None:
        return eight
    data = np.fromfile(path, np.uint8)
    turn = page.tags.get(_ORIENTATION)
    if turn is not None:  # of some kinds libtiff flips the picture, whatever it is told; that is done later, for all
        upright = (1).to_bytes(2, "little" if page.parent.byteorder == "<" else "big")
        data[turn.valueoffset : turn.valueoffset + 2] = np.frombuffer(upright, np.uint8)
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        name = COMPRESSION(page.compression).name
        raise MediaError(f"{path}: this kind of TIFF ({name}) is not supported; export it with LZW or ZIP compression")
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    levels = {"u1": 255, "u2": 65535, "u4": 2**32 - 1}.get(pixels.dtype.str[1:], 1)
    scaled: FloatImage = np.divide(pixels, np.float32(levels), dtype=np.float32)
    if page.photometric == PHOTOMETRIC.YCBCR:  # as RGB, with an alpha that is none
        return np.ascontiguousarray(scaled[..., :3])
    return _as_rgb(scaled, page)
