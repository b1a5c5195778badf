"""What a file says that it holds, stream by stream, and what its first frame turns out to be.

These facts come from libavformat's own structures, by way of PyAV, and not from the listing that ffmpeg prints: that
is made for people, and puts streams elsewhere when they belong to a group (a timecode track, a grid of tiles, layers
of sound). ffmpeg's outputs for machines do not hold them all, and ffprobe does not come with imageio-ffmpeg. PyAV has
a libavformat of its own, of another version than the ffmpeg that decodes. They were compared on every kind of file in
the tests: streams, their order, sizes, formats and tags agree. What may differ, the times of frames, is not taken from
here but from the ffmpeg that decodes (see `packets`).

It runs inside this process: another one would take a third of a second for every file. A film is read through by
ffmpeg before, so what crashes a demuxer mostly crashes there, and only one frame is decoded here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.format
import av.video

from dreamvid.errors import MediaError
from dreamvid.images.header import LARGEST_IMAGE
from dreamvid.media.ffmpeg import CONTAINERS, file_url
from dreamvid.media.mastering import Mastering

_PACKETS_TRIED = 100  # in search of a frame that can be decoded
_MICROSECONDS = 1_000_000
_LONGEST_TAG = 64  # characters of a reel's name or a timecode
_TIMECODE_BYTES = 4  # of a frame number in a timecode track
_ALPHA_INFO = b"\x4e\x01\xa5"  # the head of an SEI message of HEVC (F.14.2.8) and its type, which says what alpha means
_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT

# Code points of ISO/IEC 23091-2, by ffmpeg's names; what is missing here is unknown or reserved.
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2",
    16: "ycgco-re", 17: "ycgco-ro",
}  # fmt: skip
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_LEVELS = {1: "tv", 2: "pc"}


@dataclass(frozen=True)
class SoundStream:
    """One sound track; names are ffmpeg's."""

    index: int
    """Among all streams of the file."""
    codec: str
    """"none" where it is not known."""
    layout: str
    """Such as "stereo" or "5.1(side)"; empty where it is not known."""
    channels: int
    sample_rate: int
    """In Hz."""
    start: Fraction
    """When it begins, in seconds on the file's own clock."""


@dataclass(frozen=True)
class PictureStream:
    """The stream that is the film. Sizes are in pixels as stored; what the file does not say is None."""

    index: int
    codec: str
    width: int
    height: int
    pixel_format: str
    bit_depth: int
    has_alpha: bool
    alpha_layer: bool
    """Whether its transparency is a layer of HEVC, which not every ffmpeg decodes."""
    sample_aspect: Fraction
    rotation: int
    """Degrees clockwise by which it is turned to be shown, after `mirrored`: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether it is first mirrored, left to right."""
    interlaced: bool
    rates: tuple[Fraction, ...]
    """Frames per second as the file has them: on average, and the finest that all time stamps fit."""
    matrix: str | None
    primaries: str | None
    transfer: str | None
    levels: str | None
    mastering: Mastering | None
    start: Fraction
    """When it begins, in seconds on the file's own clock."""


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    containers: frozenset[str]
    """ffmpeg's names of the format."""
    start: Fraction
    """When it begins, in seconds on its own clock."""
    jumps: bool
    """Whether its clock may jump, as that of a broadcast does: then ffmpeg counts from the streams it was asked for."""
    picture: PictureStream | None
    sounds: tuple[SoundStream, ...]
    subtitles: tuple[str, ...]
    """Their codecs."""
    has_chapters: bool
    timecode: str | None = None
    """Of the first frame, as the file has it."""
    timecode_frame: int | None = None
    """The same as a number of frames, where a track of its own has that."""
    reel: str | None = None
    clock: Fraction | None = None
    """When its sound begins, in seconds since midnight, where it is a Broadcast Wave that says so."""


def read_contents(path: Path, *, decode: bool = True) -> Contents:
    """Return what a video or sound file holds; `decode` looks at the first frame, too.

    Without it rotation is not known. Raises MediaError if the file cannot be read, whatever is wrong with it.
    """
    with _opened(path) as container:
        begin = Fraction(container.start_time or 0, _MICROSECONDS)
        pictures = [item for item in container.streams if _shows_film(item)]
        return Contents(
            containers=frozenset(container.format.name.split(",")),
            start=begin,
            jumps=bool(int(container.format.flags) & _TS_DISCONT),
            sounds=tuple(_sound(item, begin) for item in container.streams if item.type == "audio"),
            subtitles=tuple(_codec(item) for item in container.streams if item.type == "subtitle"),
            has_chapters=bool(container.chapters()),
            timecode=_tag(container, pictures, "timecode"),
            timecode_frame=_timecode_frame(path, container),
            reel=_tag(container, pictures, "reel_name"),
            clock=_clock(container),
            # Last, since looking for a frame reads on.
            picture=_picture(path, container, pictures[0], begin, decode) if pictures else None,
        )


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    try:
        with av.open(file_url(path), "r", options=options, metadata_errors="replace") as container:
            yield container
    except MediaError:
        raise
    except Exception as error:  # what a damaged file runs the library into is of no certain kind
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(
            f"{path}: cannot be parsed ({str(reason).splitlines()[0]}); copy or export it again"
        ) from error


def _shows_film(stream: Any) -> bool:
    """Whether it is more to see than a cover: what ffmpeg calls V."""
    return stream.type == "video" and not stream.disposition & stream.disposition.attached_pic


def _tag(container: av.container.InputContainer, pictures: list[Any], name: str) -> str | None:
    """A tag of the picture, or of a track beside it (QuickTime's timecode, a camera's), or of the file."""
    for owner in (*pictures[:1], *container.streams, container):
        for key, value in owner.metadata.items():
            if key.lower() == name and 0 < len(value.strip()) <= _LONGEST_TAG and value.isprintable():
                return str(value.strip())
    return None


def _timecode_frame(path: Path, container: av.container.InputContainer) -> int | None:
    """The frame number that a timecode track begins with: the text that ffmpeg makes of it does not tell the rate that
    it counts at, which may be half the picture's."""
    numbers = [item.index for item in container.streams if item.type == "data" and "timecode" in item.metadata]
    if not numbers:
        return None
    with _opened(path) as other:  # reading on would take packets from those who come after
        packet = next(iter(other.demux(other.streams[numbers[0]])), None)
        content = b"" if packet is None else bytes(packet)
    return int.from_bytes(content, "big") if len(content) == _TIMECODE_BYTES else None


def _clock(container: av.container.InputContainer) -> Fraction | None:
    samples = container.metadata.get("time_reference", "")
    contexts = (item.codec_context for item in container.streams.audio)
    rates = [context.sample_rate for context in contexts if context is not None]
    if not rates or not rates[0] or not samples.isdecimal() or len(samples) > _LONGEST_TAG or not int(samples):
        return None  # 0 is what programs write that do not know
    return Fraction(int(samples), rates[0])


def _codec(stream: Any) -> str:
    context = stream.codec_context
    return "none" if context is None else str(context.codec.canonical_name)


def _start(stream: Any, begin: Fraction) -> Fraction:
    if stream.start_time is None or stream.time_base is None:
        return begin
    return Fraction(stream.start_time * stream.time_base)


def _sound(stream: Any, begin: Fraction) -> SoundStream:
    context = stream.codec_context
    start = _start(stream, begin)
    if context is None:
        return SoundStream(stream.index, "none", "", 0, 0, start)
    layout = context.layout
    return SoundStream(
        stream.index, _codec(stream), layout.name, layout.nb_channels, context.sample_rate or 0, start
    )  # fmt: skip


def _picture(
    path: Path, container: av.container.InputContainer, stream: Any, begin: Fraction, decode: bool
) -> PictureStream:
    context = stream.codec_context
    if context is None:
        raise MediaError(f"{path}: its video codec is not supported; convert it to H.264 first")
    width, height = context.width, context.height
    frame = _first_frame(container, stream) if decode and 0 < width * height <= LARGEST_IMAGE else None
    if frame is not None:  # where the size changes later on, the header may have the later one
        width, height = frame.width, frame.height
    form = frame.format if frame is not None else context.format
    shown = [part for part in form.components if not part.is_alpha] if form else []
    rotation, mirrored = _turn(frame)
    # A track of VP8 or VP9 has its transparency beside the picture, where only the container sees it.
    aside = str(stream.metadata.get("alpha_mode", "")) == "1"
    return PictureStream(
        index=stream.index,
        codec=_codec(stream),
        width=width,
        height=height,
        pixel_format=form.name if form else "",
        bit_depth=min(16, max([8, *(part.bits for part in shown)])),
        has_alpha=aside or (form is not None and (form.has_palette or len(shown) < len(form.components))),
        alpha_layer=_codec(stream) == "hevc" and _ALPHA_INFO in bytes(context.extradata or b""),
        sample_aspect=stream.sample_aspect_ratio or Fraction(1),
        rotation=rotation,
        mirrored=mirrored,
        interlaced=frame is not None and frame.interlaced_frame,
        rates=tuple(Fraction(rate) for rate in (stream.average_rate, stream.base_rate) if rate and rate > 0),
        matrix=_MATRICES.get(int(context.colorspace)),
        primaries=_PRIMARIES.get(int(context.color_primaries)),
        transfer=_TRANSFERS.get(int(context.color_trc)),
        levels=_LEVELS.get(int(context.color_range)),
        mastering=None if frame is None else Mastering.of(frame.side_data),
        start=_start(stream, begin),
    )


def _first_frame(container: av.container.InputContainer, stream: Any) -> av.video.VideoFrame | None:
    """The first frame that can be decoded, if one of the first packets gives any."""
    stream.codec_context.thread_count = 1
    packets = container.demux(stream)
    for _ in range(_PACKETS_TRIED):
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
        except (av.FFmpegError, ValueError):  # damaged, or no decoder here: reading it says so
            continue
        if frames:
            first: av.video.VideoFrame = frames[0]
            return first
        if packet is None:
            break
    return None


def _turn(frame: av.video.VideoFrame | None) -> tuple[int, bool]:
    """How a frame is turned to be shown: degrees clockwise, and whether it is mirrored before."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX") if frame is not None else None
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))  # where the axes of the stored picture point to
    mirrored = a * d < b * c
    if mirrored:
        a, b = -a, -b
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored
