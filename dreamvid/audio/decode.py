"""The sound of any film or sound file as samples on the clock of its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamvid.errors import MediaError
from dreamvid.media.ffmpeg import input_arguments, open_ffmpeg_on
from dreamvid.media.probe import probe_sound

SAMPLE_RATE = 44_100  # Hz

Samples = NDArray[np.float32]

_BLOCK = 10 * SAMPLE_RATE  # samples


def stream_sound(path: Path) -> Iterator[Samples]:
    """Yield the first sound track of a file as mono float32 at 44,100 Hz, about in [-1, 1], in blocks of ten seconds.

    Sample 0 sounds when the first picture is shown, or, where there is no picture, at the file's time 0: a track that
    starts later begins with silence, one that starts before the picture loses what nobody sees. Gaps are silence, too.
    Raises MediaError if the file is missing or unreadable or has no sound.
    """
    info = probe_sound(path)
    if not info.codecs:
        raise MediaError(f"{path}: has no sound track; give a file with sound")
    # In two steps: where the rate or the channels of the sound change on the way, ffmpeg builds its graph of filters
    # anew, and one that fills what is missing would then fill everything before once more. The second one is fed
    # sound that never changes.
    even = ["-map", "0:a:0", "-ac", "1", "-ar", str(SAMPLE_RATE), "-c:a", "pcm_f32le"]
    # Fills what is missing before and between the packets, and drops what lies before 0.
    filled = ["-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0", "-f", "f32le", "pipe:1"]
    empty = True
    with open_ffmpeg_on(
        [*input_arguments(path), *even, "-f", "nut", "-avoid_negative_ts", "disabled", "pipe:1"],
        ["-f", "nut", "-copyts", "-itsoffset", f"{float(-info.picture_start):.6f}", "-i", "pipe:0", *filled],
    ) as (output, reason):
        while block := output.read(4 * _BLOCK):
            samples = np.frombuffer(block, "<f4", len(block) // 4).astype(np.float32, copy=False)
            empty = empty and not len(samples)
            yield samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        problem = reason() or ("it contains no samples" if empty else "")
    if problem:
        raise MediaError(f"{path}: its sound cannot be decoded ({problem}); copy or export it again")


def decode_sound(path: Path) -> Samples:
    """Return all of `stream_sound` as one array of shape (samples,). An hour takes 0.6 GB."""
    return np.concatenate(list(stream_sound(path)))
