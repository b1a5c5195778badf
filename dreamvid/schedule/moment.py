"""The moment that a schedule is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

ENVELOPES = ("rms", "bass", "mid", "high", "onset", "beat")
"""What can be heard in a sound, each 0..1."""
COUNTED = ("bar", "bar_phase", "beat_phase", "section", "since_section")
"""Time as the music counts it: bars and sections from 0, shares of a bar and a beat that have passed, seconds."""
PITCH = "pitch"
"""How high a sound is: the number of a MIDI note, 60 for middle C, with fractions."""


class Timeline(Protocol):
    """A film, at any time of which can be asked what is then."""

    @property
    def memory(self) -> dict[object, Any]:
        """What was found out on the way; whoever keeps something there chooses its key."""
        ...

    def moment_at(self, seconds: Fraction, length: Fraction) -> Moment:
        """The moment at a time, and what is heard for so many seconds from then on; before the start it is the first
        moment, and nothing is heard."""
        ...


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
    """What is heard now, by name: envelopes, 0..1, and whatever settings bring along; empty without sound."""
    beat_times: Sequence[float] = ()
    """All beats of the sound, in seconds, ascending; empty without sound."""
    length: Fraction | float = 0
    """How long the frame is shown, in seconds; 0: it is a moment."""
    timeline: Timeline | None = field(default=None, compare=False, repr=False)
    """The film that it belongs to, for what depends on the past."""
    bar_times: Sequence[float] = ()
    """Where the sound's bars begin, as `beat_times`."""
    section_times: Sequence[float] = ()
    """Where its sections begin."""
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
