"""Reading frames, one by one: from a video, a still image, a numbered sequence or a folder of images."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from dreamvid.config.timecode import Timecode
from dreamvid.errors import MediaError
from dreamvid.images.color import BT709, Colors, ColorTags, FloatImage, tone_map_filters
from dreamvid.images.read import fit_size, read_image, resize_image
from dreamvid.media.ffmpeg import FFmpeg, cropping_arguments, input_arguments
from dreamvid.media.probe import MOVING_WEBP, ClipInfo, probe
from dreamvid.media.read_webp import read_webp, webp_timing
from dreamvid.media.sequence import list_sequence
from dreamvid.media.sequence_info import own_rate, sequence_info
from dreamvid.runtime.events import Notice, Progress, Tell, ignore

SEQUENCE_RATE = Fraction(24)
"""Frames per second of numbered files, which carry no rate of their own."""

ChooseColors = Callable[[ClipInfo], Colors | None]
"""Says what is to become of a source's colors; None: the usual."""

AS_CODED = "coded"
"""Of tone curves: none. HDR is read as its code values, flat: enough to look for cuts in."""

_HD_LINES = 720
_RGB_FORMAT_STARTS = ("rgb", "bgr", "gbr", "0rgb", "0bgr", "argb", "abgr", "pal8", "x2rgb", "x2bgr", "mono")
_INPUT_OPTIONS = ("-noautorotate", "-reinit_filter", "0")
_TURNS = {0: (), 90: ("transpose=clock",), 180: ("hflip", "vflip"), 270: ("transpose=cclock",)}
_FIELD_REACH = 2  # frames around one that deinterlacing looks at


class Reader(ABC):
    """An open source: a context manager, and an iterator over its frames, once, in order.

    Frames are new float32 arrays of shape (height, width, 3), RGB in [0, 1], C-contiguous; with `alpha` there is a
    fourth channel, by which colors are not multiplied. With `colors` they are what that makes of them, and have further
    channels. One frame is in memory at a time, however long the clip.
    Reading is synchronous; `close` may be called from another thread and ends the reading there.
    """

    def __init__(
        self,
        info: ClipInfo,
        size: tuple[int, int],
        rate: Fraction | None,
        span: tuple[int, int],
        *,
        alpha: bool = False,
        colors: Colors | None = None,
        tell: Tell = ignore,
    ) -> None:
        """`size` is the (width, height) of the frames, `span` the range [first, last) of their indices. `tell` hears
        what is worth telling: before the first frame, and, from the thread that reads, what turns out later."""
        self.info = info
        self.width, self.height = size
        self.rate = rate
        self.first_index, self._end_index = span
        self.frame_count = span[1] - span[0]
        """Number of frames to expect."""
        self.alpha = alpha and info.has_alpha
        """Whether the frames have a fourth channel."""
        self.colors = colors
        """What has exposed the frames; it develops them, too."""
        self.color: ColorTags | None = info.color if colors is None else colors.tags
        """How the colors of what is written are meant; None: the source does not say."""
        self._tell = tell
        self._frames: Iterator[FloatImage] | None = None

    @abstractmethod
    def _read(self) -> Iterator[FloatImage]:
        """Yield the frames."""

    def start(self) -> None:
        """Begin to read; frames can be iterated over from here on. Called once; `close` ends it."""
        self._frames = self._read()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> FloatImage:
        if self._frames is None:
            raise RuntimeError("a reader must be started before it is read")
        frame = next(self._frames)
        return frame if self.colors is None else self.colors.expose(frame)

    def close(self) -> None:
        """Stop reading; no more frames follow."""
        self._frames = iter(())


class ImageReader(Reader):
    """Reads image files, each of them a frame."""

    def __init__(
        self,
        info: ClipInfo,
        size: tuple[int, int],
        rate: Fraction | None,
        span: tuple[int, int],
        *,
        alpha: bool = False,
        colors: Colors | None = None,
        tonemap: str | None = None,
        paths: list[Path],
        tell: Tell = ignore,
    ) -> None:
        super().__init__(info, size, rate, span, alpha=alpha, colors=colors, tell=tell)
        self._warned = False
        self._paths = paths
        self._tonemap = None if tonemap == AS_CODED else tonemap
        if info.pictures > 1:
            tell(
                Notice(
                    f"{info.path}: contains {info.pictures} pictures in one file, of which only the first is read; to "
                    "dream all of them, export them as a video, GIF or numbered pictures"
                )
            )

    def _read(self) -> Iterator[FloatImage]:
        for path in self._paths[self.first_index : self._end_index]:
            size = self.width, self.height
            yield read_image(
                path,
                size=size,
                alpha=self.alpha,
                tonemap=self._tonemap,
                exr_layer=self.info.exr_layer,
                as_stored=self.colors is not None,
                tell=self._tell_once,
            )

    def _tell_once(self, event: Progress) -> None:
        if not self._warned:  # what the first of many frames lacks, most lack
            self._warned = True
            self._tell(event)


class WebpReader(Reader):
    """Reads an animated WebP."""

    def _read(self) -> Iterator[FloatImage]:
        numbers = (self._number(index) for index in range(self.first_index, self._end_index))
        for frame in read_webp(self.info.path, numbers, alpha=self.alpha):
            yield resize_image(frame, self.width, self.height)

    def _number(self, index: int) -> int:
        """Which of the file's frames is shown as one of the film's: the last that has begun, or will within half a
        frame; so ffmpeg rounds, too."""
        if self.rate is None or (not self.info.variable_rate and self.rate == self.info.rate):
            return index
        timing = webp_timing(self.info.path)
        moment = (index + Fraction(1, 2)) / self.rate
        return max(0, int(np.searchsorted(timing.ticks, math.floor(moment / timing.base), side="right")) - 1)


class VideoReader(Reader):
    """Reads a video through ffmpeg's pipe."""

    def __init__(
        self,
        info: ClipInfo,
        size: tuple[int, int],
        rate: Fraction,
        span: tuple[int, int],
        *,
        alpha: bool = False,
        colors: Colors | None = None,
        tonemap: str | None = None,
        deinterlace: bool = False,
        tell: Tell = ignore,
    ) -> None:
        super().__init__(info, size, rate, span, alpha=alpha, colors=colors, tell=tell)
        self._rate = rate
        self._closed = False
        self._process: FFmpeg | None = None
        self._deep = info.bit_depth > 8
        self._deinterlace = deinterlace
        self._tone_curve = tonemap if info.is_hdr and tonemap != AS_CODED else None
        if info.proprietary is not None and tonemap != AS_CODED:
            raise MediaError(
                f"{info.path}: its colors are encoded in {info.proprietary}, which is not supported and would come out "
                "green and purple; export it as HDR10, HLG or SDR first"
            )
        if self._tone_curve is not None:
            self.color = BT709
        elif info.is_hdr and tonemap is None and colors is None:
            raise MediaError(
                f"{info.path}: is an HDR video ({info.color_transfer}) and would look flat; tone-map it with --tonemap "
                "hable (or mobius, reinhard, clip), or keep it HDR with --hdr keep"
            )
        if info.lost_alpha:
            tell(
                Notice(
                    f"{info.path}: its transparency is a separate HEVC layer, which this ffmpeg does not decode, so it "
                    "is left out; use ffmpeg 9 or newer, or convert it to ProRes 4444"
                )
            )
        if info.interlaced and not deinterlace:
            tell(Notice(f"{info.path}: is interlaced; use --deinterlace to remove combing artifacts"))

    def _filters(self) -> tuple[list[str], Fraction | None]:
        """ffmpeg's filters, and the time to seek to, if any."""
        info = self.info
        filters: list[str] = []
        if self._deinterlace or self._tone_curve is not None:
            filters.append("scale={}:{}:interl=-1".format(*self._stored(info.width, info.height)))
        if self._deinterlace:
            filters.append("bwdif=mode=send_frame:parity=auto:deint=all")
        seek_time = None
        if info.variable_rate or self._rate != info.rate:
            if info.variable_rate or info.rate is None:
                filters.append("setpts=PTS-STARTPTS")
            else:  # time stamps in milliseconds only jitter
                filters += [f"settb={1 / info.rate}", "setpts=N"]
            # A rate so low that not one frame is due still shows the first.
            short = info.duration is not None and info.duration * self._rate < Fraction(1, 2)
            filters.append(f"fps={self._rate}:round=near" + (":eof_action=pass" if short else ""))
            skipped = self.first_index  # not sought: a frame held from before that point would be lost
        elif info.seekable and self.first_index:
            skipped = min(self.first_index, _FIELD_REACH) if self._deinterlace else 0
            # Half a frame early, so that no rounding of time stamps decides which frame comes first.
            seek_time = info.first_frame_time + (self.first_index - skipped - Fraction(1, 2)) / self._rate
        else:
            skipped = self.first_index
        if skipped:
            filters.append(f"trim=start_frame={skipped}")
        if self._tone_curve is not None:
            tags = info.color_transfer or "", info.color_space, info.color_primaries, info.color_range
            filters.append(tone_map_filters(*tags, self._tone_curve))
        width, height = self._stored(*self._decoded_size)
        scale = f"scale=w={width}:h={height}:flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"
        if info.color_space is None and not info.pixel_format.startswith(_RGB_FORMAT_STARTS) and not self._tone_curve:
            lines = info.width if info.rotation in (90, 270) else info.height
            scale += f":in_color_matrix={'bt709' if lines >= _HD_LINES else 'bt601'}"
        turn = [*(("hflip",) if info.mirrored else ()), *_TURNS[info.rotation]]
        # Renumbered last, since time stamps that only jitter would still be complained of when written.
        return [*filters, scale, *turn, f"settb={1 / self._rate}", "setpts=N"], seek_time

    def _stored(self, width: int, height: int) -> tuple[int, int]:
        """The size as stored of a picture that is shown at a size."""
        return (height, width) if self.info.rotation in (90, 270) else (width, height)

    @property
    def _decoded_size(self) -> tuple[int, int]:
        """Where there is alpha, ffmpeg's scaler would let what cannot be seen color what can."""
        return (self.info.width, self.info.height) if self.alpha else (self.width, self.height)

    def _arguments(self) -> list[str]:
        filters, seek_time = self._filters()
        options = [] if seek_time is None else ["-ss", f"{max(0.0, float(seek_time)):.6f}"]
        count = self._end_index - self.first_index
        whole = (self.first_index, self._end_index) == (0, self.info.frame_count) and self._rate == self.info.rate
        channels = "rgba" if self.alpha else "rgb"
        decoder = ["-c:V:0", self.info.decoder] if self.info.decoder and self.alpha else []
        return [
            # The graph of filters is not built anew where the size or the format changes in mid-stream: those that
            # count would start again. `scale`, which takes changes, comes before all that does not.
            *input_arguments(self.info.path, *_INPUT_OPTIONS, *cropping_arguments(), *decoder, *options),
            "-map", "0:V:0", "-vf", ",".join(filters), "-fps_mode", "passthrough", "-enc_time_base", "filter",
            *(() if whole else ("-frames:v", str(count))),
            "-pix_fmt", f"{channels}{16 * len(channels)}le" if self._deep else f"{channels}{'' if self.alpha else 24}",
            "-f", "rawvideo", "pipe:1",
        ]  # fmt: skip

    def _read(self) -> Iterator[FloatImage]:
        levels, dtype = (np.float32(65535), np.dtype("<u2")) if self._deep else (np.float32(255), np.dtype("u1"))
        width, height = self._decoded_size
        shape = (height, width, 4 if self.alpha else 3)
        buffer = bytearray(math.prod(shape) * dtype.itemsize)
        pixels = np.frombuffer(buffer, dtype).reshape(shape)
        count = 0
        with FFmpeg(self._arguments()) as process:
            self._process = process
            while not self._closed and process.read_into(buffer):
                count += 1
                yield resize_image(np.divide(pixels, levels, dtype=np.float32), self.width, self.height)
            if not self._closed:
                self._check_end(process, count)

    def _check_end(self, process: FFmpeg, count: int) -> None:
        code = process.finish()
        reason = process.reason if process.complained else f"ffmpeg exited with code {code}"
        if not count:
            raise MediaError(f"{self.info.path}: no frame could be decoded ({reason}); copy or export it again")
        if code or process.complained or count != self.frame_count:
            because = f" ({reason})" if code or process.complained else ""
            damage = f"damaged or truncated: {count} of {self.frame_count} frames decoded{because}"
            self._tell(Notice(f"{self.info.path}: {damage}"))

    def close(self) -> None:
        """Stop reading and end ffmpeg at once."""
        self._closed = True
        if self._process:
            self._process.kill()
        super().close()


def open_reader(
    source: Path | str,
    *,
    start: Fraction | Timecode | None = None,
    end: Fraction | Timecode | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    max_size: int | None = None,
    rate: Fraction | None = None,
    alpha: bool = False,
    colors: ChooseColors | None = None,
    tonemap: str | None = None,
    deinterlace: bool = False,
    exr_layer: str | None = None,
    info: ClipInfo | None = None,
    tell: Tell = ignore,
) -> Reader:
    """Open a video file, a still image, a numbered sequence (`frames/%05d.png`) or a folder of images.

    `start` and `end` are seconds, or timecodes: the clip's own where it has one, else counted from its beginning. The
    frames with start <= index / rate < end are read, exactly; `end` may be after the end of the clip. `frames` limits
    their number.
    `size` is the exact (width, height) to resample to; `max_size` limits the longer side in pixels, keeps the aspect,
    and only shrinks.

    A clip with a constant rate gives each of its frames once; one with a variable rate is read at its usual
    rate, frames repeated or left out so that its duration stays. `rate` asks for another one; sequences have
    what their EXR files say, or 24; a still has none and gives one frame. Rotation is applied, untagged video of 720
    lines or more is taken as BT.709 and smaller as BT.601.

    `alpha` asks for a fourth channel, where the source has one. `tonemap`, one of `TONE_CURVES`, brings HDR (PQ, HLG,
    the light of an EXR) into range; HDR video is refused without, unless `colors`, asked what is to become of the
    source's, has an answer. `deinterlace` makes a frame's two fields one moment (bwdif), its first; the rate stays.
    `exr_layer` is the layer, or channel, of an EXR to read. `info` is the result of an earlier reader of the same
    source, or of `probe`, so that the source is not scanned again.

    Nothing runs until the reader is entered. A damaged file is read as far as possible; `tell` hears of that after
    the last frame, and of what is left out at once. Raises MediaError if the source is missing or unreadable, if images
    of a sequence are missing or differ in size, if it is HDR, or if there are no frames in the range.
    """
    path = Path(source)
    paths = list_sequence(source)
    if paths is not None:
        sequence_rate = rate or own_rate(paths[0]) or SEQUENCE_RATE
        info = sequence_info(path, paths, sequence_rate, info, exr_layer)
        first, last = (_seconds_of(time, info) for time in (start, end))
        span = _frame_range(path, len(paths), sequence_rate, first, last, frames)
        work_size = fit_size(info.width, info.height, size, max_size)
        way = None if colors is None else colors(info)
        return ImageReader(
            info, work_size, sequence_rate, span, alpha=alpha, colors=way, tonemap=tonemap, paths=paths, tell=tell
        )
    info = info or probe(path, exr_layer)
    way = None if colors is None else colors(info)
    work_size = fit_size(info.width, info.height, size, max_size)
    if info.rate is None or info.duration is None:
        if start is not None or end is not None:
            raise MediaError(f"{path}: a still image has no duration; leave out start and end")
        return ImageReader(
            info, work_size, None, (0, 1), alpha=alpha, colors=way, tonemap=tonemap, paths=[path], tell=tell
        )
    video_rate = rate or info.rate
    total = info.frame_count
    if video_rate != info.rate:
        total = max(1, int(info.duration * video_rate + Fraction(1, 2)))
    first, last = (_seconds_of(time, info) for time in (start, end))
    span = _frame_range(path, total, video_rate, first, last, frames)
    if info.video_codec == MOVING_WEBP:
        return WebpReader(info, work_size, video_rate, span, alpha=alpha, colors=way, tell=tell)
    return VideoReader(
        info,
        work_size,
        video_rate,
        span,
        alpha=alpha,
        colors=way,
        tonemap=tonemap,
        deinterlace=deinterlace,
        tell=tell,
    )


def _seconds_of(time: Fraction | Timecode | None, info: ClipInfo) -> Fraction | None:
    """A time of a clip that is a film: a timecode is the clip's own, or counts from its beginning if it has none."""
    if not isinstance(time, Timecode) or info.rate is None:
        return None if isinstance(time, Timecode) else time
    try:
        if info.timecode is None:
            return time.seconds(info.rate)
        return info.timecode.index_of(time.text, info.frame_count) / info.rate
    except ValueError as error:
        raise MediaError(f"{info.path}: {error}") from None


def _frame_range(
    path: Path,
    total: int,
    rate: Fraction,
    start: Fraction | None,
    end: Fraction | None,
    frames: int | None,
) -> tuple[int, int]:
    """Return the indices [first, last) of those of the clip's `total` frames that lie in the range."""
    first = math.ceil(start * rate) if start is not None else 0
    last = min(total, math.ceil(end * rate)) if end is not None else total
    if frames is not None:
        last = min(last, first + frames)
    if first < 0 or first >= last:
        asked = f"from {_seconds(start or Fraction(0))} to {_seconds(end) if end is not None else 'its end'}"
        asked += f", {frames} frames" if frames is not None else ""
        raise MediaError(
            f"{path}: there are no frames in this range ({asked}); the clip lasts {_seconds(total / rate)}"
        )
    return first, last


def _seconds(time: Fraction) -> str:
    return f"{float(time):.3f} s"
