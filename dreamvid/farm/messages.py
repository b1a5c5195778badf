"""What travels between the driver and its workers: paths and settings there, progress and finished files back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dreamvid.config.settings import Settings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.media.write_passes import PassFile
from dreamvid.render.plan import Clock
from dreamvid.runtime.events import FrameDone

LAYERS_MARK = "pass-"
"""In the names of files with passes, before the number of the frame in the source."""

PIECE_BYTES = 4 * 2**20
"""The most of a file that travels at once."""


@dataclass(frozen=True)
class SharedFile:
    """A file, pattern or folder of pictures that workers need: where the driver has it, and what tells it apart."""

    path: Path
    fingerprint: str


@dataclass(frozen=True)
class Task:
    """One film, for a worker.

    Attributes:
        settings: with the network that the driver has resolved; its files are `files`.
        files: the source under the key `source`, others under their setting's name, the networks' published weights
            under `weights of NAME`.
        clock: of the whole source, with what is heard: sound is measured once, by the driver.
        size: (width, height) of the frames.
        first: the film's first frame, in the source.
        finds_dissolves: whether dissolves are looked for.
        suffix: of the film, or of its numbered pictures.
        first_number: of its first picture, where it is a sequence of pictures; None: it is none.
        tags: metadata of each picture.
        timecode: of the film's first frame.
        networks: fingerprint of the weights.
        pass_files: what passes beside the film are written to in the end, in floats of `pass_depth` bits; the
            film's first frame gets the number `first_pass` there.
        colors: fingerprint of the way of the colors, where that is not the usual one.
    """

    settings: Settings
    files: Mapping[str, SharedFile]
    clock: Clock
    size: tuple[int, int]
    first: int
    finds_dissolves: bool
    suffix: str
    first_number: int | None
    tags: Mapping[str, str]
    timecode: ClipTimecode | None
    networks: str
    pass_files: tuple[PassFile, ...] = ()
    pass_depth: int | None = None
    first_pass: int = 1
    colors: str | None = None


@dataclass(frozen=True)
class Stretch:
    """A part of the source in which cuts are looked for: frames from `first` to before `end`."""

    first: int
    end: int

    @property
    def cost(self) -> float:
        """In frames."""
        return self.end - self.first

    def __str__(self) -> str:
        return f"detecting cuts in frames {self.first} to {self.end - 1}"


@dataclass(frozen=True)
class Piece:
    """A part of a finished file; the files of a unit come one after the other."""

    name: str
    data: bytes
    last: bool


@dataclass(frozen=True)
class Message:
    """What a worker has to say; nothing of it is larger than a piece."""

    frames: tuple[FrameDone, ...] = ()
    piece: Piece | None = None
    notices: tuple[str, ...] = ()
    marks: tuple[bool, ...] = ()
    """Of a stretch: whether each frame begins a shot."""
    done: bool = False


@dataclass(frozen=True)
class Facts:
    """What a worker is, and whether it makes the same frames as others."""

    node: str
    process: int
    device: str
    precision: str
    networks: str
    notices: tuple[str, ...] = field(default=())
