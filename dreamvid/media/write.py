"""Writing frames: a video with its sound, a numbered sequence, or a still; whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dreamvid.errors import MediaError
from dreamvid.media.codecs import Codec, find_codec
from dreamvid.media.ffmpeg import FFmpeg, file_url
from dreamvid.media.probe import SoundInfo
from dreamvid.media.sequence import NumberedFiles
from dreamvid.media.sound import SoundTrack, add_sound, check_sound
from dreamvid.media.still import (
    FloatImage,
    check_image_target,
    is_image,
    publish,
    quantise,
    temporary_beside,
    write_image,
)
from dreamvid.media.target import check_target, output_pattern

# The colour that every yuv codec is written in; without them ffmpeg converts by BT.601 and tags nothing.
_BT709_TAGS = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
_BT709_SCALE = "scale=flags=bicubic+accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv"


class Writer(ABC):
    """An open output: a context manager that takes frames in order.

    Leaving the `with` block finishes the file and gives it its name; leaving it by an exception leaves nothing
    under that name.
    """

    def __init__(self, target: Path, width: int, height: int) -> None:
        self.target = target
        self.width, self.height = width, height
        self.frame_count = 0
        """Frames written so far."""
        self.deep = False
        """Whether more than 8 bits of a colour are stored."""

    def write(self, frame: FloatImage) -> None:
        """Append a float32 frame, RGB in [0, 1] (clipped), shape (height, width, 3). Raises MediaError."""
        if frame.shape != (self.height, self.width, 3):
            raise ValueError(f"a frame of shape {(self.height, self.width, 3)} is due, not {frame.shape}")
        self._write(frame)
        self.frame_count += 1

    @abstractmethod
    def _write(self, frame: FloatImage) -> None:
        """Store one frame."""

    @abstractmethod
    def _finish(self) -> None:
        """Complete the output; called only if all went well."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            if not self.frame_count:
                raise MediaError(f"{self.target}: no frame was written, so there is no file; check the range")
            self._finish()


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
        crf: int | None,
        sound: SoundTrack | None,
        sound_info: SoundInfo | None,
        metadata: Mapping[str, str],
        sample_aspect: Fraction,
        overwrite: bool,
    ) -> None:
        super().__init__(target, width, height)
        self.rate, self.codec = rate, codec
        self.deep = codec.deep
        self._crf = codec.crf if crf is None else crf
        self._sound = sound if sound_info and sound_info.codecs else None
        self._sound_info = sound_info
        self._metadata, self._sample_aspect, self._overwrite = metadata, sample_aspect, overwrite
        self._padding = (-height % codec.multiple_of[1], -width % codec.multiple_of[0])
        self._picture, self._joined = temporary_beside(target), temporary_beside(target)
        self._process: FFmpeg | None = None

    def _container(self) -> list[str]:
        """Options for the container: the index first, and tags of any name."""
        if self.target.suffix.lower() in (".mp4", ".mov"):
            return ["-movflags", "+faststart+use_metadata_tags"]
        return []

    def _arguments(self) -> list[str]:
        codec = self.codec
        size = f"{self.width + self._padding[1]}x{self.height + self._padding[0]}"
        filters = [f"setsar={self._sample_aspect.numerator}/{self._sample_aspect.denominator}"]
        if not codec.is_rgb:
            filters += [_BT709_SCALE, f"format={codec.pixel_format}", _BT709_TAGS]
        quality = ["-crf", str(self._crf)] if self._crf is not None else []
        tags = [part for key, value in self._metadata.items() for part in ("-metadata", f"{key}={value}")]
        return [
            "-protocol_whitelist", "pipe", "-f", "rawvideo", "-pix_fmt", "rgb48le" if codec.deep else "rgb24",
            "-video_size", size, "-framerate", str(self.rate), "-i", "pipe:0",
            "-vf", ",".join(filters), *codec.arguments, *quality, "-pix_fmt", codec.pixel_format,
            "-fps_mode", "passthrough", *tags, *self._container(), "-y", file_url(self._picture),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = FFmpeg(self._arguments(), feed=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._encoder.__exit__(None, None, None)
            self._picture.unlink(missing_ok=True)
            self._joined.unlink(missing_ok=True)

    @property
    def _encoder(self) -> FFmpeg:
        if self._process is None:
            raise RuntimeError("a video is written inside its with block")
        return self._process

    def _write(self, frame: FloatImage) -> None:
        pixels: npt.NDArray[Any] = quantise(frame, 16 if self.codec.deep else 8)
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
            f"{self.target}: ffmpeg stopped after {self.frame_count} frames ({self._encoder.reason}); "
            "check the space on the disk and the codec"
        )

    def _finish(self) -> None:
        if self._encoder.finish():
            raise self._failure()
        done = self._picture
        if self._sound and self._sound_info:
            seconds = self.frame_count / self.rate
            add_sound(self._picture, self._sound, self._sound_info, self._joined, seconds, self._container())
            done = self._joined
        try:
            publish(done, self.target, overwrite=self._overwrite)
        except OSError as error:
            raise MediaError(f"{self.target}: cannot be put in place ({error.strerror}); check the folder") from error


class StillWriter(Writer):
    """Writes one image."""

    def __init__(
        self, target: Path, width: int, height: int, *, bit_depth: int, metadata: Mapping[str, str], overwrite: bool
    ) -> None:
        super().__init__(target, width, height)
        self._bit_depth, self._metadata, self._overwrite = bit_depth, metadata, overwrite
        self._frames: list[FloatImage] = []

    def _write(self, frame: FloatImage) -> None:
        if self._frames:
            raise MediaError(f"{self.target}: an image holds one frame; use {_numbered(self.target)} for more")
        self._frames.append(frame.copy())

    def _finish(self) -> None:
        write_image(
            self.target, self._frames[0],
            bit_depth=self._bit_depth, metadata=self._metadata, overwrite=self._overwrite,
        )  # fmt: skip


class SequenceWriter(Writer):
    """Writes numbered images; each appears whole, and those that were finished stay after an exception."""

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        *,
        files: NumberedFiles,
        first_number: int,
        bit_depth: int,
        metadata: Mapping[str, str],
        overwrite: bool,
    ) -> None:
        super().__init__(target, width, height)
        self._files, self._first_number = files, first_number
        self._bit_depth, self._metadata, self._overwrite = bit_depth, metadata, overwrite

    def _write(self, frame: FloatImage) -> None:
        write_image(
            self._files.path(self._first_number + self.frame_count), frame,
            bit_depth=self._bit_depth, metadata=self._metadata, overwrite=self._overwrite,
        )  # fmt: skip

    def _finish(self) -> None:
        written = range(self._first_number, self._first_number + self.frame_count)
        if self._overwrite:  # a longer, older sequence would otherwise go on after the end of this one
            for number, path in self._files.existing().items():
                if number not in written:
                    path.unlink()


def _numbered(path: Path) -> str:
    return f"{path.stem}.%05d{path.suffix}"


def open_writer(
    target: Path | str,
    *,
    width: int,
    height: int,
    rate: Fraction | None,
    codec: str = "h264",
    crf: int | None = None,
    bit_depth: int = 8,
    sound: SoundTrack | None = None,
    metadata: Mapping[str, str] | None = None,
    sample_aspect: Fraction = Fraction(1),
    overwrite: bool = False,
    protected: Sequence[Path | str] = (),
    first_number: int = 1,
) -> Writer:
    """Open a video, an image, or a numbered sequence (`out/%05d.png`) for writing; the name says which.

    `codec` is one of `CODECS` and `crf` its quality (None: the codec's default); they, `rate` in frames per
    second, `sound` and `sample_aspect` concern videos only, `bit_depth` (8 or 16) images only. Yuv codecs are
    converted to BT.709 limited range and tagged so; ffv1 keeps 8-bit RGB exactly. Where chroma comes in pairs,
    an odd size grows by one pixel that repeats the edge. `sound` is copied, encoded anew only where the
    container does not take it, and cut to the length of the picture. `metadata` comes back from
    `read_metadata`. A sequence starts at `first_number`, and its folder is made if only that is missing.

    Everything is written to hidden files beside the target first. `protected` are the files, patterns and
    folders that must never be overwritten, by whatever name. Raises before any work: SettingsError for an
    unknown codec or a crf out of range; MediaError for an ending that does not fit, an output that exists
    without `overwrite`, a protected file, a folder that is missing or cannot be written, or unreadable sound.
    """
    path = Path(target)
    metadata = dict(metadata or {})
    guarded = [Path(item) for item in (*protected, *([sound.path] if sound else []))]
    files = output_pattern(path)
    if files is not None:
        check_image_target(path, bit_depth)
        check_target(path, files, overwrite=overwrite, protected=guarded)
        return SequenceWriter(
            path, width, height, files=files, first_number=first_number,
            bit_depth=bit_depth, metadata=metadata, overwrite=overwrite,
        )  # fmt: skip
    if is_image(path):
        check_image_target(path, bit_depth)
        check_target(path, None, overwrite=overwrite, protected=guarded)
        return StillWriter(path, width, height, bit_depth=bit_depth, metadata=metadata, overwrite=overwrite)
    chosen = find_codec(codec, path, width, height, crf)
    if rate is None:
        raise MediaError(f"{path}: a still has no frame rate; write an image, or give a rate")
    check_target(path, None, overwrite=overwrite, protected=guarded)
    return VideoWriter(
        path, width, height, rate=rate, codec=chosen, crf=crf, sound=sound,
        sound_info=check_sound(sound) if sound else None,
        metadata=metadata, sample_aspect=sample_aspect, overwrite=overwrite,
    )  # fmt: skip
