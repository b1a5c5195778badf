"""Still images: their header, their pixels, and writing them whole or not at all."""

from __future__ import annotations

import json
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from dreamvid.errors import MediaError

FloatImage = npt.NDArray[np.float32]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
_DEEP_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
_TAGGED_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})

_EXIF_DESCRIPTION, _EXIF_ORIENTATION, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS = 0x010E, 0x0112, 256, 257, 258
_PNG_BITS_OFFSET = 24  # signature, chunk length and name, width, height


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says about itself; width and height are those it is shown at (EXIF orientation)."""

    width: int
    height: int
    bit_depth: int
    mode: str


def is_image(path: Path) -> bool:
    """Whether the name is that of a still image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


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
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError(f"{path}: there is no such file; check the name") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if empty:
        raise MediaError(f"{path}: the file is empty; copy or export it again")


def read_header(path: Path) -> ImageHeader:
    """Return the size and depth of an image without decoding it. Raises MediaError."""
    check_file(path)
    try:
        with Image.open(path) as image:
            width, height = image.size
            depth = 8
            if image.format == "PNG":
                with path.open("rb") as file:
                    depth = file.read(_PNG_BITS_OFFSET + 1)[_PNG_BITS_OFFSET]
            elif image.format == "TIFF":
                tags = image.tag_v2  # type: ignore[attr-defined]
                # Pillow turns the size of a TIFF, and only of a TIFF, by its orientation.
                width, height = tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]
                depth = max(tags.get(_TIFF_BITS, (1,)))
            if image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:
                width, height = height, width
            return ImageHeader(width, height, 16 if depth > 8 else 8, image.mode)
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError) as error:
        raise _not_an_image(path) from error


def _not_an_image(path: Path) -> MediaError:
    return MediaError(f"{path}: is damaged or not an image; open it in a viewer, or export it again")


def read_image(
    path: Path | str, *, size: tuple[int, int] | None = None, max_size: int | None = None
) -> FloatImage:
    """Read a still image as float32 RGB in [0, 1], shape (height, width, 3), C-contiguous.

    Grey and palette images become RGB, alpha is dropped, 16 bits are kept, EXIF orientation is applied. `size`
    is the exact (width, height) to resample to; `max_size` limits the longer side in pixels and only shrinks.
    Raises MediaError if there is no such file or it cannot be decoded.
    """
    path = Path(path)
    check_file(path)
    try:
        encoded = np.fromfile(path, dtype=np.uint8)
        pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except (cv2.error, OSError) as error:
        raise _not_an_image(path) from error
    if pixels is None:
        raise _not_an_image(path)
    levels = {1: 255, 2: 65535}.get(pixels.dtype.itemsize, 1)  # floating point is taken as it is
    image = np.divide(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.float32(levels), dtype=np.float32)
    image = np.clip(image, 0, 1, out=image)
    height, width = image.shape[:2]
    return resize_image(image, *fit_size(width, height, size, max_size))


def fit_size(
    width: int, height: int, size: tuple[int, int] | None, max_size: int | None
) -> tuple[int, int]:
    """Return the (width, height) to work at: `size` as it is, or shrunk to a longer side of `max_size`."""
    if size is not None and max_size is not None:
        raise ValueError("give either size or max_size, not both")
    if min(size or (1,)) < 1 or (max_size is not None and max_size < 1):
        raise ValueError(f"a size is at least one pixel: size={size}, max_size={max_size}")
    if size is not None:
        return size
    longest = max(width, height)
    if max_size is None or longest <= max_size:
        return width, height
    return max(1, round(width * max_size / longest)), max(1, round(height * max_size / longest))


def resize_image(image: FloatImage, width: int, height: int) -> FloatImage:
    """Resample (H, W, 3) to the given size: pixel areas when it shrinks, bicubic when it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.float32)
    return np.clip(resized, 0, 1, out=resized)


def quantise(image: FloatImage, bit_depth: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return [0, 1] as 8 or 16 bit integers: clipped, then rounded half up. Shape is kept."""
    levels = np.clip(image, 0, 1) * np.float32(2**bit_depth - 1) + np.float32(0.5)
    return levels.astype(np.uint8) if bit_depth == 8 else levels.astype(np.uint16)


def write_image(
    path: Path | str,
    image: FloatImage,
    *,
    bit_depth: int = 8,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write float32 RGB in [0, 1], shape (height, width, 3), as the format its name asks for.

    The file appears whole or not at all. 16 bits fit into PNG and TIFF. `metadata` goes into the EXIF
    description as JSON; TIFF and BMP carry none. Raises MediaError if the format is unknown or cannot hold the
    depth, if the file cannot be written, or if it exists and `overwrite` is off.
    """
    path = Path(path)
    check_image_target(path, bit_depth)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image has the shape (height, width, 3), not {image.shape}")
    suffix = path.suffix.lower()
    pixels = cv2.cvtColor(quantise(image, bit_depth), cv2.COLOR_RGB2BGR)
    quality = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, 95],
    }.get(suffix.replace("jpeg", "jpg"), [])
    try:
        if metadata and suffix in _TAGGED_SUFFIXES:
            exif = Image.Exif()
            exif[_EXIF_DESCRIPTION] = json.dumps(dict(metadata))
            raw = np.frombuffer(exif.tobytes(), dtype=np.uint8)
            done, encoded = cv2.imencodeWithMetadata(
                suffix, pixels, [cv2.IMAGE_METADATA_EXIF], [raw], quality
            )
        else:
            done, encoded = cv2.imencode(suffix, pixels, quality)
    except cv2.error as error:
        raise MediaError(f"{path}: cannot be encoded ({error.err}); choose another format or size") from error
    if not done:
        raise MediaError(f"{path}: cannot be encoded; choose another format or size")
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(encoded.tobytes())
        publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_image_target(path: Path, bit_depth: int) -> None:
    """Raise a MediaError unless the name is that of an image format that holds `bit_depth` (8 or 16) bits."""
    if not is_image(path):
        raise MediaError(f"{path}: no image format has this ending; use {', '.join(sorted(IMAGE_SUFFIXES))}")
    if bit_depth not in (8, 16):
        raise ValueError(f"images are written with 8 or 16 bits, not {bit_depth}")
    if bit_depth == 16 and path.suffix.lower() not in _DEEP_SUFFIXES:
        raise MediaError(f"{path}: this format holds 8 bits only; use .png or .tiff for 16")


def read_image_metadata(path: Path) -> dict[str, str]:
    """Return what `write_image` stored; empty if there is nothing of ours in the file."""
    check_file(path)
    try:
        with Image.open(path) as image:
            found = json.loads(image.getexif().get(_EXIF_DESCRIPTION, "{}"))
    except (UnidentifiedImageError, OSError) as error:
        raise _not_an_image(path) from error
    except ValueError:  # somebody else's description, in prose
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def temporary_beside(path: Path) -> Path:
    """Return a hidden, unused name in the same folder and with the same ending."""
    return path.with_name(f".dreamvid-{secrets.token_hex(6)}{path.suffix}")


def publish(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name at once. Raises MediaError if the name was taken meanwhile."""
    if not overwrite:
        try:
            # Taking the name exclusively and then replacing our own empty file works on every file system;
            # hard links do not.
            path.open("xb").close()
        except FileExistsError as error:
            raise MediaError(
                f"{path}: appeared while it was being made; move it away or allow overwriting"
            ) from error
    try:
        temporary.replace(path)
    except OSError:
        if not overwrite:
            path.unlink(missing_ok=True)
        raise
