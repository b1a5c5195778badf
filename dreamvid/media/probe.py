"""What a media file is: size, exact rate, length, colour, sound.

The facts come from one pass of ffmpeg over the file: its description on standard error, and the time stamp of
every packet of the picture (copied, not decoded) on standard output. So the rate is exact, a variable rate is
seen for what it is, and the number of frames is counted and not guessed from a rounded duration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.media.color import HDR_TRANSFERS, ColorTags, kept_tags
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.header import LARGEST_IMAGE, check_file, is_image, read_header, read_image_metadata

_NTSC = tuple(Fraction(base * 1000, 1001) for base in (12, 15, 24, 30, 48, 60, 120))
STANDARD_RATES = tuple(sorted((*_NTSC, *map(Fraction, (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120, 240)))))
_PRINTED_ROUNDING = 0.006  # ffmpeg prints rates with two decimals
_SURE = Fraction(1, 10_000)
_FALLBACK_RATE = Fraction(25)  # of a single frame without any timing: what ffmpeg assumes, too

_LONGEST_GAP = 2 * 3600  # seconds between two frames
_ALPHA_FORMAT = re.compile(r"yuva|ya\d|yaf|rgba|bgra|argb|abgr|gbrap|ayuv|vuya|pal8")

_KEY_FLAG, _DISCARD_FLAG = 1, 4
_NO_TIME = -(2**63)
_MATRICES = frozenset({"bt709", "smpte170m", "bt470bg", "bt470m", "smpte240m", "fcc", "gbr"})
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a source. Times are in seconds and exact; colour names are ffmpeg's, None if untagged."""

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
    first_number: int = 1
    """The number of a sequence's first file."""
    first_frame_time: Fraction = field(default=Fraction(0), repr=False)
    """When the first frame is due, on the clock that ffmpeg seeks the picture by."""
    seekable: bool = field(default=False, repr=False)
    """Whether the container finds any frame exactly."""

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
        """How its colours are coded, what is missing filled in; None where it says nothing at all."""
        tags = self.color_space, self.color_primaries, self.color_transfer
        return None if tags == (None, None, None) else kept_tags(*tags)


@dataclass(frozen=True)
class SoundInfo:
    """The sound tracks of a file, and when its picture starts on the clock that ffmpeg seeks the sound by."""

    codecs: tuple[str, ...]
    picture_start: Fraction
    has_picture: bool = False
    """Whether there is more to see than a cover."""


@dataclass(frozen=True)
class _Stream:
    index: int
    kind: str
    text: str
    start: Fraction


@dataclass(frozen=True)
class _Description:
    containers: tuple[str, ...]
    start: Fraction
    streams: tuple[_Stream, ...]
    has_chapters: bool


def probe(path: Path | str) -> ClipInfo:
    """Return the facts about a video file or a still image.

    Reads a video through once without decoding it. Raises MediaError with a reason of its own if the file is
    missing, a folder, empty, no video, cut short before its index, or without a picture.
    """
    path = Path(path)
    check_file(path)
    if is_image(path):
        header = read_header(path)
        return ClipInfo(
            path, "still", header.width, header.height, None, None, 1,
            bit_depth=header.bit_depth, pixel_format=header.mode, has_alpha=header.has_alpha,
        )  # fmt: skip
    # Capital V: a cover picture in a sound file is no video.
    arguments = [*input_arguments(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    _, table, stderr = run_ffmpeg(arguments, loglevel="info")
    description = _describe(path, stderr)
    mapped = re.search(r"^  Stream #0:(\d+) -> #0:0", stderr, re.MULTILINE)
    if mapped is None:
        raise MediaError(f"{path}: the file has no video stream; give one with a picture in it")
    stream = next(item for item in description.streams if item.index == int(mapped[1]))
    return _clip_info(path, description, stream, table.decode("ascii", "replace"))


def probe_sound(path: Path | str) -> SoundInfo:
    """Return the sound tracks of a video or sound file; none at all is no error. Raises MediaError."""
    path = Path(path)
    check_file(path)
    description = _describe(path, run_ffmpeg(input_arguments(path), loglevel="info")[2])
    sounds = [stream for stream in description.streams if stream.kind == "Audio"]
    pictures = [
        stream for stream in description.streams if stream.kind == "Video" and "(attached pic)" not in stream.text
    ]
    if not sounds or not pictures:
        return SoundInfo(tuple(map(_codec, sounds)), Fraction(0), bool(pictures))
    # In a transport stream ffmpeg counts from the first packet of what it was asked for, else from the start
    # of the file.
    zero = min(sound.start for sound in sounds) if "mpegts" in description.containers else description.start
    return SoundInfo(tuple(map(_codec, sounds)), pictures[0].start - zero, True)


def read_metadata(path: Path | str) -> dict[str, str]:
    """Return the global tags of a file, names in lower case; what the writers stored comes back unchanged.

    Raises MediaError if the file cannot be read.
    """
    path = Path(path)
    check_file(path)
    if is_image(path):
        return read_image_metadata(path)
    code, output, stderr = run_ffmpeg([*input_arguments(path), "-f", "ffmetadata", "pipe:1"])
    if code:
        raise _cannot_read(path, stderr)
    # A backslash makes the next character (=, ;, #, \ or a line feed) plain; sections follow the global tags.
    tags = re.split(r"^\[", output.decode("utf-8", "replace"), maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^((?:[^\\=;#\n]|\\.)+)=((?:[^\\\n]|\\.)*)$", tags, re.MULTILINE | re.DOTALL)
    return {re.sub(r"\\(.)", r"\1", key).lower(): re.sub(r"(?s)\\(.)", r"\1", value) for key, value in found}


def _describe(path: Path, stderr: str) -> _Description:
    """Take ffmpeg's description of its input apart."""
    text = stderr.replace(file_url(path), "")  # a line feed in the name would look like a line of ffmpeg's
    opened = re.search(r"^Input #0, (\S+), from ", text, re.MULTILINE)
    if opened is None:
        raise _cannot_read(path, stderr)
    text = re.split(r"^(?:Stream mapping:|Output #0)", text[opened.start() :], maxsplit=1, flags=re.MULTILINE)[0]
    begins = re.search(r"^  Duration: .*?, start: (-?[\d.]+)", text, re.MULTILINE)
    start = Fraction(begins[1]) if begins else Fraction(0)
    head = r"^  Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (\w+): "
    _, *parts = re.split(head, text, flags=re.MULTILINE)
    streams = []
    for index, kind, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        own = re.search(r", start (-?[\d.]+)", body.partition("\n")[0])
        streams.append(_Stream(int(index), kind, body, Fraction(own[1]) if own else start))
    has_chapters = re.search(r"^    Chapter #0:\d+: start ", text, re.MULTILINE) is not None
    return _Description(tuple(opened[1].rstrip(",").split(",")), start, tuple(streams), has_chapters)


def _cannot_read(path: Path, stderr: str) -> MediaError:
    with path.open("rb") as file:
        head = file.read(8)
    if "moov atom not found" in stderr and head[4:] in _MP4_BOXES:
        return MediaError(f"{path}: the file is cut short (its index is missing); copy or record it again")
    reason = failure_reason(stderr.replace(file_url(path), path.name).splitlines())
    if "Invalid data" in reason:
        reason = "ffmpeg does not know its contents"
    return MediaError(f"{path}: is not a video ({reason}); give a video, an image or frames/%05d.png")


def _clip_info(path: Path, description: _Description, stream: _Stream, table: str) -> ClipInfo:
    line = stream.text.partition("\n")[0]
    shape = re.search(r", (\d+)x(\d+)\b", line)
    times, tail = _packet_times(table)
    if shape is None or not len(times):
        raise MediaError(f"{path}: the video stream holds no frames; copy or export it again")
    base = _time_base(table)
    _check_times(path, times, base)
    rate, variable = _choose_rate(times, base, tail, line)
    length = (int(times[-1] - times[0]) + tail) * base
    width, height = int(shape[1]), int(shape[2])
    aspect = Fraction(1)
    if not 0 < width * height <= LARGEST_IMAGE:
        raise MediaError(f"{path}: is {width}x{height} pixels large; give one of at most 16384x16384")
    if ratios := re.findall(r"SAR ([1-9]\d*):([1-9]\d*)", line):  # the container's, if any, follows the codec's
        aspect = Fraction(*map(int, ratios[-1]))
    turned = re.search(r"rotation of (-?[\d.]+) degrees", stream.text)
    rotation = round(-float(turned[1])) % 360 if turned else 0
    if rotation in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    pixel_format, notes = _pixel_format(line)
    space, primaries, transfer, levels = _color_tags(notes)
    count = max(1, int(length * rate + Fraction(1, 2))) if variable else len(times)
    return ClipInfo(
        path, "video", width, height, rate, length if variable else count / rate, count,
        variable_rate=variable, rotation=rotation, bit_depth=_bit_depth(pixel_format),
        pixel_format=pixel_format, video_codec=_codec(stream),
        color_space=space, color_primaries=primaries, color_transfer=transfer, color_range=levels,
        sample_aspect=aspect,
        audio_codecs=_codecs(description, "Audio"), subtitle_codecs=_codecs(description, "Subtitle"),
        has_chapters=description.has_chapters, has_alpha=_ALPHA_FORMAT.match(pixel_format) is not None,
        interlaced=any(re.match(r"(top|bottom) (coded )?first", note) for note in notes),
        first_frame_time=int(times[0]) * base,
        seekable=not {"mov", "matroska"}.isdisjoint(description.containers),
    )  # fmt: skip


def _codecs(description: _Description, kind: str) -> tuple[str, ...]:
    return tuple(_codec(stream) for stream in description.streams if stream.kind == kind)


def _codec(stream: _Stream) -> str:
    return re.split(r"[\s,]", stream.text, maxsplit=1)[0]


def _packet_times(table: str) -> tuple[npt.NDArray[np.int64], int]:
    """Return when each frame that is shown is due, in order, and how long the last one lasts, in ticks."""
    rows = []
    for line in table.splitlines():
        if line.startswith("0,"):
            columns = [column.strip() for column in line.split(",")]
            flags = next((int(item[2:], 16) for item in columns if item.startswith("F=")), _KEY_FLAG)
            if not flags & _DISCARD_FLAG:  # an edit list hides these
                rows.append((int(columns[1]), int(columns[2]), int(columns[3])))
    if not rows:
        return np.empty(0, np.int64), 0
    decoded, shown, lasts = np.array(rows, dtype=np.int64).T
    times = decoded if (shown == _NO_TIME).any() else shown  # a bare elementary stream has no times of its own
    last = int(lasts[times.argmax()])
    times = np.sort(times)
    return times, last if last > 0 or len(times) < 2 else int(np.median(np.diff(times)))


def _check_times(path: Path, times: npt.NDArray[np.int64], base: Fraction) -> None:
    """Raise a MediaError where damage has moved a frame by hours: reading would hold the one before it for as long."""
    gap = max(int(np.diff(times.astype(object)).max()) if len(times) > 1 else 0, 0) * base
    if gap > _LONGEST_GAP:
        raise MediaError(
            f"{path}: damaged: its time stamps jump by {float(gap) / 3600:.1f} hours; copy or export it again"
        )


def _time_base(table: str) -> Fraction:
    found = re.search(r"^#tb 0: (\d+)/(\d+)", table, re.MULTILINE)
    return Fraction(int(found[1]), int(found[2])) if found else Fraction(1)


def _choose_rate(
    times: npt.NDArray[np.int64], base: Fraction, tail: int, line: str
) -> tuple[Fraction, bool]:
    """Return the constant rate to read at, and whether the clip's own rate varies.

    The rate is constant if every frame lies within half a frame of its place on the grid: then each frame
    appears exactly once. Names: `printed` are ffmpeg's rounded average and base rates.
    """
    printed = [
        Fraction(number) * (1000 if kilo else 1)
        for number, kilo in re.findall(r"([\d.]+)(k?) (?:fps|tbr)\b", line)
        if float(number) > 0
    ]
    snapped = [
        rate for value in printed for rate in STANDARD_RATES if abs(value - rate) < _PRINTED_ROUNDING
    ]
    steps = np.diff(times)
    if not len(steps) or times[-1] == times[0]:
        measured = 1 / (tail * base) if tail > 0 else _FALLBACK_RATE
        return next(iter([*snapped, *printed]), measured), False
    span = int(times[-1] - times[0])
    mean = len(steps) / (span * base)
    exact = [mean] if (steps == steps[0]).all() else []
    # Long enough a clip tells 23.976 from 24 by its time stamps; a short one in milliseconds does not.
    sure = [rate for rate in STANDARD_RATES if span > 20_000 and abs(mean / rate - 1) < _SURE]
    seconds = (times - times[0]) * float(base)
    for rate in (*sure, *snapped, *exact, *printed, mean.limit_denominator(1001)):
        if np.abs(seconds * float(rate) - np.arange(len(times))).max() < 0.5:
            return rate, False
    # The faster of the usual steps: where half the clip is slow, the other half's motion should survive.
    typical = 1 / (max(1, int(np.quantile(steps, 0.25, method="lower"))) * base)
    near = [rate for rate in (*snapped, *STANDARD_RATES) if abs(rate / typical - 1) < Fraction(1, 20)]
    if not any(rate in snapped for rate in near):
        near.sort(key=lambda rate: abs(rate - typical))
    return (near[0] if near else typical.limit_denominator(1001)), True


def _pixel_format(line: str) -> tuple[str, list[str]]:
    """Return the pixel format, and the notes in the parentheses after it."""
    # After the codec and its parentheses (profile, tag): ", yuv420p(tv, bt709, progressive), 64x48".
    found = re.search(r", ([a-z][a-z0-9]+)(?:\(((?:[^()]|\([^()]*\))*)\))?, \d+x\d+", line)
    if found is None:
        return "", []
    return found[1], [note.strip() for note in (found[2] or "").split(",")]


def _color_tags(notes: list[str]) -> tuple[str | None, str | None, str | None, str | None]:
    """Return matrix, primaries, transfer and range; ffmpeg prints one name if the first three agree."""
    triple: tuple[str | None, ...] = (None, None, None)
    for note in notes:
        if note.count("/") == 2:
            triple = tuple(None if name in ("unknown", "reserved") else name for name in note.split("/"))
        elif note in _MATRICES:
            triple = (note, note, note)
    space, primaries, transfer = triple
    return space, primaries, transfer, next((note for note in notes if note in ("tv", "pc")), None)


def _bit_depth(pixel_format: str) -> int:
    """Return the bits per component: `yuv420p10le` has 10, `p010le` 10, `rgb48le` 16, `rgb24` 8."""
    if re.search(r"f(16|32)(le|be)$", pixel_format):
        return 16
    found = re.search(r"(?:p|gray|p[024]|y2|nv|x2rgb|x2bgr|xv|rgb|bgr|rgba|bgra)(\d\d|9)(?:le|be)$", pixel_format)
    packed = {"20": 10, "30": 10, "36": 12, "48": 16, "64": 16}
    return (packed.get(found[1]) or int(found[1])) if found else 8
