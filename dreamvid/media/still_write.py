"""Writing still images, whole or not at all."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.media.color import FloatImage
from dreamvid.media.header import DAMAGED, IMAGE_SUFFIXES, ImageTags, is_image, load_exif
from dreamvid.media.still import quantise

ALPHA_SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff", ".exr"})
"""Of the formats that hold transparency."""

IMAGE_DEPTHS = {".png": (8, 16), ".tif": (8, 16), ".tiff": (8, 16), ".exr": (16, 32)}
"""Bits of a component that a format holds, the default first; 8 in all others. Those of EXR are floating point."""

_TIFF = frozenset({".tif", ".tiff"})
_EXIF_DESCRIPTION, _EXIF_ORIENTATION = 0x010E, 0x0112
_EXIF_HEAD = b"Exif\0\0"
_QUALITY = 95


def write_image(
    path: Path | str,
    image: FloatImage,
    *,
    bit_depth: int | None = None,
    quality: int | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: ImageTags | None = None,
    overwrite: bool = True,
) -> None:
    """Write float32 RGB in [0, 1], shape (height, width, 3), or 4 with alpha, as the format its name asks for.

    The file appears whole or not at all. PNG and TIFF hold 8 or 16 bits, EXR 16 or 32 (floating point; sRGB becomes
    light), the others 8; the first is the default. Alpha fits into all but JPEG and BMP. `quality` is that of JPEG and
    WebP, 1 to 100. `metadata` goes into the description as JSON, in EXR into attributes of their own; BMP carries
    none. `tags` are another picture's, which are kept. Raises MediaError if the format is unknown or cannot hold the
    depth, if the file cannot be written, or if it exists and `overwrite` is off.
    """
    path = Path(path)
    depth = check_image_target(path, bit_depth)
    suffix = path.suffix.lower()
    if image.ndim != 3 or image.shape[2] not in ((3, 4) if suffix in ALPHA_SUFFIXES else (3,)):
        raise ValueError(f"an image has the shape (height, width, 3), not {image.shape}")
    metadata, tags = dict(metadata or {}), tags or ImageTags()
    temporary = temporary_beside(path)
    try:
        if suffix == ".exr":
            from dreamvid.media.exr import write_exr

            write_exr(temporary, image, bit_depth=depth, metadata=metadata)
        elif suffix in _TIFF:
            from dreamvid.media.tiff import write_tiff

            write_tiff(temporary, quantise(image, depth), metadata=metadata, icc_profile=tags.icc_profile)
        else:
            temporary.write_bytes(_encode(suffix, quantise(image, depth), quality or _QUALITY, metadata, tags))
        publish(temporary, path, overwrite=overwrite)
    except cv2.error as error:
        raise MediaError(f"{path}: cannot be encoded ({error.err}); choose another format or size") from error
    except (OSError, RuntimeError) as error:  # the latter is what OpenEXR raises
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MediaError(f"{path}: cannot be written ({reason}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)


def _encode(
    suffix: str,
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    quality: int,
    metadata: Mapping[str, str],
    tags: ImageTags,
) -> bytes:
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix.replace("jpeg", "jpg"), [])
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    kinds, blocks = [], []
    if suffix != ".bmp":
        exif = _kept_exif(tags.exif, metadata)
        for kind, raw in ((cv2.IMAGE_METADATA_EXIF, exif), (cv2.IMAGE_METADATA_ICCP, tags.icc_profile)):
            if raw:
                kinds.append(kind)
                blocks.append(np.frombuffer(raw, dtype=np.uint8))
    if kinds:
        _, encoded = cv2.imencodeWithMetadata(suffix, stored, kinds, blocks, options)
    else:
        _, encoded = cv2.imencode(suffix, stored, options)
    return encoded.tobytes()


def _kept_exif(raw: bytes | None, metadata: Mapping[str, str]) -> bytes | None:
    """Another picture's EXIF with our metadata in it, and without its orientation, which has been applied."""
    try:
        exif = load_exif(raw)
        exif.pop(_EXIF_ORIENTATION, None)
        if metadata:
            exif[_EXIF_DESCRIPTION] = json.dumps(dict(metadata))
        # Without Pillow's head: OpenCV puts one before it where the format has one.
        return exif.tobytes().removeprefix(_EXIF_HEAD) if len(exif) else None
    except DAMAGED:  # a damaged date is no reason to lose a picture
        return _kept_exif(None, metadata) if raw else None


def check_image_target(path: Path, bit_depth: int | None = None) -> int:
    """Return the depth to write, the format's own or `bit_depth`; raise a MediaError if it does not hold that."""
    if not is_image(path):
        raise MediaError(f"{path}: no image format has this ending; use {', '.join(sorted(IMAGE_SUFFIXES))}")
    depths = IMAGE_DEPTHS.get(path.suffix.lower(), (8,))
    if bit_depth is not None and bit_depth not in depths:
        remedy = ", ".join(sorted(suffix for suffix, held in IMAGE_DEPTHS.items() if bit_depth in held))
        raise MediaError(
            f"{path}: this format holds {' or '.join(map(str, depths))} bits only"
            + (f"; use {remedy} for {bit_depth}" if remedy else f", not {bit_depth}")
        )
    return bit_depth or depths[0]


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
            raise MediaError(f"{path}: appeared while it was being made; move it away or allow overwriting") from error
    try:
        temporary.replace(path)
    except OSError:
        if not overwrite:
            path.unlink(missing_ok=True)
        raise
