"""What all writers have in common."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import MediaError
from dreamvid.images.color import FloatImage
from dreamvid.media.sound import SoundPlan
from dreamvid.runtime.layers import LayeredFrame, beauty_of
from dreamvid.runtime.lifecycle import Lifecycle

if TYPE_CHECKING:
    from dreamvid.media.animation import Animation


class Writer(Lifecycle):
    """An output that takes frames in order: `start`, `write` each frame, then `finish` or `abort`.

    `finish` completes the file and gives it its name; `abort` leaves nothing under that name, and what stood there
    before.
    """

    def __init__(self, target: Path, width: int, height: int, *, alpha: bool, keeps_alpha: bool) -> None:
        """Frames have a fourth channel with `alpha`, which is stored if it `keeps_alpha`, and else dropped."""
        self.target = target
        self.width, self.height = width, height
        self.frame_count = 0
        """Frames written so far."""
        self.latest = target
        """The file that the last frame went into."""
        self.deep = False
        """Whether more than 8 bits of a color are stored."""
        self.encoder = ""
        """The codec that is used in the end; pictures have none."""
        self.animation: Animation | None = None
        """How a picture that moves is encoded once all its pieces are there."""
        self.sound: SoundPlan | None = None
        """How the sound is stored in the end, for a video that gets some."""
        self.keeps_alpha = keeps_alpha
        self._channels = 4 if alpha else 3
        self._stored_channels = 4 if alpha and keeps_alpha else 3

    @property
    def frame_bytes(self) -> int:
        """What one frame takes in memory while it waits."""
        return self.width * self.height * 3 * 4

    def write(self, frame: FloatImage | LayeredFrame) -> None:
        """Append a float32 frame, RGB in [0, 1] (clipped), shape (height, width, 3 or 4); of layers the beauty is
        stored. Raises MediaError."""
        self._write(np.ascontiguousarray(self._checked(beauty_of(frame))[..., : self._stored_channels]))
        self.frame_count += 1

    def _checked(self, frame: FloatImage) -> FloatImage:
        due = self.height, self.width, self._channels
        if frame.shape != due:
            raise ValueError(f"expected a frame of shape {due}, not {frame.shape}")
        return frame

    @abstractmethod
    def _write(self, frame: FloatImage) -> None:
        """Store one frame."""

    @abstractmethod
    def _finish(self) -> None:
        """Complete the output; called only if all went well."""

    def _release(self) -> None:
        """Let go of processes and temporary files. May be called more than once."""

    def finish(self) -> None:
        """Complete the output and give it its name. Raises MediaError, and then leaves what `abort` leaves."""
        try:
            if not self.frame_count:
                raise MediaError(f"{self.target}: no frames were written, so there is no file; check the range")
            self._finish()
        finally:
            self._release()

    def abort(self) -> None:
        """Stop without an output; pictures of a sequence that were finished stay."""
        self._release()
