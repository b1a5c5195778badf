"""What a media file is: size, exact rate, length, color, sound.

What a film holds comes from libavformat's own structures (`streams`), and when its frames are due from the ffmpeg
that decodes them (`packets`): so the rate is exact, a variable rate is seen for what it is, and the number of frames
is counted and not guessed from a rounded duration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import HDR_TRANSFERS, ColorTags, kept_tags
from dreamvid.images.content import is_moving_webp
from dreamvid.images.header import (
    DAMAGED,
    LARGEST_IMAGE,
    check_file,
    holds_image,
    open_quietly,
    read_header,
    read_image_metadata,
)
from dreamvid.media.ffmpeg import decodes_alpha_layers, failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.mastering import Mastering
from dreamvid.media.packets import Timing, read_timing
from dreamvid.media.read_webp import likely_rates, webp_timing
from dreamvid.media.streams import Contents, PictureStream, SoundStream, read_contents

_LONGEST_GAP = 2 * 3600  # seconds between two frames
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a source. Times are in seconds and exact; color names are ffmpeg's, None if untagged."""

    path: Path
    kind: Literal["video", "still", "sequence"]
    width: int
    """Pixels as shown, after rotation; not corrected for `sample_aspect`."""
    height: int
    rate: Fraction | None
    """Frames per second at which the source is read, constant; None for a still."""
    duration: Fraction | None
    frame_count: int
    """Number of frames to expect at `rate`."""
    variable_rate: bool = False
    rotation: int = 0
    """Degrees clockwise by which the stored picture is turned to be shown; already applied."""
    mirrored: bool = False
    """Whether the stored picture is mirrored, left to right, before it is turned; already applied."""
    bit_depth: int = 8
    pixel_format: str = ""
    video_codec: str | None = None
    color_space: str | None = None
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_range: str | None = None
    """"tv" (limited) or "pc" (full)."""
    sample_aspect: Fraction = Fraction(1)
    """Width of a shown pixel divided by its height."""
    audio_codecs: tuple[str, ...] = ()
    subtitle_codecs: tuple[str, ...] = ()
    has_chapters: bool = False
    has_alpha: bool = False
    interlaced: bool = False
    """Whether it says that a frame holds two moments, in alternate lines."""
    mastering: Mastering | None = None
    """What its HDR was made on, if it says so."""
    first_number: int = 1
    """The number of a sequence's first file."""
    pictures: int = 1
    """How many an image file holds; the first is read."""
    exr_layer: str | None = None
    """The layer of an EXR that is read; None: the main one."""
    timecode: ClipTimecode | None = None
    """That of the first frame, and the clip's reel."""
    first_frame_time: Fraction = field(default=Fraction(0), repr=False)
    """When the first frame is due, on the clock that ffmpeg seeks the picture by."""
    seekable: bool = field(default=False, repr=False)
    """Whether the container finds any frame exactly."""
    lost_alpha: bool = field(default=False, repr=False)
    """Whether it has transparency that this ffmpeg does not decode."""
    decoder: str | None = field(default=None, repr=False)
    """The decoder of ffmpeg's that is needed to get all there is; None: the usual one."""
    proprietary: str | None = field(default=None, repr=False)
    """What its colors are coded in, where ffmpeg decodes them but cannot tell what they mean."""

    @property
    def audio_codec(self) -> str | None:
        """The codec of the first sound track, or None if the clip is silent."""
        return self.audio_codecs[0] if self.audio_codecs else None

    @property
    def is_hdr(self) -> bool:
        """Whether it is coded for brighter screens (PQ or HLG), and looks flat on others."""
        return self.color_transfer in HDR_TRANSFERS

    @property
    def color(self) -> ColorTags | None:
        """How its colors are coded, what is missing filled in; None where it says nothing at all."""
        tags = self.color_space, self.color_primaries, self.color_transfer
        return None if tags == (None, None, None) else kept_tags(*tags)


MOVING_WEBP = "webp"
"""What the codec of an animated WebP is called."""


@dataclass(frozen=True)
class SoundInfo:
    """The sound tracks of a file, and when its picture starts on the clock that ffmpeg seeks the sound by."""

    codecs: tuple[str, ...]
    picture_start: Fraction
    has_picture: bool = False
    """Whether there is more to see than a cover."""
    tracks: tuple[SoundStream, ...] = ()
    """All of them, in the order of `codecs`."""
    clock: Fraction | None = None
    """When it begins, in seconds since midnight, where it is a Broadcast Wave that says so."""


def probe(path: Path | str, exr_layer: str | None = None) -> ClipInfo:
    """Return the facts about a video file or a still image, of an EXR those of a layer.

    Reads a video once without decoding it. Raises MediaError with a specific reason if the file is missing, a folder,
    empty, not a video, truncated before its index, or without a picture.
    """
    path = Path(path)
    check_file(path)
    if holds_image(path):
        return probe_image(path, exr_layer)
    if is_moving_webp(path):
        return _probe_webp(path)
    # Capital V: a cover picture in a sound file is no video.
    arguments = [*input_arguments(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    _, table, stderr = run_ffmpeg(arguments, loglevel="info")
    timing = read_timing(table.decode("ascii", "replace"))
    try:
        contents = read_contents(path, decode=timing is not None)
    except MediaError as error:
        # What ffmpeg cannot read either it has words for.
        raise (_cannot_read(path, stderr) if timing is None else error) from error
    if contents.picture is None:
        raise MediaError(f"{path}: the file has no video stream; give one that has")
    if timing is None or not contents.picture.width * contents.picture.height:
        raise MediaError(f"{path}: the video stream contains no frames; copy or export it again")
    return _clip_info(path, contents, contents.picture, timing, stderr)


def _probe_webp(path: Path) -> ClipInfo:
    timing = webp_timing(path)
    rate, variable = timing.choose_rate(likely_rates(timing))
    count = len(timing.ticks)
    try:
        with open_quietly(path) as image:
            width, height, has_alpha = *image.size, image.mode == "RGBA"
    except DAMAGED as error:
        raise MediaError(f"{path}: is damaged; copy or export it again") from error
    if not 0 < width * height <= LARGEST_IMAGE:
        raise MediaError(f"{path}: is {width}x{height} pixels, which is too large; give one of at most 16384x16384")
    length = timing.duration if variable else count / rate
    if variable:
        count = max(1, int(length * rate + Fraction(1, 2)))
    return ClipInfo(
        path, "video", width, height, rate, length, count,
        variable_rate=variable, bit_depth=8, pixel_format="rgba" if has_alpha else "rgb24", video_codec=MOVING_WEBP,
        has_alpha=has_alpha,
    )  # fmt: skip


def probe_image(path: Path, exr_layer: str | None = None) -> ClipInfo:
    """Return the facts about a still image, even if it is one that moves. Raises MediaError."""
    header = read_header(path, exr_layer)
    return ClipInfo(
        path, "still", header.width, header.height, None, None, 1,
        bit_depth=header.bit_depth, pixel_format=header.mode, has_alpha=header.has_alpha, pictures=header.pictures,
        exr_layer=exr_layer,
    )  # fmt: skip


def probe_sound(path: Path | str) -> SoundInfo:
    """Return the sound tracks of a video or sound file; none at all is no error. Raises MediaError."""
    path = Path(path)
    check_file(path)
    try:
        contents = read_contents(path, decode=False)
    except MediaError as error:
        raise _cannot_read(path, run_ffmpeg(input_arguments(path), loglevel="info")[2]) from error
    sounds, picture = contents.sounds, contents.picture
    codecs = tuple(sound.codec for sound in sounds)
    if not sounds or picture is None:
        return SoundInfo(codecs, Fraction(0), picture is not None, sounds, contents.clock)
    # Where the clock may jump ffmpeg counts from the first packet of what it was asked for, else from the start of
    # the file.
    zero = max(contents.start, min(sound.start for sound in sounds)) if contents.jumps else contents.start
    return SoundInfo(codecs, picture.start - zero, True, sounds)


def read_metadata(path: Path | str) -> dict[str, str]:
    """Return the global tags of a file, with lower-case names; tags stored by the writers come back unchanged.

    Raises MediaError if the file cannot be read.
    """
    path = Path(path)
    check_file(path)
    if holds_image(path):
        return read_image_metadata(path)
    if is_moving_webp(path):
        return {}
    code, output, stderr = run_ffmpeg([*input_arguments(path), "-f", "ffmetadata", "pipe:1"])
    if code:
        raise _cannot_read(path, stderr)
    # A backslash makes the next character (=, ;, #, \ or a line feed) plain; sections follow the global tags.
    tags = re.split(r"^\[", output.decode("utf-8", "replace"), maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^((?:[^\\=;#\n]|\\.)+)=((?:[^\\\n]|\\.)*)$", tags, re.MULTILINE | re.DOTALL)
    return {re.sub(r"\\(.)", r"\1", key).lower(): re.sub(r"(?s)\\(.)", r"\1", value) for key, value in found}


def _cannot_read(path: Path, stderr: str) -> MediaError:
    with path.open("rb") as file:
        head = file.read(8)
    if "moov atom not found" in stderr and head[4:] in _MP4_BOXES:
        return MediaError(f"{path}: the file is truncated (its index is missing); copy or record it again")
    reason = failure_reason(stderr.replace(file_url(path), path.name).splitlines())
    if "Invalid data" in reason:
        reason = "ffmpeg does not recognize its format"
    return MediaError(f"{path}: is not a video ({reason}); give a video, an image or frames/%05d.png")


def _clip_info(path: Path, contents: Contents, picture: PictureStream, timing: Timing, log: str) -> ClipInfo:
    width, height, aspect = picture.width, picture.height, picture.sample_aspect
    if not 0 < width * height <= LARGEST_IMAGE:
        raise MediaError(f"{path}: is {width}x{height} pixels, which is too large; give one of at most 16384x16384")
    if timing.longest_gap > _LONGEST_GAP:  # reading would hold the frame before it for as long
        hours = float(timing.longest_gap) / 3600
        raise MediaError(f"{path}: damaged: its timestamps jump by {hours:.1f} hours; copy or export it again")
    if picture.rotation in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    rate, variable = timing.choose_rate(picture.rates)
    length = timing.duration
    layer = picture.alpha_layer and decodes_alpha_layers()
    count = max(1, int(length * rate + Fraction(1, 2))) if variable else len(timing.ticks)
    timecode = None
    if contents.timecode is not None:
        timecode = ClipTimecode.stored(
            contents.timecode, rate, counted=contents.timecode_frame, reel=contents.reel
        )
    return ClipInfo(
        path, "video", width, height, rate, length if variable else count / rate, count,
        variable_rate=variable, rotation=picture.rotation, mirrored=picture.mirrored, bit_depth=picture.bit_depth,
        pixel_format=picture.pixel_format, video_codec=picture.codec,
        color_space=picture.matrix, color_primaries=picture.primaries, color_transfer=picture.transfer,
        color_range=picture.levels, mastering=picture.mastering, sample_aspect=aspect,
        audio_codecs=tuple(sound.codec for sound in contents.sounds), subtitle_codecs=contents.subtitles,
        has_chapters=contents.has_chapters, has_alpha=picture.has_alpha or layer,
        lost_alpha=picture.alpha_layer and not layer and not picture.has_alpha, interlaced=picture.interlaced,
        first_frame_time=timing.first,
        seekable=timing.sure and not {"mov", "matroska"}.isdisjoint(contents.containers),
        decoder=_ALPHA_DECODERS.get(picture.codec) if picture.has_alpha else None,
        proprietary=_proprietary(log), timecode=timecode,
    )  # fmt: skip


def _proprietary(log: str) -> str | None:
    """The Dolby Vision profile, if nothing but Dolby Vision can make sense of the colors.

    PyAV does not show this record of a stream, so it is read in what ffmpeg prints. Where the compatibility is 0 no
    other standard fits the picture; elsewhere the picture is HDR10, HLG or SDR by itself.
    """
    found = re.search(r"DOVI configuration record: .*profile: (\d+), .*compatibility id: 0\b", log)
    return f"Dolby Vision profile {found[1]}" if found else None
