"""Writing a video through ffmpeg's pipe."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import PQ, ColorTags, FloatImage
from dreamvid.images.read import quantize
from dreamvid.images.write import publish, temporary_beside
from dreamvid.media.codecs import Codec, Encoding, color_filters
from dreamvid.media.ffmpeg import FFmpeg, file_url
from dreamvid.media.mastering import Mastering
from dreamvid.media.mux import Original, container_options, mux
from dreamvid.media.sound import SoundPlan
from dreamvid.media.tags import tag_input, timecode_arguments, write_tags
from dreamvid.media.writer import Writer
from dreamvid.runtime.events import Notice, Tell, run_to_end


class VideoWriter(Writer):
    """Encodes through ffmpeg's pipe into a hidden file beside the target."""

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        *,
        rate: Fraction,
        codec: Codec,
        encoding: Encoding,
        crf: int | None,
        alpha: bool,
        color: ColorTags,
        mastering: Mastering | None,
        sound: SoundPlan | None,
        original: Original | None,
        metadata: Mapping[str, str],
        sample_aspect: Fraction,
        overwrite: bool,
        tell: Tell,
        timecode: ClipTimecode | None = None,
    ) -> None:
        super().__init__(target, width, height, alpha=alpha, keeps_alpha=encoding.alpha)
        self._timecode = timecode
        self._tell = tell
        self.rate, self.codec, self.encoding = rate, codec, encoding
        self.deep = encoding.deep
        self.encoder = codec.name
        self._crf = codec.crf if crf is None else crf
        self._color = color
        self._mastering = mastering
        self.sound = sound
        self._original = original
        self._metadata, self._sample_aspect, self._overwrite = metadata, sample_aspect, overwrite
        self._padding = (-height % codec.multiple_of[1], -width % codec.multiple_of[0])
        self._picture, self._joined = temporary_beside(target), temporary_beside(target)
        self._tags = self._picture.with_suffix(".ffmetadata")
        self._process: FFmpeg | None = None

    def _arguments(self) -> list[str]:
        codec, encoding = self.codec, self.encoding
        size = f"{self.width + self._padding[1]}x{self.height + self._padding[0]}"
        aspect = f"setsar={self._sample_aspect.numerator}/{self._sample_aspect.denominator}"
        quality = [codec.quality_flag, str(self._crf)] if self._crf is not None else []
        channels = "rgba" if self._stored_channels == 4 else "rgb"
        fed = f"{channels}{16 * len(channels)}le" if encoding.deep else {"rgb": "rgb24", "rgba": "rgba"}[channels]
        return [
            "-protocol_whitelist", "pipe", "-f", "rawvideo", "-pix_fmt", fed,
            "-video_size", size, "-framerate", str(self.rate), "-i", "pipe:0",
            *tag_input(self._tags), "-map", "0:v", "-map_metadata", "1",
            "-vf", ",".join([aspect, *color_filters(encoding, self._color)]),
            *codec.arguments, *encoding.arguments, *self._hdr_arguments(), *quality, "-pix_fmt", encoding.pixel_format,
            "-fps_mode", "passthrough", *timecode_arguments(self._timecode, self.target),
            *container_options(self.target), "-y", file_url(self._picture),
        ]  # fmt: skip

    def _hdr_arguments(self) -> tuple[str, ...]:
        """What tells HDR screens how it was made, where the codec can say that."""
        if self._mastering is None or self._color.transfer != PQ:
            return ()
        say = self.codec.mastering_arguments
        return () if say is None else say(self._mastering)

    def start(self) -> None:
        try:
            write_tags(self._tags, self._metadata)
        except OSError as error:
            raise MediaError(f"{self._tags}: cannot be written ({error.strerror}); check the folder") from error
        try:
            self._process = FFmpeg(self._arguments(), feed=True)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self._process is not None:
            self._process.close()
        for path in (self._picture, self._joined, self._tags):
            path.unlink(missing_ok=True)

    @property
    def _encoder(self) -> FFmpeg:
        if self._process is None:
            raise RuntimeError("a video must be started before frames are written")
        return self._process

    def _write(self, frame: FloatImage) -> None:
        pixels: npt.NDArray[Any] = quantize(frame, 16 if self.deep else 8)
        if any(self._padding):
            # Sizes that the codec cannot store grow by one pixel that repeats the edge; nothing is rescaled.
            pixels = np.pad(pixels, ((0, self._padding[0]), (0, self._padding[1]), (0, 0)), mode="edge")
        try:
            self._encoder.write(np.ascontiguousarray(pixels).data)
        except OSError as error:
            self._encoder.finish()
            raise self._failure() from error

    def _failure(self) -> MediaError:
        return MediaError(
            f"{self.target}: ffmpeg stopped after {self.frame_count} frames ({self._encoder.reason}); check the free "
            "disk space and the codec"
        )

    def _finish(self) -> None:
        if self._encoder.finish():
            raise self._failure()
        done = self._picture
        if self.sound is not None or self._original is not None:
            left_out = mux(
                ["-protocol_whitelist", "file", "-i", file_url(self._picture)], self._joined,
                seconds=self.frame_count / self.rate, sound=self.sound,
                original=self._original, metadata=self._metadata, timecode=self._timecode,
            )  # fmt: skip
            run_to_end(map(Notice, left_out), self._tell)
            done = self._joined
        try:
            publish(done, self.target, overwrite=self._overwrite)
        except OSError as error:
            raise MediaError(
                f"{self.target}: cannot be moved into place ({error.strerror}); check the folder"
            ) from error
