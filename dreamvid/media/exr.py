"""OpenEXR images: scene light in half or full floats, between files and display values.

An EXR holds linear light. It is shown by the sRGB transfer function, whatever its chromaticities say, and written
back by the inverse. Its alpha is premultiplied, as the format wants it; in memory it is not.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from dreamvid.errors import MediaError
from dreamvid.media.color import FloatImage, to_display, to_linear, tone_map
from dreamvid.media.header import not_an_image

_BRIGHTEST = 65504.0  # of half floats; what infinity is taken for
_COMPLAINTS = (b"(EXR_ERR_", b"Warning: Exception raised reading")
_C = ctypes.CDLL(None if os.name == "posix" else "ucrtbase")
_ONE_AT_A_TIME = threading.Lock()
_OVER = 1.001  # beyond white by more than rounding


def read_exr_header(path: Path) -> tuple[int, int, bool]:
    """Width and height of the display window, and whether there is alpha. Raises MediaError."""
    with _opened(path, header_only=True) as file:
        part, names = _find_part(path, file)
        width, height = _size(part.header["displayWindow"])
        return width, height, "A" in names


def read_exr(path: Path, curve: str | None) -> tuple[FloatImage, str | None]:
    """Display values in [0, 1], (height, width, 3), or 4 with alpha; and a line on what was lost, if anything was.

    Light brighter than display white is cut off, or brought into range by the tone `curve`. Raises MediaError.
    """
    with _opened(path, header_only=True) as file:
        parts = len(file.parts)
    with _opened(path) as file:
        if len(file.parts) != parts:  # those that cannot be decoded are left out without an error
            raise not_an_image(path)
        part, names = _find_part(path, file)
        planes = [np.asarray(part.channels[name].pixels, np.float32) for name in names.values()]
        if len({plane.shape for plane in planes}) > 1:
            raise MediaError(f"{path}: its channels have different sizes; convert it to plain RGB first")
        pixels = _framed(np.stack(planes, axis=-1), part.header["dataWindow"], part.header["displayWindow"])
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=_BRIGHTEST, neginf=0.0)
    light, alpha = np.maximum(pixels[..., :3], 0), np.clip(pixels[..., 3:], 0, 1)
    if alpha.shape[-1]:
        light = np.divide(light, alpha, out=light.copy(), where=alpha > 0)
    notice = None
    if curve is not None:
        light = tone_map(light, curve)
    elif (brightest := float(light.max(initial=0))) > _OVER:
        notice = (
            f"{path}: light of up to {brightest:.3g} times display white is cut off at 1; "
            "--tonemap hable brings it into range"
        )
    shown = to_display(np.minimum(light, 1))
    return np.concatenate([shown, alpha], axis=-1) if alpha.shape[-1] else shown, notice


def write_exr(path: Path, image: FloatImage, *, bit_depth: int, metadata: Mapping[str, str]) -> None:
    """Write display values, (height, width, 3 or 4), as light in floats of 16 or 32 bits. Raises RuntimeError."""
    light = to_linear(np.clip(image[..., :3], 0, 1))
    planes = {name: light[..., index] for index, name in enumerate("RGB")}
    if image.shape[2] == 4:
        alpha = np.clip(image[..., 3], 0, 1)
        planes = {name: plane * alpha for name, plane in planes.items()} | {"A": alpha}
    kind: Any = np.float16 if bit_depth == 16 else np.float32
    channels = {name: np.ascontiguousarray(plane, dtype=kind) for name, plane in planes.items()}
    header: dict[str, Any] = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **metadata}
    OpenEXR.File(header, channels).write(str(path))


def read_exr_metadata(path: Path) -> dict[str, str]:
    """The text attributes of the header. Raises MediaError."""
    with _opened(path, header_only=True) as file:
        header = _find_part(path, file)[0].header
        return {str(key): value for key, value in header.items() if isinstance(value, str) and key != "name"}


@contextmanager
def _opened(path: Path, *, header_only: bool = False) -> Iterator[Any]:
    try:
        with _quietly():
            file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
        with file:
            yield file
    except (RuntimeError, ValueError, TypeError, KeyError, MemoryError, OSError) as error:
        # The library has no error of its own for a damaged file.
        raise not_an_image(path) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Take what the library writes of a damaged file, dozens of lines, off standard output and error.

    It writes to the descriptors themselves, and there is no telling it not to. What others write meanwhile comes after.
    """
    with _ONE_AT_A_TIME, ExitStack() as closing:
        caught = []
        _flush()
        for number in (1, 2):
            try:
                kept = os.dup(number)
            except OSError:  # closed: nothing is seen of it
                continue
            file = closing.enter_context(tempfile.TemporaryFile())
            os.dup2(file.fileno(), number)
            caught.append((number, kept, file))
        try:
            yield
        finally:
            _flush()
            for number, kept, file in caught:
                os.dup2(kept, number)
                os.close(kept)
                file.seek(0)
                others = [line for line in file if not any(mark in line for mark in _COMPLAINTS)]
                with suppress(OSError), open(number, "wb", closefd=False) as stream:  # who writes next will see
                    stream.write(b"".join(others))


def _flush() -> None:
    """Send on what waits to be written, in Python and in the C library: part of it goes either way."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none at all
            stream.flush()
    _C.fflush(None)


def _find_part(path: Path, file: Any) -> tuple[Any, dict[str, str]]:
    """The part of the file with a picture in it, and what its channels R, G, B and perhaps A are called there."""
    for part in file.parts:
        there = {channel.name for channel in part.header["channels"]}
        for layer in sorted({name.rpartition(".")[0] for name in there}):
            own = {name.rpartition(".")[2]: name for name in there if name.rpartition(".")[0] == layer}
            if "Y" in own and not {"RY", "BY"} & own.keys():  # grey
                own |= dict.fromkeys("RGB", own["Y"])
            if {"R", "G", "B"} <= own.keys():
                return part, {channel: own[channel] for channel in "RGBA" if channel in own}
    raise MediaError(f"{path}: holds no channels R, G and B; convert it to plain RGB first")


def _size(window: Any) -> tuple[int, int]:
    low, high = np.asarray(window[0], np.int64), np.asarray(window[1], np.int64)
    width, height = (high - low + 1).tolist()
    return width, height


def _framed(pixels: npt.NDArray[np.float32], data: Any, display: Any) -> npt.NDArray[np.float32]:
    """The display window: black where there are no data, without the data beyond its edges."""
    width, height = _size(display)
    left, top = (np.asarray(data[0], np.int64) - np.asarray(display[0], np.int64)).tolist()
    if (left, top) == (0, 0) and pixels.shape[:2] == (height, width):
        return pixels
    framed = np.zeros((height, width, pixels.shape[2]), np.float32)
    rows = slice(max(0, top), min(height, top + pixels.shape[0]))
    columns = slice(max(0, left), min(width, left + pixels.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        framed[rows, columns] = pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return framed
