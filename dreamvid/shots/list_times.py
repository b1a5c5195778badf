"""What the timecodes in a list of shots mean."""

from __future__ import annotations

import re
from fractions import Fraction

from dreamvid.config.timecode import ClipTimecode, parse_timecode


class ListTimes:
    """Which frame of a clip the times of a list mean."""

    def __init__(self, rate: Fraction, frames: int, timecode: ClipTimecode | None) -> None:
        """`timecode` is the clip's own; the first one of the list shows whether the list means that."""
        self.rate = rate
        self._frames, self._own = frames, timecode
        self._origin: int | None = None

    def frame_of(self, timecode: str, *, drop: bool = False, from_the_hour: bool = False) -> int:
        """The frame of a timecode. Raises `ValueError` where there is none such."""
        found = parse_timecode(timecode, self.rate, drop=drop)
        if self._origin is None:
            self._origin = self._hour_of(timecode, drop) if from_the_hour else 0
            if self._own is not None and not self._is_own(timecode):
                self._own = None
        return found - self._origin if self._own is None else self._own.index_of(timecode, self._frames + 1)

    def _is_own(self, timecode: str) -> bool:
        if self._own is None or self._own.rate != self.rate:
            return False
        try:
            return self._own.index_of(timecode, self._frames) < self._frames
        except ValueError:
            return False

    def _hour_of(self, timecode: str, drop: bool) -> int:
        hours, *_ = re.split("[:;]", timecode)
        return parse_timecode(f"{hours}:00:00{';' if ';' in timecode else ':'}00", self.rate, drop=drop)
