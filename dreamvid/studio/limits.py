"""How much may be handed in: limits of what it becomes, found in headers before anything is decoded."""

from __future__ import annotations

import re
import threading
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tifffile import COMPRESSION, TiffFile, TiffPage

from dreamvid.config.fields import fields_of
from dreamvid.config.scheduled import LayerSchedule
from dreamvid.config.settings import Settings, key_of
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.header import is_image
from dreamvid.media import ClipInfo, probe
from dreamvid.media.ffmpeg import input_arguments, run_ffmpeg

_LARGEST_GUIDE, _LARGEST_OCTAVE = 1536, 2048  # px
_MOST_TARGETS = 32  # layers or classes, each of which takes memory
_DEFLATE = (COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE)
_PLAIN = (COMPRESSION.NONE, COMPRESSION.PACKBITS, COMPRESSION.LZW, COMPRESSION.JPEG)
_SHARPEST_DEFLATE = 1032  # bytes that one may become
_KIB = 1024
_ONE_AT_A_TIME = threading.Lock()
"""Headers of a picture may themselves be large: 2 GB where all of the file is tags."""


@dataclass(frozen=True)
class Limits:
    """How much may be handed in.

    Attributes:
        size: bytes of a file.
        picture: bytes of a file that is one picture.
        text: bytes of a file with a look.
        document: bytes of a list, or of a project of another program.
        weights: bytes of a network's weights, unpacked.
        pixels: of a frame.
        frames: of a clip, or of the film that is made of it.
        seconds: of a clip.
        sound: seconds of a song, or of a clip whose sound is followed.
        total: bytes of all files that lie here at a time.
    """

    size: int = 2 * 10**9
    picture: int = 400 * 10**6
    text: int = 10**6
    document: int = 16 * 10**6
    weights: int = 10**9
    pixels: int = 48 * 10**6
    frames: int = 500_000
    seconds: float = 7200
    sound: float = 1800
    total: int = 10 * 10**9


def check_size(path: Path, most: int) -> None:
    """Raise `MediaError` unless there is a file of 1 to `most` bytes."""
    if not path.is_file():
        raise MediaError(f"{path.name}: there is no such file; the studio accepts single files")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(f"{path.name}: the file is empty; copy or export it again")
    if size > most:
        raise MediaError(
            f"{path.name}: {_bytes(size)} is too large; the studio accepts at most {_bytes(most)} for such files"
        )


def check_picture(path: Path, limits: Limits) -> ClipInfo:
    """The facts of a picture or film that becomes no more than the limits. Raises `MediaError`."""
    if is_image(path):
        check_size(path, limits.picture)
        with _ONE_AT_A_TIME:
            info = probe(path)
            _check_pixels(path, info.width * info.height, f"{info.width}x{info.height}", limits)
            _check_unpacked(path, limits)
        return info
    _check_length(path, limits, limits.seconds)
    info = probe(path)
    _check_pixels(path, info.width * info.height, f"{info.width}x{info.height}", limits)
    _check_frames(path, info.frame_count, limits)
    _check_seconds(path, info.duration or 0, limits.seconds)
    return info


def check_sound(path: Path, limits: Limits) -> None:
    """Raise `MediaError` where a song is longer than the limits."""
    _check_length(path, limits, limits.sound)


def check_weights(path: Path, limits: Limits) -> None:
    """Raise `MediaError` where a network's weights would be too large once unpacked."""
    check_size(path, limits.weights)
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as file:
            unpacked = sum(one.file_size for one in file.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise MediaError(f"{path.name}: is damaged ({error}); copy or export it again") from error
    if unpacked > limits.weights:
        raise MediaError(
            f"{path.name}: contains {_bytes(unpacked)} of weights; the studio accepts at most {_bytes(limits.weights)}"
        )


def check_film(settings: Settings, info: ClipInfo | None, limits: Limits) -> None:
    """Raise `SettingsError` where what `settings` make of a source would be too much."""
    if settings.size is not None and settings.size[0] * settings.size[1] > limits.pixels:
        raise SettingsError(f"--size: the studio renders frames of at most {limits.pixels / 1e6:.0f} megapixels")
    if settings.guide_size > _LARGEST_GUIDE:
        raise SettingsError(f"--guide-size: the studio accepts at most {_LARGEST_GUIDE}")
    if settings.octave_sizes and max(settings.octave_sizes) > _LARGEST_OCTAVE:
        raise SettingsError(f"--octave-sizes: the studio accepts at most {_LARGEST_OCTAVE}")
    for name, _, facts in fields_of(Settings):
        if facts.repeatable and len(_items(getattr(settings, name))) > _MOST_TARGETS:
            raise SettingsError(f"--{key_of(name)}: the studio accepts at most {_MOST_TARGETS} at a time")
    duration = None if info is None else info.duration
    if settings.needs_sound and settings.react is None and duration is not None and duration > limits.sound:
        most = f"{limits.sound / 60:g} minutes"
        raise SettingsError(f"the studio analyzes the sound of clips of at most {most}; trim it first")
    if settings.rate is not None and duration is not None and duration * settings.rate > limits.frames:
        raise SettingsError(f"--rate: the studio renders films of at most {limits.frames} frames")


def _items(value: Sequence[object] | LayerSchedule | None) -> Sequence[object]:
    return value.layers if isinstance(value, LayerSchedule) else value or ()


def _check_length(path: Path, limits: Limits, most: float) -> None:
    """Look at all packets of a film or song, whatever its header says of them."""
    tracks = ["-map", "0:V:0?", "-map", "0:a:0?", "-c", "copy", "-f", "null", "-"]
    _, said, _ = run_ffmpeg(["-progress", "pipe:1", "-stats_period", "3600", *input_arguments(path), *tracks])
    text = said.decode("ascii", "replace")
    _check_frames(path, max(map(int, re.findall(r"^frame=(\d+)$", text, re.MULTILINE)), default=0), limits)
    microseconds = max(map(int, re.findall(r"^out_time_us=(\d+)$", text, re.MULTILINE)), default=0)
    _check_seconds(path, Fraction(microseconds, 10**6), most)


def _check_pixels(path: Path, pixels: int, size: str, limits: Limits) -> None:
    if pixels > limits.pixels:
        raise MediaError(
            f"{path.name}: {size} is too large for the studio ({limits.pixels / 1e6:.0f} megapixels); scale it down "
            "first"
        )


def _check_frames(path: Path, frames: int, limits: Limits) -> None:
    if frames > limits.frames:
        raise MediaError(
            f"{path.name}: it has {frames} frames, but the studio accepts at most {limits.frames}; trim it first"
        )


def _check_seconds(path: Path, seconds: Fraction | float, most: float) -> None:
    if seconds > most:
        raise MediaError(
            f"{path.name}: it lasts {float(seconds) / 60:.0f} minutes, but the studio accepts at most {most / 60:g}; "
            "trim it first"
        )


def _check_unpacked(path: Path, limits: Limits) -> None:
    """Of formats whose pieces may become larger than the picture."""
    match path.suffix.lower():
        case ".exr":
            _check_exr(path, limits)
        case ".tif" | ".tiff":
            _check_tiff(path, limits)


def _check_exr(path: Path, limits: Limits) -> None:
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True, header_only=True) as file:
        samples = 0
        for part in file.parts:
            (left, top), (right, bottom) = (map(int, corner) for corner in part.header["dataWindow"])
            samples += (right - left + 1) * (bottom - top + 1) * len(part.header["channels"])
    _check_pixels(path, samples // 4, f"{samples / 1e6:.0f} million values", limits)


def _check_tiff(path: Path, limits: Limits) -> None:
    with TiffFile(path) as file:
        page = file.pages.first
        if not isinstance(page, TiffPage):
            return
        piece = page.tilewidth * page.tilelength if page.is_tiled else 0
        samples = max(piece, page.imagewidth * page.imagelength * page.imagedepth) * page.samplesperpixel
        _check_pixels(path, samples * max(8, page.bitspersample) // 64, f"{samples / 1e6:.0f} million values", limits)
        if page.compression in _PLAIN:
            return
        most = max(piece, page.imagewidth * page.rowsperstrip) * page.samplesperpixel * page.bitspersample // 8 + _KIB
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            if page.compression not in _DEFLATE:
                raise MediaError(
                    f"{path.name}: the studio does not support this kind of TIFF; save it with ZIP or LZW compression"
                )
            if count * _SHARPEST_DEFLATE <= most:
                continue
            file.filehandle.seek(offset)
            unpacking = zlib.decompressobj()
            unpacking.decompress(file.filehandle.read(min(count, limits.picture)), most)
            if unpacking.unconsumed_tail:
                raise MediaError(f"{path.name}: it contains more pixels than its size says; export it again")


def _bytes(count: int) -> str:
    unit, name = next((one for one in ((10**9, "GB"), (10**6, "MB")) if count >= one[0]), (1000, "kB"))
    return f"{count / unit:.3g} {name}"
