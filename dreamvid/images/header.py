"""What an image file says about itself, without its pixels: size, depth, tags."""

from __future__ import annotations

import contextlib
import functools
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError, shown
from dreamvid.images.content import begins_as_film, image_format
from dreamvid.images.profile import rgb_profile
from dreamvid.runtime.documents import DocumentError, parse_json
from dreamvid.runtime.process_wide import ignored_warnings

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".exr"})
"""Of the images that are written."""

READABLE_SUFFIXES = IMAGE_SUFFIXES | frozenset(
    {".heic", ".heif", ".hif", ".avif", ".jfif", ".jpe", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"}
)
"""Of the images that are looked for in a folder; what a file is read as, its content decides."""

LARGEST_IMAGE = 2**28
"""Pixels: what is larger is taken for damaged, and not for gigabytes of picture."""

_HDR_CODES = {16: "PQ", 18: "HLG"}  # transfer characteristics of ISO/IEC 23091-2
_MOVING = frozenset({"PNG", "WEBP", "AVIF", "HEIF"})  # of Pillow's formats; a MPO's others are previews
_EXIF_DESCRIPTION, _EXIF_ORIENTATION = 0x010E, 0x0112
_PNG_BITS_OFFSET = 24  # signature, chunk length and name, width, height

Image.MAX_IMAGE_PIXELS = LARGEST_IMAGE  # Pillow warns beyond this, on standard error, and refuses twice as much

DAMAGED = (OSError, ValueError, SyntaxError, KeyError, TypeError, Image.DecompressionBombError)
"""What Pillow raises for files that are no pictures or broken ones."""


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says about itself; width and height are those it is shown at (EXIF orientation)."""

    width: int
    height: int
    bit_depth: int
    mode: str
    has_alpha: bool = False
    orientation: int = 1
    pictures: int = 1
    """How many pictures of this kind are in the file; the first is read."""
    hdr_transfer: str | None = None
    """How it is coded for brighter screens, if it is: "PQ" or "HLG"."""


@dataclass(frozen=True)
class ImageTags:
    """What is kept of a picture beside its pixels."""

    exif: bytes | None = None
    icc_profile: bytes | None = None
    timecode: ClipTimecode | None = None
    """Its own, of which EXR holds as much as it can."""


def is_image(path: Path) -> bool:
    """Whether the name is that of a still image that can be written."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def holds_image(path: Path) -> bool:
    """Whether a source is a still image: by its content, or, where that is of no known kind, by its name."""
    if image_format(path) is not None:
        return True
    return path.suffix.lower() in READABLE_SUFFIXES and not begins_as_film(path)


def check_file(path: Path) -> None:
    """Raise a MediaError that says so if `path` is missing, a folder, unreadable or empty."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MediaError(f"{path}: this is a folder; give a file")
        if not stat.S_ISREG(mode):  # opening a pipe or a device could wait for ever
            raise MediaError(f"{path}: is a pipe or a device; save it as a file first")
        with path.open("rb") as file:
            empty = not file.read(1)
    except ValueError as error:  # a NUL
        raise MediaError(f"'{shown(path)}' is not a valid file name; check it") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError(f"{path}: there is no such file; check the name") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if empty:
        raise MediaError(f"{path}: the file is empty; copy or export it again")


def read_header(path: Path, exr_layer: str | None = None) -> ImageHeader:
    """Return the size and depth of an image, of an EXR those of a layer, without decoding it. Raises MediaError."""
    check_file(path)
    header = _read_header(path, exr_layer)
    if not 0 < header.width * header.height <= LARGEST_IMAGE or header.width < 1:
        raise MediaError(
            f"{path}: is {header.width}x{header.height} pixels, which is too large; give one of at most 16384x16384"
        )
    return header


def _read_header(path: Path, exr_layer: str | None) -> ImageHeader:
    kind = image_format(path)
    if kind == "exr":
        from dreamvid.images.exr import read_exr_header

        width, height, has_alpha = read_exr_header(path, exr_layer)
        return ImageHeader(width, height, 16, "EXR", has_alpha)
    if kind == "tiff":
        from dreamvid.images.tiff import read_tiff_header

        width, height, depth, has_alpha, orientation, pages = read_tiff_header(path)
        return _turned(ImageHeader(width, height, 16 if depth > 8 else 8, "TIFF", has_alpha, orientation, pages))
    try:
        with open_quietly(path) as image:
            depth = 8
            if image.format == "PNG":
                with path.open("rb") as file:
                    depth = file.read(_PNG_BITS_OFFSET + 1)[_PNG_BITS_OFFSET]
            elif image.format == "HEIF":
                depth = int(image.info.get("bit_depth", 8))
            elif image.format == "PPM" and image.mode.startswith("I"):
                depth = 16
            has_alpha = "A" in image.mode.removeprefix("LAB") or "transparency" in image.info
            width, height = image.size
            pictures = getattr(image, "n_frames", 1) if image.format in _MOVING else 1
            # Not getexif(), which decodes a whole PNG to find what comes after its pixels.
            orientation = load_exif(image.info.get("exif")).get(_EXIF_ORIENTATION, 1)
            depth = 16 if depth > 8 else 8
            code: int = (image.info.get("nclx_profile") or {}).get("transfer_characteristics", 0)
            made = ImageHeader(width, height, depth, image.mode, has_alpha, orientation, pictures, _HDR_CODES.get(code))
            return _turned(made)
    except DAMAGED as error:
        raise not_an_image(path) from error


@contextlib.contextmanager
def open_quietly(path: Path) -> Iterator[Image.Image]:
    """Pillow's picture; what it says of a damaged EXIF is no news to people who want the picture. Raises `DAMAGED`."""
    if image_format(path) == "heif":
        _register_heif()
    with ignored_warnings(category=UserWarning), Image.open(path) as image:
        yield image


@functools.cache
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)


def load_exif(raw: bytes | None) -> Image.Exif:
    """EXIF tags from their bytes, as far as they can be read; none of None. Raises one of `DAMAGED`."""
    exif = Image.Exif()
    if raw:
        with ignored_warnings(category=UserWarning):
            exif.load(raw)
    return exif


def _turned(header: ImageHeader) -> ImageHeader:
    if header.orientation not in (5, 6, 7, 8):
        return header
    return replace(header, width=header.height, height=header.width)


def not_an_image(path: Path) -> MediaError:
    """The error for a file that is none."""
    return MediaError(f"{path}: is damaged or not an image; open it in a viewer, or export it again")


def read_image_metadata(path: Path) -> dict[str, str]:
    """Return what `write_image` stored; empty if there is nothing of ours in the file."""
    check_file(path)
    kind = image_format(path)
    if kind == "exr":
        from dreamvid.images.exr import read_exr_metadata

        return read_exr_metadata(path)
    if kind == "tiff":
        from dreamvid.images.tiff import read_tiff_tags

        text: Any = read_tiff_tags(path)[0]
    else:
        try:
            text = load_exif(read_image_tags(path).exif).get(_EXIF_DESCRIPTION, "")
        except DAMAGED as error:
            raise not_an_image(path) from error
    try:
        found = parse_json(text or "{}")
    except (DocumentError, TypeError):  # somebody else's description, in prose
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def read_image_tags(path: Path) -> ImageTags:
    """What is worth keeping of a picture beside its pixels, which are RGB when it is read. Raises MediaError."""
    check_file(path)
    kind = image_format(path)
    if kind == "exr":
        return ImageTags()
    if kind == "tiff":
        from dreamvid.images.tiff import read_tiff_tags

        return ImageTags(icc_profile=rgb_profile(read_tiff_tags(path)[1]))
    try:
        with open_quietly(path) as image:
            return ImageTags(image.info.get("exif"), rgb_profile(image.info.get("icc_profile")))
    except DAMAGED as error:
        raise not_an_image(path) from error
