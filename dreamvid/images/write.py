"""Writing still images, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage, SceneColors
from dreamvid.images.header import DAMAGED, IMAGE_SUFFIXES, ImageTags, is_image, load_exif
from dreamvid.images.read import quantize

ALPHA_SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff", ".exr"})
"""Of the formats that hold transparency."""

IMAGE_DEPTHS = {".png": (8, 16), ".tif": (8, 16), ".tiff": (8, 16), ".exr": (16, 32)}
"""Bits of a component that a format holds, the default first; 8 in all others. Those of EXR are floating point."""

_TIFF = frozenset({".tif", ".tiff"})
_EXIF_DESCRIPTION, _EXIF_ORIENTATION = 0x010E, 0x0112
_EXIF_HEAD = b"Exif\0\0"
_QUALITY = 95
_JPEG = frozenset({".jpg", ".jpeg"})
_LONGEST_EXIF = 65_533 - len(_EXIF_HEAD)  # of a JPEG's
_ICC_PIECE = 65_519
_WITHOUT_PROFILE = frozenset({".bmp", ".exr"})
_WITHOUT_EXIF = _WITHOUT_PROFILE | _TIFF
_PNG_HEAD = 33  # signature and IHDR


def write_image(
    path: Path | str,
    image: FloatImage,
    *,
    bit_depth: int | None = None,
    quality: int | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: ImageTags | None = None,
    scene: SceneColors | None = None,
    overwrite: bool = True,
    compression: str | None = None,
) -> None:
    """Write float32 RGB in [0, 1], shape (height, width, 3), or 4 with alpha, as the format its name asks for.

    The file appears whole or not at all. PNG and TIFF hold 8 or 16 bits, EXR 16 or 32 (floating point; sRGB becomes
    light), the others 8; the first is the default. Alpha fits into all but JPEG and BMP. `quality` is that of JPEG and
    WebP, 1 to 100, `compression` that of EXR (None: zip). `metadata` goes into the description as JSON, in EXR into
    attributes of their own; BMP has none. `tags` are those of another picture, to be kept. With `scene` an EXR takes
    light of any brightness as it is. Raises MediaError if the format is unknown or does not support the depth, if the
    file cannot be written, or if it exists and `overwrite` is off.
    """
    path = Path(path)
    depth = check_image_target(path, bit_depth)
    suffix = path.suffix.lower()
    if image.ndim != 3 or image.shape[2] not in ((3, 4) if suffix in ALPHA_SUFFIXES else (3,)):
        raise ValueError(f"an image must have the shape (height, width, 3), not {image.shape}")
    metadata = dict(metadata or {})
    tags, _ = tags_that_fit(path, tags or ImageTags(), metadata)
    with whole_file(path, overwrite=overwrite) as temporary:
        if suffix == ".exr":
            from dreamvid.images.exr import write_exr
            from dreamvid.images.exr_timecode import timecode_attributes

            attributes = {**metadata, **timecode_attributes(tags.timecode)}
            write_exr(temporary, image, bit_depth=depth, metadata=attributes, compression=compression, scene=scene)
        elif suffix in _TIFF:
            from dreamvid.images.tiff import write_tiff

            write_tiff(temporary, quantize(image, depth), metadata=metadata, icc_profile=tags.icc_profile)
        else:
            temporary.write_bytes(_encode(suffix, quantize(image, depth), quality or _QUALITY, metadata, tags))


@contextmanager
def whole_file(path: Path, *, overwrite: bool, made_again: bool = False) -> Iterator[Path]:
    """A hidden file for the block to write, which gets the name `path` when it is left without an error: there is never
    a part of it under that name. Where a file is `made_again` after a kill, and by nobody else meanwhile, the hidden
    one is the same, so that none is left behind. Raises MediaError for what goes wrong in the block, too."""
    temporary = temporary_beside(path, hashlib.sha256(path.name.encode()).hexdigest() if made_again else None)
    try:
        yield temporary
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
    exif, profile = _kept_exif(tags.exif, metadata), tags.icc_profile
    if suffix in _JPEG:
        # OpenCV writes a profile in one piece, which may have no more than 64 kB.
        return _with_profile(encode(suffix, stored, options, exif=exif), profile)
    if suffix == ".png":  # libpng refuses profiles that everybody else reads
        return _with_chunk(encode(suffix, stored, options, exif=exif), profile)
    if suffix == ".bmp":
        return encode(suffix, stored, options)
    return encode(suffix, stored, options, exif=exif, profile=profile)


def encode(
    suffix: str,
    pixels: npt.NDArray[Any],
    options: Sequence[int] = (),
    *,
    exif: bytes | None = None,
    profile: bytes | None = None,
) -> bytes:
    """Return BGR or BGRA as a file of the format with that ending. Raises OSError where OpenCV does not do it."""
    kept = [(cv2.IMAGE_METADATA_EXIF, exif), (cv2.IMAGE_METADATA_ICCP, profile)]
    kinds = [kind for kind, raw in kept if raw]
    blocks = [np.frombuffer(raw, dtype=np.uint8) for _, raw in kept if raw]
    if kinds:
        done, encoded = cv2.imencodeWithMetadata(suffix, pixels, kinds, blocks, options)
    else:
        done, encoded = cv2.imencode(suffix, pixels, options)
    if not done:  # for which it has no words
        told = f" with {sum(map(len, blocks)) / 1000:.0f} kB of metadata" if blocks else ""
        raise OSError(errno.EINVAL, f"it cannot be encoded as {suffix[1:]}{told}")
    return bytes(encoded)


def _with_profile(jpeg: bytes, profile: bytes | None) -> bytes:
    """Put an ICC profile into a JPEG, in as many pieces as it needs (ICC.1, annex B.4)."""
    if not profile:
        return jpeg
    pieces = [profile[at : at + _ICC_PIECE] for at in range(0, len(profile), _ICC_PIECE)]
    segments = b"".join(
        b"\xff\xe2" + (16 + len(piece)).to_bytes(2, "big") + b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece
        for number, piece in enumerate(pieces, 1)
    )
    at = 2  # behind the start, JFIF's own segment, and EXIF
    while jpeg[at : at + 2] in (b"\xff\xe0", b"\xff\xe1"):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[:at] + segments + jpeg[at:]


def _with_chunk(png: bytes, profile: bytes | None) -> bytes:
    """Put an ICC profile into a PNG, behind its head."""
    if not profile:
        return png
    body = b"iCCPICC Profile\0\0" + zlib.compress(profile)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:_PNG_HEAD] + chunk + png[_PNG_HEAD:]


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


def tags_that_fit(path: Path, tags: ImageTags, metadata: Mapping[str, str]) -> tuple[ImageTags, list[str]]:
    """What an image of this format keeps of another picture's `tags`, beside `metadata`; and a line for each loss."""
    suffix = path.suffix.lower()
    lost = []
    if tags.exif is not None:
        room = _LONGEST_EXIF if suffix in _JPEG else 0 if suffix in _WITHOUT_EXIF else None
        if room is not None and len(_kept_exif(tags.exif, metadata if room else {}) or b"") > room:
            tags = replace(tags, exif=None)
            lost.append(f"the EXIF data of the source {_too_much(room)}")
    if tags.icc_profile is not None:
        room = 255 * _ICC_PIECE if suffix in _JPEG else 0 if suffix in _WITHOUT_PROFILE else None
        if room is not None and len(tags.icc_profile) > room:
            tags = replace(tags, icc_profile=None)
            lost.append(f"the color profile of the source {_too_much(room)}, so colors may look different")
    return tags, [f"{path}: {line}; use .png to keep it" for line in lost]


def _too_much(room: int) -> str:
    reason = f"does not fit in {room / 1000:.0f} kB" if room else "cannot be stored in this format"
    return f"{reason} and is left out"


def check_image_target(path: Path, bit_depth: int | None = None) -> int:
    """Return the depth to write, the format's own or `bit_depth`; raise a MediaError if it does not hold that."""
    if not is_image(path):
        raise MediaError(f"{path}: not an image format that can be written; use {', '.join(sorted(IMAGE_SUFFIXES))}")
    depths = IMAGE_DEPTHS.get(path.suffix.lower(), (8,))
    if bit_depth is not None and bit_depth not in depths:
        remedy = ", ".join(sorted(suffix for suffix, held in IMAGE_DEPTHS.items() if bit_depth in held))
        raise MediaError(
            f"{path}: this format only supports {' or '.join(map(str, depths))} bits"
            + (f"; use {remedy} for {bit_depth}" if remedy else f", not {bit_depth}")
        )
    return bit_depth or depths[0]


def temporary_beside(path: Path, mark: str | None = None) -> Path:
    """Return a hidden, unused name in the same folder and with the same ending; always the same one with a `mark`."""
    return path.with_name(f".dreamvid-{(mark or secrets.token_hex(6))[:12]}{path.suffix}")


def publish(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name at once: there is never anything else under it, even after a kill.

    Raises MediaError if the name was taken in the meantime, OSError if it cannot be given.
    """
    if overwrite:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError:  # a file system without hard links
        _replace_unless_taken(temporary, path)
    else:
        temporary.unlink()


def _replace_unless_taken(temporary: Path, path: Path) -> None:
    """Take the name exclusively, by an empty file, and then replace that; a kill in between leaves it there."""
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise _taken(path) from error
    try:
        temporary.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _taken(path: Path) -> MediaError:
    return MediaError(f"{path}: appeared during the render; move it away or use --overwrite")
