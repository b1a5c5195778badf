"""Writing passes: EXR files with the layers of each frame, in one file or in one for each pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dreamvid.config.passes import PassName, values_per_pixel
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage, SceneColors
from dreamvid.images.exr_timecode import timecode_attributes
from dreamvid.images.passes import Channels, as_layers, as_picture, write_passes
from dreamvid.media.names import OneFile
from dreamvid.media.sequence import NumberedFiles
from dreamvid.media.target import beside, check_target, output_pattern
from dreamvid.media.write_images import check_resumed, drop_others, numbered
from dreamvid.media.writer import Writer
from dreamvid.runtime.layers import LayeredFrame

Layout = Literal["layers", "files"]

_NUMBERS = "%05d.exr"  # where the output has none


@dataclass(frozen=True)
class PassFile:
    """What is written of each frame: a file, or numbered ones, with these passes as layers; or with one alone, as a
    picture."""

    path: Path
    names: tuple[PassName, ...]
    as_layers: bool = True

    @property
    def files(self) -> NumberedFiles | None:
        """The numbered files; None: it is one."""
        return output_pattern(self.path)

    def file(self, number: int) -> Path:
        """The file of the frame with this number."""
        files = self.files
        return self.path if files is None else files.path(number)

    def channels(self, frame: LayeredFrame, bit_depth: int, scene: SceneColors | None = None) -> Channels:
        """What the file of a frame holds."""
        if self.as_layers:
            return as_layers(frame, self.names, bit_depth, scene)
        return as_picture(frame, self.names[0], bit_depth, scene)


def pass_files(pattern: Path, names: Sequence[PassName], layout: Layout) -> list[PassFile]:
    """The files of passes under a name, or a pattern, of an EXR: `00001.exr`; or `dream.00001.exr` and so on."""
    if layout == "layers":
        return [PassFile(pattern, tuple(names))]
    return [PassFile(pattern.with_name(f"{name}.{pattern.name}"), (name,), as_layers=False) for name in names]


def pass_files_beside(
    target: Path, names: Sequence[PassName], layout: Layout, *, is_still: bool = False
) -> list[PassFile]:
    """The files of passes that lie beside an output: `film.mp4.passes/00001.exr`, numbered like its pictures where it
    is a sequence; `still.png.passes.exr` of a still."""
    if not names:
        return []
    pattern = output_pattern(target)
    if is_still:
        if layout == "layers":
            return [PassFile(OneFile(beside(target, ".passes.exr")), tuple(names))]
        return [PassFile(OneFile(beside(target, f".{name}.exr")), (name,), as_layers=False) for name in names]
    name = _NUMBERS if pattern is None else f"{target.name.removesuffix(target.suffix)}.exr"
    return pass_files(beside(target, ".passes") / name, names, layout)


class PassWriter(Writer):
    """Writes EXR files of layered frames; each file appears whole. Those of a sequence stay after an exception, as
    pictures do."""

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        *,
        outputs: Sequence[PassFile],
        first_number: int,
        resume: int | None,
        alpha: bool,
        bit_depth: int,
        compression: str | None,
        metadata: Mapping[str, str],
        scene: SceneColors | None,
        overwrite: bool,
        timecode: ClipTimecode | None = None,
    ) -> None:
        """See `open_writer`; `outputs` are what is written of each frame, all numbered or none."""
        super().__init__(target, width, height, alpha=alpha, keeps_alpha=True)
        self._outputs, self._first_number, self._resumes = list(outputs), first_number, resume is not None
        self._bit_depth, self._compression = bit_depth, compression
        self._metadata, self._scene, self._overwrite = metadata, scene, overwrite
        self._timecode = timecode
        self._still: LayeredFrame | None = None
        self._is_still = self._outputs[0].files is None
        self.deep = True
        self.frame_count = resume or 0
        self.latest_files: list[Path] = []
        """The files that the last frame went into."""

    @property
    def frame_bytes(self) -> int:
        return self.width * self.height * 4 * values_per_pixel(name for one in self._outputs for name in one.names)

    def write(self, frame: FloatImage | LayeredFrame) -> None:
        """Append a frame with the layers that are wanted. Raises MediaError."""
        frame = frame if isinstance(frame, LayeredFrame) else LayeredFrame(frame)
        self._checked(frame.beauty)
        if self._is_still:
            if self._still is not None:
                raise MediaError(f"{self.target}: an image holds a single frame; use {numbered(self.target)} for more")
            self._still = frame
        else:
            # What an earlier writer wrote and did not live to count is made again.
            self._store(frame, overwrite=self._overwrite or self._resumes)
        self.frame_count += 1

    def _write(self, frame: FloatImage) -> None:
        raise NotImplementedError

    def _store(self, frame: LayeredFrame, *, overwrite: bool) -> None:
        number = self._first_number + self.frame_count
        self.latest_files = []
        timecode = None if self._timecode is None else self._timecode.after(self.frame_count)
        for output in self._outputs:
            self.latest = output.file(number)
            channels = output.channels(frame, self._bit_depth, self._scene)
            write_passes(
                self.latest,
                channels,
                metadata={**self._metadata, **timecode_attributes(timecode)},
                compression=self._compression,
                scene=self._scene,
                overwrite=overwrite,
                made_again=not self._is_still,  # a journal sees to it that one process at a time writes a sequence
            )
            self.latest_files.append(self.latest)

    def _finish(self) -> None:
        if self._still is not None:
            self._store(self._still, overwrite=self._overwrite)
        elif self._overwrite:
            written = range(self._first_number, self._first_number + self.frame_count)
            for files in self._numbered():
                drop_others(files, written)

    def withdraw(self, paths: Iterable[Path] = ()) -> None:
        """Delete files of frames that do not count, and the folder where nothing is left in it."""
        for path in paths:
            path.unlink(missing_ok=True)
        for files in self._numbered():
            with suppress(OSError):  # there are others in it
                files.folder.rmdir()

    def _numbered(self) -> Iterator[NumberedFiles]:
        return (files for output in self._outputs if (files := output.files) is not None)


def open_pass_writer(
    outputs: Sequence[PassFile],
    *,
    width: int,
    height: int,
    alpha: bool = False,
    bit_depth: int | None = None,
    compression: str | None = None,
    metadata: Mapping[str, str] | None = None,
    scene: SceneColors | None = None,
    overwrite: bool = False,
    protected: Sequence[Path] = (),
    first_number: int = 1,
    resume: int | None = None,
    timecode: ClipTimecode | None = None,
) -> PassWriter:
    """Open a writer of passes, see `open_writer`. Raises MediaError before any work."""
    for output in outputs:
        files = output.files
        check_target(output.path, files, overwrite=overwrite or resume is not None, protected=protected)
        if files is not None:
            check_resumed(files, first_number, resume or 0)
    return PassWriter(
        outputs[0].path, width, height, outputs=outputs, first_number=first_number, resume=resume, alpha=alpha,
        bit_depth=bit_depth or 16, compression=compression, metadata=dict(metadata or {}), scene=scene,
        overwrite=overwrite, timecode=timecode,
    )  # fmt: skip
