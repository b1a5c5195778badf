"""Joining encoded pieces of a film without encoding them again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.media.animation import Animation
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.mux import Original, mux
from dreamvid.media.sound import SoundPlan


def join_segments(
    segments: Sequence[Path],
    joined: Path,
    *,
    seconds: Fraction,
    sound: SoundPlan | None,
    original: Original | None = None,
    metadata: Mapping[str, str],
    animation: Animation | None = None,
    timecode: ClipTimecode | None = None,
) -> list[str]:
    """Join `segments`, films of one kind in one folder, and `sound` into `joined`, which lasts `seconds`.

    `metadata` comes back from `read_metadata`; of an `original` that is a video, tags, chapters and subtitles are kept.
    `timecode` is that of the first frame. An `animation` is encoded from the segments, and has only its picture.
    Returns lines about what was left out. Raises MediaError.
    """
    listing = segments[0].with_name("segments.ffconcat")
    listing.write_bytes(b"ffconcat version 1.0\n" + b"".join(b"file " + _listed(path) + b"\n" for path in segments))
    film = ["-protocol_whitelist", "file", "-f", "concat", "-safe", "0", "-i", file_url(listing)]
    try:
        if animation is not None:
            animation.encode(film, joined)
            return []
        return mux(
            film,
            joined,
            seconds=seconds,
            sound=sound,
            original=original if original is not None and original.info.kind == "video" else None,
            metadata=metadata,
            timecode=timecode,
        )
    finally:
        listing.unlink(missing_ok=True)


def packet_sizes(path: Path) -> list[int]:
    """Return the size of every encoded frame of a video, in bytes. Raises MediaError."""
    code, listing, stderr = run_ffmpeg(
        [*input_arguments(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    )
    if code:
        raise MediaError(f"{path}: its frames cannot be listed ({failure_reason(stderr.splitlines())})")
    rows = [line.split(",") for line in listing.decode().splitlines() if not line.startswith("#")]
    return [int(row[4]) for row in rows]


def _listed(path: Path) -> bytes:
    """A segment as a list names it: by its whole path, as ffmpeg would take ? and # in the names of folders above for
    parts of a web address. Line feeds a list cannot hold; there the plain name, beside the list, will do."""
    whole = os.fsencode(file_url(path.absolute()))
    if b"\n" in whole or b"\r" in whole:
        return os.fsencode(path.name)
    return b"'" + whole.replace(b"'", b"'\\''") + b"'"
