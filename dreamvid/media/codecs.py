"""What a codec is, and which suits a file; the codecs themselves are in `encoders`, a module each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.color import ColorTags
from dreamvid.media.ffmpeg import failure_reason, run_ffmpeg
from dreamvid.media.mastering import Mastering
from dreamvid.runtime.registers import CODECS

_ANY_SOUND = None


@dataclass(frozen=True)
class Encoding:
    """One way in which a codec stores pixels, by ffmpeg's name of their format."""

    pixel_format: str
    bit_depth: int
    arguments: tuple[str, ...] = ()
    """ffmpeg's, beside those of the codec."""
    alpha: bool = False

    @property
    def is_rgb(self) -> bool:
        """Whether pixels are stored as RGB and so come back exactly."""
        return self.pixel_format.startswith(("bgr", "gbr"))

    @property
    def deep(self) -> bool:
        """Whether it stores more than 8 bits, and is therefore fed 16."""
        return self.bit_depth > 8


@dataclass(frozen=True)
class Codec:
    """How ffmpeg is told to write one kind of video."""

    name: str
    arguments: tuple[str, ...]
    encodings: tuple[Encoding, ...]
    """The default first; those with alpha in the same order of depths."""
    suffixes: tuple[str, ...]
    crf: int | None = None
    """The default of the constant rate factor: lower is better and larger. None: the codec has no such thing."""
    crf_limit: int = 51
    multiple_of: tuple[int, int] = (1, 1)
    """Width and height must be multiples of these: chroma is stored for pairs of pixels."""
    smallest: tuple[int, int] = (2, 2)
    lossless: bool = False
    quality_flag: str = "-crf"
    """What ffmpeg calls the constant rate factor, or what comes nearest to it."""
    stand_in: str | None = None
    """For a codec that needs a certain device: the one that makes the same kind of file without it."""
    holds_hdr: bool = False
    """Whether players take HDR (PQ, HLG) in it."""
    mastering_arguments: Callable[[Mastering], tuple[str, ...]] | None = None
    """ffmpeg's, that write what PQ was made on into the stream; None: it cannot say that."""
    bytes_per_pixel: float = 1.0
    """Of a dreamed film, for the check of the disk: measured on `samples/journey.mp4` at 480x270, default quality."""

    @property
    def holds_alpha(self) -> bool:
        """Whether it can store transparency."""
        return any(encoding.alpha for encoding in self.encodings)

    def encoding(self, bit_depth: int | None, *, alpha: bool) -> Encoding | None:
        """The way to store `bit_depth` bits, or the codec's own; with alpha if there is one. None: there is none."""
        fitting = [encoding for encoding in self.encodings if encoding.alpha == (alpha and self.holds_alpha)]
        return next((encoding for encoding in fitting if bit_depth in (None, encoding.bit_depth)), None)


@dataclass(frozen=True)
class AnimationCodec(Codec):
    """A picture that moves, and has no sound; see `dreamvid.media.animation`."""

    pieces: str = "ffv1"
    """The lossless codec that the film is recorded with, until it is whole."""
    most_rate: int | None = None
    """Frames per second that players show, at most."""
    quality: int | None = None
    """Of 1 to 100, where it has such a thing."""


NVENC = ("-preset", "p6", "-tune", "hq", "-rc", "vbr", "-b:v", "0")
"""What NVIDIA's encoders have in common."""


@dataclass(frozen=True)
class PictureCodec:
    """Numbered pictures: a choice of their format, which their names say, too."""

    name: str
    suffix: str


AnyCodec = Codec | PictureCodec


def video_codecs() -> list[Codec]:
    """All codecs that films are encoded with."""
    return [codec for codec in CODECS.values() if isinstance(codec, Codec)]


def video_codec(name: str) -> Codec | None:
    """The codec of that name, if it is one that films are encoded with."""
    codec = CODECS.get(name)
    return codec if isinstance(codec, Codec) else None


def animation_codec(target: Path) -> AnimationCodec | None:
    """The codec of a film of that name, where it is a picture that moves."""
    suffix = target.suffix.lower()
    found = (codec for codec in video_codecs() if isinstance(codec, AnimationCodec) and suffix in codec.suffixes)
    return next(found, None)


def pieces_codec(codec: AnimationCodec) -> Codec:
    """The codec that the pieces of a picture that moves are recorded with."""
    found = video_codec(codec.pieces)
    if found is None:
        raise ValueError(f"{codec.pieces}, in which the pieces of {codec.name} are kept, is no video codec")
    return found


def pieces_suffix(target: Path) -> str:
    """How the names of a film's pieces end, which are joined into `target`."""
    codec = animation_codec(target)
    return target.suffix if codec is None else pieces_codec(codec).suffixes[0]


def picture_suffix(name: str) -> str | None:
    """How the names of the numbered pictures end that a codec writes; None: it writes a film."""
    codec = CODECS.get(name)
    return codec.suffix if isinstance(codec, PictureCodec) else None


SOUND_CODECS: dict[str, frozenset[str] | None] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
                       "pcm_s32le", "pcm_f32le"}),
    ".mkv": _ANY_SOUND,
    ".webm": frozenset({"opus", "vorbis"}),
}  # fmt: skip
"""The sound codecs that a container takes as they are and that players find there."""

TEXT_SUBTITLES = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})
"""The codecs of subtitles that are text, and can be made into one another; others are pictures."""

SUBTITLE_CODECS: dict[str, tuple[str, frozenset[str]]] = {
    ".mp4": ("mov_text", frozenset({"mov_text"})),
    ".mov": ("mov_text", frozenset({"mov_text"})),
    ".mkv": ("srt", frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle",
                               "dvb_subtitle"})),
    ".webm": ("webvtt", frozenset({"webvtt"})),
}  # fmt: skip
"""What text subtitles are made into for a container, and those that it takes as they are."""


def codec_at_hand(codec: Codec) -> tuple[Codec, str | None]:
    """Return the codec if this machine can encode with it; else its stand-in, and a line that says why.

    Raises MediaError where there is none: not every ffmpeg is built with all encoders.
    """
    if (problem := _find_problem(codec)) is None:
        return codec, None
    if codec.stand_in is None:
        raise MediaError(
            f"codec {codec.name} is not supported by this ffmpeg ({problem}); choose another --codec, or unset "
            "IMAGEIO_FFMPEG_EXE"
        )
    other = video_codec(codec.stand_in)
    if other is None:
        raise ValueError(f"{codec.stand_in}, which is to stand in for {codec.name}, is no video codec")
    return other, f"{codec.name} is not available on this machine ({problem}): using {other.name} on the CPU instead"


@functools.cache
def _find_problem(codec: Codec) -> str | None:
    """Try to encode two frames; return why that fails."""
    encoding = codec.encodings[0]
    source = ["-f", "lavfi", "-i", "color=size=320x192:rate=1"]
    arguments = [*codec.arguments, *encoding.arguments, "-pix_fmt", encoding.pixel_format]
    code, _, stderr = run_ffmpeg([*source, *arguments, "-frames:v", "2", "-f", "null", "-"])
    return failure_reason(stderr.splitlines()[:1]) if code else None


def find_codec(
    name: str, path: Path, width: int, height: int, crf: int | None, bit_depth: int | None = None
) -> Codec:
    """Return the codec of that name, if it can write this file.

    Raises SettingsError for an unknown name, and for a crf or a bit depth that it does not have; MediaError if the
    file's ending or the size of the picture does not suit it.
    """
    codec = CODECS.find(name)
    if isinstance(codec, PictureCodec):
        pattern = f"{path.stem}/%05d{codec.suffix}"
        raise MediaError(f"{path}: codec {name} writes numbered pictures; give a name such as {pattern}")
    suffix = path.suffix.lower()
    if suffix not in codec.suffixes:
        others = [other.name for other in video_codecs() if suffix in other.suffixes]
        remedy = " or ".join(codec.suffixes) + (f", or codec {' or '.join(others)}" if others else "")
        raise MediaError(f"{path}: codec {name} does not support files with this extension; use {remedy}")
    if crf is not None and codec.crf is None:
        raise SettingsError(f"codec {name} does not support CRF; leave out --crf")
    if crf is not None and not 0 <= crf <= codec.crf_limit:
        raise SettingsError(f"crf {crf} is out of range for codec {name}; use 0 to {codec.crf_limit}")
    if codec.encoding(bit_depth, alpha=False) is None:
        depths = sorted({encoding.bit_depth for encoding in codec.encodings})
        raise SettingsError(f"codec {name} does not support {bit_depth} bits; use {' or '.join(map(str, depths))}")
    if width < codec.smallest[0] or height < codec.smallest[1]:
        raise MediaError(
            f"{path}: codec {name} needs at least {codec.smallest[0]}x{codec.smallest[1]} pixels, not {width}x{height}"
        )
    return codec


def color_filters(encoding: Encoding, color: ColorTags) -> list[str]:
    """ffmpeg's filters that turn full-range RGB into what is stored, and tag it; without them ffmpeg converts by
    BT.601 and tags nothing."""
    primaries = f"color_primaries={color.primaries}:color_trc={color.transfer}"
    if encoding.is_rgb:
        return [f"setparams={primaries}"]
    return [
        f"scale=flags=bicubic+accurate_rnd+full_chroma_int:out_color_matrix={color.scaler_matrix}:out_range=tv",
        f"format={encoding.pixel_format}",
        f"setparams=colorspace={color.matrix}:{primaries}:range=tv",
    ]
