"""Carrying sound tracks over to the finished picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.media.codecs import SOUND_CODECS
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.probe import SoundInfo, probe_sound


@dataclass(frozen=True)
class SoundTrack:
    """All the sound of a video or sound file, from `start` on.

    `start` is in seconds from the file's first picture, or from its beginning where it has none: so it is the
    time `index / rate` of the frame that becomes the first one.
    """

    path: Path
    start: Fraction = Fraction(0)


def add_sound(
    picture: Path, sound: SoundTrack, info: SoundInfo, target: Path, seconds: Fraction, container: list[str]
) -> None:
    """Join the encoded `picture` and `sound` into `target`, which lasts `seconds`, the picture's length.

    Streams are copied; only a sound codec that the container does not take is encoded anew (AAC, or Opus for
    WebM). `container` are ffmpeg's options for the container. Raises MediaError.
    """
    begin = sound.start + info.picture_start
    offset, cut = [], []
    if begin > 0:
        # Seeking lands on a key frame of the picture: sound copied from there on would lie before our first frame.
        offset, cut = ["-ss", f"{float(begin):.6f}"], ["-copypriorss:a", "0"]
    elif begin < 0:
        offset = ["-itsoffset", f"{float(-begin):.6f}"]
    accepted = SOUND_CODECS[target.suffix.lower()]
    codecs: list[str] = []
    for index, codec in enumerate(info.codecs):
        if accepted is None or codec in accepted:
            codecs += [f"-c:a:{index}", "copy"]
        elif target.suffix.lower() == ".webm":
            codecs += [f"-c:a:{index}", "libopus", f"-b:a:{index}", "160k"]
        else:
            codecs += [f"-c:a:{index}", "aac", f"-b:a:{index}", "192k"]
    # Not -shortest: it would end the picture with the sound.
    code, _, stderr = run_ffmpeg(
        [
            *input_arguments(picture), *input_arguments(sound.path, *offset),
            "-map", "0:v", "-map", "1:a", "-c:v", "copy", *codecs, *cut,
            "-map_metadata", "0", "-map_chapters", "-1", "-t", f"{float(seconds):.6f}",
            *container, "-y", file_url(target),
        ]
    )  # fmt: skip
    if code:
        raise MediaError(
            f"{sound.path}: its sound cannot be joined to the picture ({failure_reason(stderr.splitlines())}); "
            "render without sound, or give another file"
        )


def check_sound(sound: SoundTrack) -> SoundInfo:
    """Return the sound tracks of the file; raises MediaError if it cannot be read, not if it is silent."""
    return probe_sound(sound.path)
