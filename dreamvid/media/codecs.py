"""The video codecs that can be written, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dreamvid.errors import MediaError, SettingsError, did_you_mean

_ANY_SOUND = None


@dataclass(frozen=True)
class Codec:
    """How ffmpeg is told to write one kind of video."""

    name: str
    arguments: tuple[str, ...]
    pixel_format: str
    suffixes: tuple[str, ...]
    crf: int | None = None
    """The default of the constant rate factor: lower is better and larger. None: the codec has no such thing."""
    crf_limit: int = 51
    multiple_of: tuple[int, int] = (1, 1)
    """Width and height must be multiples of these: chroma is stored for pairs of pixels."""
    deep: bool = False
    """Whether it stores more than 8 bits, and is therefore fed 16."""
    smallest: tuple[int, int] = (2, 2)

    @property
    def is_rgb(self) -> bool:
        """Whether pixels are stored as RGB and so come back exactly."""
        return self.pixel_format in ("bgr0", "gbrp")


_X265_QUIET = ("-x265-params", "log-level=error")

CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", ("-c:v", "libx264", "-preset", "medium"), "yuv420p", (".mp4", ".mov", ".mkv"), 16,
              multiple_of=(2, 2)),
        Codec("h265", ("-c:v", "libx265", "-preset", "medium", "-tag:v", "hvc1", *_X265_QUIET), "yuv420p10le",
              (".mp4", ".mov", ".mkv"), 18, multiple_of=(2, 2), deep=True, smallest=(16, 16)),
        Codec("av1", ("-c:v", "libsvtav1", "-preset", "6"), "yuv420p10le", (".mp4", ".mkv", ".webm"), 24,
              crf_limit=63, multiple_of=(2, 2), deep=True, smallest=(64, 64)),
        Codec("prores", ("-c:v", "prores_ks", "-profile:v", "hq", "-vendor", "apl0"), "yuv422p10le",
              (".mov", ".mkv"), multiple_of=(2, 1), deep=True),
        Codec("dnxhr", ("-c:v", "dnxhd", "-profile:v", "dnxhr_hqx"), "yuv422p10le", (".mov", ".mkv"),
              multiple_of=(2, 1), deep=True, smallest=(256, 120)),
        Codec("ffv1", ("-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1"), "bgr0", (".mkv",)),
    )
}  # fmt: skip

SOUND_CODECS: dict[str, frozenset[str] | None] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
                       "pcm_s32le", "pcm_f32le"}),
    ".mkv": _ANY_SOUND,
    ".webm": frozenset({"opus", "vorbis"}),
}  # fmt: skip
"""The sound codecs that a container takes as they are and that players find there."""


def find_codec(name: str, path: Path, width: int, height: int, crf: int | None) -> Codec:
    """Return the codec of that name, if it can write this file.

    Raises SettingsError for an unknown name or a crf that makes no sense, MediaError if the file's ending or
    the size of the picture does not suit the codec.
    """
    codec = CODECS.get(name)
    if codec is None:
        raise SettingsError(f"codec {name!r} is unknown; known are {', '.join(CODECS)}{did_you_mean(name, CODECS)}")
    suffix = path.suffix.lower()
    if suffix not in codec.suffixes:
        others = [other.name for other in CODECS.values() if suffix in other.suffixes]
        remedy = " or ".join(codec.suffixes) + (f", or codec {' or '.join(others)}" if others else "")
        raise MediaError(f"{path}: codec {name} does not go into a file of that ending; use {remedy}")
    if crf is not None and codec.crf is None:
        raise SettingsError(f"codec {name} has no crf; leave it out")
    if crf is not None and not 0 <= crf <= codec.crf_limit:
        raise SettingsError(f"crf {crf} is out of range for codec {name}; use 0 to {codec.crf_limit}")
    if width < codec.smallest[0] or height < codec.smallest[1]:
        raise MediaError(
            f"{path}: codec {name} needs at least {codec.smallest[0]}x{codec.smallest[1]} pixels, not {width}x{height}"
        )
    return codec
