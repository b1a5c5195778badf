"""Writing images: one, or a numbered sequence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage, SceneColors
from dreamvid.images.header import ImageTags
from dreamvid.images.write import ALPHA_SUFFIXES, check_image_target, write_image
from dreamvid.media.sequence import NumberedFiles
from dreamvid.media.writer import Writer


class ImageWriter(Writer):
    """What both have in common: how an image is written."""

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        *,
        alpha: bool,
        bit_depth: int | None,
        quality: int | None,
        metadata: Mapping[str, str],
        tags: ImageTags,
        scene: SceneColors | None,
        overwrite: bool,
        compression: str | None = None,
    ) -> None:
        super().__init__(target, width, height, alpha=alpha, keeps_alpha=target.suffix.lower() in ALPHA_SUFFIXES)
        self._bit_depth = check_image_target(target, bit_depth)
        self.deep = self._bit_depth > 8
        self._quality, self._metadata, self._tags, self._overwrite = quality, metadata, tags, overwrite
        self._compression = compression
        self._scene = scene

    def _store(self, path: Path, frame: FloatImage, *, overwrite: bool) -> None:
        write_image(
            path, frame, bit_depth=self._bit_depth, quality=self._quality,
            metadata=self._metadata, tags=self._tags, scene=self._scene, overwrite=overwrite,
            compression=self._compression,
        )  # fmt: skip


class StillWriter(ImageWriter):
    """Writes one image."""

    _frame: FloatImage | None = None

    def _write(self, frame: FloatImage) -> None:
        if self._frame is not None:
            raise MediaError(f"{self.target}: an image holds a single frame; use {numbered(self.target)} for more")
        self._frame = frame.copy()

    def _finish(self) -> None:
        if self._frame is not None:
            self._store(self.target, self._frame, overwrite=self._overwrite)


class SequenceWriter(ImageWriter):
    """Writes numbered images; each appears whole, and those that were finished stay after an exception.

    One that goes on with what an earlier one has written begins with its `frame_count`.
    """

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        *,
        files: NumberedFiles,
        first_number: int,
        resume: int | None,
        alpha: bool,
        bit_depth: int | None,
        quality: int | None,
        metadata: Mapping[str, str],
        tags: ImageTags,
        scene: SceneColors | None,
        overwrite: bool,
        timecode: ClipTimecode | None = None,
        compression: str | None = None,
    ) -> None:
        super().__init__(
            target, width, height, alpha=alpha, bit_depth=bit_depth, quality=quality,
            metadata=metadata, tags=tags, scene=scene, overwrite=overwrite, compression=compression,
        )  # fmt: skip
        self._timecode = timecode
        self._files, self._first_number, self._resumes = files, first_number, resume is not None
        self.frame_count = resume or 0

    def _write(self, frame: FloatImage) -> None:
        self.latest = self._files.path(self._first_number + self.frame_count)
        if self._timecode is not None:
            self._tags = replace(self._tags, timecode=self._timecode.after(self.frame_count))
        # What the earlier one wrote and did not live to count is made again.
        self._store(self.latest, frame, overwrite=self._overwrite or self._resumes)

    def _finish(self) -> None:
        written = range(self._first_number, self._first_number + self.frame_count)
        if self._overwrite:
            drop_others(self._files, written)


def check_resumed(files: NumberedFiles, first: int, count: int) -> None:
    """Raise a MediaError unless the files that an earlier writer has written, so many from number `first` on, are
    there."""
    there = files.existing().keys()
    for number in range(first, first + count):
        if number not in there:
            raise MediaError(f"{files.path(number)}: was written earlier but no longer exists; start over with --fresh")


def drop_others(files: NumberedFiles, written: Collection[int]) -> None:
    """Delete pictures of an older, longer sequence, which would otherwise go on after the end of the `written` one."""
    for number, path in files.existing().items():
        if number not in written:
            path.unlink()


def numbered(path: Path) -> str:
    """The name of a sequence of images such as this one."""
    return f"{path.stem}.%05d{path.suffix}"
