"""What an expression may name beside the variables that are always there: stems, bands, curves and notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dreamvid.errors import did_you_mean, printable
from dreamvid.schedule.functions import CONSTANTS, FUNCTIONS
from dreamvid.schedule.moment import COUNTED, ENVELOPES, PITCH

TIMES = ("t", "f", "n", "fps")
"""Seconds, frame number, number of frames, frame rate."""
DEPTH = "depth"
"""Of a pixel: 0 near, 1 far."""
VARIABLES = (*TIMES, *ENVELOPES, PITCH, *COUNTED, DEPTH)
"""What may stand in any expression: times, what is heard in the sound, and how far away a pixel is."""
OF_A_STEM = (*ENVELOPES, PITCH)
"""What is heard of a stem, after its name and a point."""
OF_A_BAND = "onset"
"""What is heard of a band beside its level."""
PLAYED = {"note": "note(36)", "cc": "cc(1)"}
"""What is called with numbers from 0 to 127: how that is written."""
PLAYED_VARIABLES = ("velocity", "pitchbend")
"""What a score has beside notes and controllers."""
KEYWORDS = ("if", "else", "and", "or", "not")
HIGHEST = 127
"""The largest number of a note or a controller."""

NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*", re.ASCII)
"""A name, without a point."""
_MOST_SHOWN = 12


@dataclass(frozen=True)
class Names:
    """What settings bring along.

    Attributes:
        stems: each has `OF_A_STEM`.
        bands: each is a level and has an onset; `drums.hat` is a band of a stem.
        curves: each is a value.
        has_notes: whether there is a score: `note(36)`, `cc(1)`, `velocity`, `pitchbend`, and these of a channel or
            track, `ch10.note(36)`.
    """

    stems: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    has_notes: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """All that may stand as a value; of a score, those without a channel or track."""
        stems = (f"{stem}.{name}" for stem in self.stems for name in OF_A_STEM)
        onsets = (f"{band}.{OF_A_BAND}" for band in self.bands)
        return (*self.curves, *self.bands, *onsets, *stems, *(PLAYED_VARIABLES if self.has_notes else ()))

    def knows(self, name: str) -> bool:
        """Whether a value has this name."""
        return name in VARIABLES or name in CONSTANTS or name in self.variables or self._is_played(name)

    def _is_played(self, name: str) -> bool:
        return self.has_notes and name.rpartition(".")[2] in PLAYED_VARIABLES

    def suggest(self, name: str) -> str:
        """What to say to somebody who wrote a name that is not there, after that."""
        first, point, last = name.partition(".")
        if name in self.stems:
            return f"; '{name}' is a stem: write {name}.rms, {name}.onset or another of {', '.join(OF_A_STEM)}"
        if name.rpartition(".")[2] in (*PLAYED, *PLAYED_VARIABLES):
            return "; it comes from a MIDI file: give one with --midi FILE"
        if point and first in self.stems:
            own = [*OF_A_STEM, *(band.partition(".")[2] for band in self.bands if band.startswith(f"{first}."))]
            hint = did_you_mean(name, [f"{first}.{one}" for one in own] if did_you_mean(last, own) else ())
            return hint or f"; the stem {first} has {_listed(own)}"
        if point and last in OF_A_STEM:
            hint = did_you_mean(name, [f"{stem}.{last}" for stem in (*self.stems, *self.bands)])
            return hint or f"; a stem is given with --stem {printable(first, 40)}=FILE"
        known = (*self.variables, *VARIABLES, *CONSTANTS, *FUNCTIONS)
        if hint := did_you_mean(name, known):
            return hint
        if point and self.stems:
            return f"; the stems are {_listed(self.stems)}"
        if point:
            return f"; a stem is given with --stem {printable(first, 40)}=FILE"
        # What was brought along comes last: those who know the others look there.
        own = [*self.curves, *self.bands, *(f"{stem}.{last or 'rms'}" for stem in self.stems)]
        return f"; use one of {', '.join([*VARIABLES, *CONSTANTS])}{', ' * bool(own)}{_listed(own)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + ", …" * (len(names) > _MOST_SHOWN)


NO_NAMES = Names()


def what_is_built_in(name: str) -> str | None:
    """What a name, without a point, stands for already, in words; None: nothing, it may be given to something."""
    if name in VARIABLES or name in PLAYED_VARIABLES:
        return "a variable"
    if name in CONSTANTS:
        return "a constant"
    if name in FUNCTIONS or name in PLAYED:
        return "a function"
    return "a word of the language" if name in KEYWORDS else None
