"""OpenEXR images: scene light in half or full floats, between files and display values.

An EXR holds linear light. It is shown by the sRGB transfer function, whatever its chromaticities say, and written
back by the inverse; where colors are managed, light is read and written as it is. Its alpha is premultiplied, as the
format wants it; in memory it is not.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage, SceneColors, to_display, to_linear, tone_map
from dreamvid.images.header import not_an_image

_BRIGHTEST = 65504.0  # of half floats; what infinity is taken for
_COMPLAINTS = ("(EXR_ERR_", "Warning: Exception raised reading")
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
    pixels = np.nan_to_num(_read_pixels(path), nan=0.0, posinf=_BRIGHTEST, neginf=0.0)
    light, alpha = np.maximum(pixels[..., :3], 0), np.clip(pixels[..., 3:], 0, 1)
    if alpha.shape[-1]:
        light = np.divide(light, alpha, out=light.copy(), where=alpha > 0)
    notice = None
    if curve is not None:
        light = tone_map(light, curve)
    elif (brightest := float(light.max(initial=0))) > _OVER:
        notice = (
            f"{path}: values up to {brightest:.3g} times display white are clipped at 1; use --tonemap hable to keep "
            "them"
        )
    shown = to_display(np.minimum(light, 1))
    return np.concatenate([shown, alpha], axis=-1) if alpha.shape[-1] else shown, notice


def read_exr_light(path: Path) -> FloatImage:
    """Linear light as it is stored, (height, width, 3), or 4 with alpha, by which it is divided where that is not 0.

    What is no number is 0, what is infinite the largest half float. Raises MediaError.
    """
    pixels = np.nan_to_num(_read_pixels(path), nan=0.0, posinf=_BRIGHTEST, neginf=-_BRIGHTEST)
    light, alpha = pixels[..., :3], np.clip(pixels[..., 3:], 0, 1)
    if not alpha.shape[-1]:
        return light
    return np.concatenate([np.divide(light, alpha, out=light.copy(), where=alpha > 0), alpha], axis=-1)


def read_exr_chromaticities(path: Path) -> tuple[float, ...] | None:
    """x and y of red, green, blue and white, as the header says; None where it does not. Raises MediaError."""
    with _opened(path, header_only=True) as file:
        found = _find_part(path, file)[0].header.get("chromaticities")
        return None if found is None else tuple(map(float, found))


def _read_pixels(path: Path) -> FloatImage:
    """The display window as it is stored, (height, width, 3 or 4)."""
    with _opened(path, header_only=True) as file:
        parts = len(file.parts)
    with _opened(path) as file:
        if len(file.parts) != parts:  # those that cannot be decoded are left out without an error
            raise not_an_image(path)
        part, names = _find_part(path, file)
        planes = [np.asarray(part.channels[name].pixels, np.float32) for name in names.values()]
        if len({plane.shape for plane in planes}) > 1:
            raise MediaError(f"{path}: its channels have different sizes; convert it to plain RGB first")
        return _framed(np.stack(planes, axis=-1), part.header["dataWindow"], part.header["displayWindow"])


def read_exr_distances(path: Path) -> npt.NDArray[np.float32]:
    """The distances in a depth pass, (height, width), as they are stored; what is no number is 0. Raises MediaError.

    The channel is `Z`, `Depth` or `V` of any layer, else a gray picture's, or red.
    """
    with _opened(path) as file:
        for wanted in ("Z", "DEPTH", "V", "Y", "R"):
            for part in file.parts:
                name = next((name for name in part.channels if name.rpartition(".")[2].upper() == wanted), None)
                if name is not None:
                    pixels = np.asarray(part.channels[name].pixels, np.float32)
                    framed = _framed(pixels[..., None], part.header["dataWindow"], part.header["displayWindow"])
                    return np.ascontiguousarray(np.nan_to_num(framed[..., 0], nan=0.0, posinf=np.inf, neginf=0.0))
    raise MediaError(f"{path}: has no channel Z, Depth, V, Y or R; render a depth pass")


def write_exr(
    path: Path, image: FloatImage, *, bit_depth: int, metadata: Mapping[str, str], scene: SceneColors | None = None
) -> None:
    """Write display values, (height, width, 3 or 4), as light in floats of 16 or 32 bits. Raises RuntimeError.

    With `scene` they are light already, of any brightness, which is written as it is; where alpha is 0 light stays.
    """
    light = to_linear(np.clip(image[..., :3], 0, 1)) if scene is None else image[..., :3]
    planes = {name: light[..., index] for index, name in enumerate("RGB")}
    if image.shape[2] == 4:
        alpha = np.clip(image[..., 3], 0, 1)
        factor = alpha if scene is None else np.where(alpha > 0, alpha, 1)
        planes = {name: plane * factor for name, plane in planes.items()} | {"A": alpha}
    kind: Any = np.float16 if bit_depth == 16 else np.float32
    limit = np.finfo(kind).max
    channels = {
        name: np.ascontiguousarray(np.clip(plane, -limit, limit), dtype=kind) for name, plane in planes.items()
    }
    header: dict[str, Any] = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **metadata}
    if scene is not None and scene.chromaticities is not None:
        header["chromaticities"] = scene.chromaticities
    if scene is not None and scene.white_luminance is not None:
        header["whiteLuminance"] = scene.white_luminance
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
    """Take what the library says of a damaged file, dozens of lines, off standard output and error.

    It prints to the one and writes to the other's descriptor, and there is no telling it not to. What others write
    meanwhile comes after.
    """
    printed = io.StringIO()
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as written:
        kept = _replace_descriptor(2, written.fileno())
        try:
            with redirect_stdout(printed):
                yield
        finally:
            if kept is not None:
                os.dup2(kept, 2)
                os.close(kept)
            written.seek(0)
            others = _without_complaints(written.read().decode("utf-8", "replace"))
            with suppress(OSError, ValueError, AttributeError):  # nobody listens any more
                sys.stdout.write(_without_complaints(printed.getvalue()))
            with suppress(OSError), open(2, "w", encoding="utf-8", closefd=False) as stream:
                stream.write(others)


def _replace_descriptor(number: int, other: int) -> int | None:
    """Let a descriptor stand for another file; return a copy of what it was, None where it was closed."""
    try:
        kept = os.dup(number)
    except OSError:
        return None
    os.dup2(other, number)
    return kept


def _without_complaints(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not any(mark in line for mark in _COMPLAINTS))


def _find_part(path: Path, file: Any) -> tuple[Any, dict[str, str]]:
    """The part of the file with a picture in it, and what its channels R, G, B and perhaps A are called there."""
    for part in file.parts:
        there = {channel.name for channel in part.header["channels"]}
        for layer in sorted({name.rpartition(".")[0] for name in there}):
            own = {name.rpartition(".")[2]: name for name in there if name.rpartition(".")[0] == layer}
            if "Y" in own and not {"RY", "BY"} & own.keys():  # gray
                own |= dict.fromkeys("RGB", own["Y"])
            if {"R", "G", "B"} <= own.keys():
                return part, {channel: own[channel] for channel in "RGBA" if channel in own}
    raise MediaError(f"{path}: has no channels R, G and B; convert it to plain RGB first")


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
