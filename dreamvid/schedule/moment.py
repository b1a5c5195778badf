"""The moment that a schedule is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

ENVELOPES = ("rms", "bass", "mid", "high", "onset", "beat")
"""What can be heard in a sound, each 0..1."""


@dataclass(frozen=True)
class Moment:
    """One frame of a film, and what is heard while it is shown.

    Times given as `Fraction` make keys exact; with floats, a key of an odd frame rate may come into force a frame late.
    """

    seconds: Fraction | float
    """Time since the start of the film."""
    frame: int
    """The frame's number, from 0."""
    frames: int | None
    """How many frames the film has, where that is known."""
    fps: Fraction | float
    """Frames per second."""
    envelopes: Mapping[str, float] = field(default_factory=dict)
    """The sound's envelopes now, 0..1, by the names of `ENVELOPES`; empty without sound."""
    beat_times: Sequence[float] = ()
    """All beats of the sound, in seconds, ascending; empty without sound."""
    depth: float | None = None
    """Of one pixel, from 0 near to 1 far; None: the whole picture is meant."""

    @classmethod
    def of_frame(
        cls,
        frame: int,
        fps: Fraction | float,
        frames: int | None = None,
        envelopes: Mapping[str, float] | None = None,
        beat_times: Sequence[float] = (),
    ) -> Moment:
        """The moment at which a frame is first shown in a film of constant rate."""
        return cls(Fraction(frame) / Fraction(fps), frame, frames, fps, envelopes or {}, beat_times)

    def __str__(self) -> str:
        return f"{float(self.seconds):g} s (frame {self.frame})"
