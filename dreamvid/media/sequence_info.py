"""What numbered pictures say about the film that they are: size, rate, timecode."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.content import image_format
from dreamvid.images.header import read_header
from dreamvid.media.probe import ClipInfo, probe_image
from dreamvid.media.sequence import first_number


def own_rate(picture: Path) -> Fraction | None:
    """The rate of the sequence that a picture is the first of, where it says so: EXR can."""
    if image_format(picture) != "exr":
        return None
    from dreamvid.images.exr import read_exr_rate

    return read_exr_rate(picture)


def _own_timecode(picture: Path, rate: Fraction) -> ClipTimecode | None:
    if image_format(picture) != "exr":
        return None
    from dreamvid.images.exr import read_exr_timecode

    return read_exr_timecode(picture, rate)


def sequence_info(
    source: Path, paths: list[Path], rate: Fraction, known: ClipInfo | None, exr_layer: str | None
) -> ClipInfo:
    """Return the facts about a sequence: what any of its images has; all must have one size."""
    if known is None:
        known = probe_image(paths[0], exr_layer)
        for path in paths[1:]:
            header = read_header(path, exr_layer)
            if (header.width, header.height) != (known.width, known.height):
                raise MediaError(
                    f"{path}: is {header.width}x{header.height}, but {paths[0].name} is {known.width}x{known.height}; "
                    "give all images the same size"
                )
            known = replace(
                known,
                has_alpha=known.has_alpha or header.has_alpha,
                bit_depth=max(known.bit_depth, header.bit_depth),
                pictures=max(known.pictures, header.pictures),
            )
    return replace(
        known, path=source, kind="sequence", rate=rate, duration=len(paths) / rate, frame_count=len(paths),
        first_number=first_number(source, paths), timecode=_own_timecode(paths[0], rate),
    )  # fmt: skip
