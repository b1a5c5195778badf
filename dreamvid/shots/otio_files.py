"""OpenTimelineIO files: opened, written, and what the media in them are called.

Only this module and those that it serves know of `opentimelineio`, which is an extra: `pip install
'dreamvid[editing]'`. EDL and whatever else an installed adapter reads are timelines, too.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.header import check_file
from dreamvid.media.sequence import parse_pattern

_LARGEST = 2**27  # bytes: a feature film with all its takes has some 20 MB
_NEAR = Fraction(1, 10_000)
_NTSC = Fraction(1000, 1001)


def import_otio() -> Any:
    """The library. Raises `SettingsError` where it is not installed."""
    try:
        import opentimelineio
    except ImportError:
        raise SettingsError(
            "timelines need OpenTimelineIO; install it with: pip install 'dreamvid[editing]'"
        ) from None
    return opentimelineio


def timeline_suffixes() -> frozenset[str]:
    """What the names of timelines end in that can be read here, in small letters: `.otio`, and those of adapters."""
    suffixes = import_otio().adapters.suffixes_with_defined_adapters(read=True)
    return frozenset(f".{suffix.lower()}" for suffix in suffixes)


def read_timeline(path: Path, rate: Fraction | None = None) -> Any:
    """The `opentimelineio.schema.Timeline` in a file; `rate` is for EDLs, which do not tell theirs.

    Raises `MediaError` where it cannot be read or holds none, `SettingsError` where OpenTimelineIO is not installed.
    """
    otio = import_otio()
    check_file(path)
    if path.stat().st_size > _LARGEST:
        raise MediaError(f"{path}: is too large for a timeline; export only the sequence that you need")
    if path.suffix.lower() not in timeline_suffixes():
        raise MediaError(
            f"{path}: not a timeline that can be read here; export it as .otio, or install an OpenTimelineIO adapter"
        )
    options = {"rate": float(exact_rate(float(rate)))} if rate is not None and path.suffix.lower() == ".edl" else {}
    try:
        found = otio.adapters.read_from_file(str(path), **options)
    except Exception as error:  # adapters raise whatever they run into
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise MediaError(f"{path}: cannot be read as a timeline ({reason[0]}); export it again") from error
    if isinstance(found, otio.schema.SerializableCollection):
        found = next(iter(found.find_children(descended_from_type=otio.schema.Timeline)), None)
    if not isinstance(found, otio.schema.Timeline):
        raise MediaError(f"{path}: holds no timeline; export a sequence or timeline, not a clip or a bin")
    return found


def exact_rate(rate: float) -> Fraction:
    """The rate that a float stands for: 23.976 is 24000/1001."""
    near = Fraction(rate).limit_denominator(1001)
    for exact in (Fraction(math.ceil(rate)), math.ceil(rate) * _NTSC):
        if abs(Fraction(rate) / exact - 1) < _NEAR:
            return exact
    return near


def frame_of(time: Any, rate: Fraction) -> int:
    """The frame of a `RationalTime` at a rate. Those that count at another one are converted, to the nearest.

    Raises `MediaError` where it has no rate.
    """
    if not (0 < time.rate < math.inf and math.isfinite(time.value)):
        raise MediaError(f"the timeline has a time of {time.value} at {time.rate} frames per second; export it again")
    if abs(Fraction(time.rate) / rate - 1) < _NEAR:  # 23.976 for 24000/1001
        count: float = time.value
        return round(count)
    return math.floor(Fraction(time.value) / exact_rate(time.rate) * rate + Fraction(1, 2))


def time_range(otio: Any, first: int, frames: int, rate: Fraction) -> Any:
    """A `TimeRange` of frames."""
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(first, float(rate)), otio.opentime.RationalTime(frames, float(rate))
    )


def path_of_url(url: str, folder: Path) -> Path | None:
    """The file that a media reference means, seen from the `folder` of its timeline; None: it is none on a disk."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half a web address
        return None
    if len(parts.scheme) == 1:  # a drive of Windows
        return Path(url)
    if parts.scheme not in ("", "file"):
        return None
    name = unquote(parts.path)
    if not parts.scheme and (folder / url).exists():  # many programs write names as they are
        name = url
    if os.name == "nt" and name[:1] == "/" and name[2:3] == ":":
        name = name[1:]
    return folder / name if name else None


def name_of_media(reference: Any) -> str | None:
    """The name of the file, or of the numbered pictures with a # for the number, of a media reference."""
    otio = import_otio()
    if isinstance(reference, otio.schema.ExternalReference):
        path = path_of_url(reference.target_url or "", Path())
        return None if path is None else path.as_posix().replace("\\", "/").rpartition("/")[2]
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return f"{reference.name_prefix}#{reference.name_suffix}"
    return None


def url_of_path(path: Path) -> str:
    """A file's address for a media reference, whole: editing programs look for it from anywhere."""
    return path.absolute().as_uri()


def media_reference(otio: Any, path: Path, first: int, frames: int, rate: Fraction, number: int = 1) -> Any:
    """The reference to a film, or to numbered pictures (a pattern), the first of which has this `number`."""
    available = time_range(otio, first, frames, rate)
    pattern = None if path.is_file() else parse_pattern(path)
    if pattern is None:
        return otio.schema.ExternalReference(target_url=url_of_path(path), available_range=available)
    return otio.schema.ImageSequenceReference(
        target_url_base=url_of_path(pattern.folder) + "/",
        name_prefix=pattern.prefix,
        name_suffix=pattern.suffix,
        start_frame=number,
        rate=float(rate),
        frame_zero_padding=pattern.width if pattern.filled else 0,
        available_range=available,
    )
