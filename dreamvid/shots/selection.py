"""Where a film is cut, as its settings say: found, read from a list, or nowhere; and which shots are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import repeat
from pathlib import Path

from dreamvid.config.settings import Settings
from dreamvid.errors import SettingsError
from dreamvid.media import AS_CODED, ClipInfo, Reader, open_reader
from dreamvid.motion.dissolves import Dissolve, Mark
from dreamvid.shots.shotlist import read_shots
from dreamvid.shots.shots import Shot, gather_shots, plan_parts, shots_at_rate, watch_cuts, watch_transitions


class Transitions:
    """Of each frame of a film whether a shot begins there, to be iterated once; and the dissolves, as far as that."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._marks = marks
        self._dissolves: dict[int, Dissolve] = {}  # by the frame they arrive at

    def __iter__(self) -> Iterator[bool]:
        for mark in self._marks:
            if mark.dissolve is not None:
                self._dissolves[mark.dissolve.arrived] = mark.dissolve
            yield mark.is_cut

    def dissolve_at(self, index: int) -> Dissolve | None:
        """The dissolve that a frame is in, by its number in the clip: after its `left`, up to its `arrived`."""
        found = (one for one in self._dissolves.values() if one.left < index <= one.arrived)
        return next(found, None)


class ShotSelection:
    """The cuts of one source."""

    def __init__(self, source: Path, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._shots: list[Shot] | None = None
        self.info: ClipInfo | None = None
        """What is known of the source, once it has been looked at."""

    def chosen_range(self) -> tuple[Fraction | None, int | None]:
        """Where the wanted shots begin, in seconds, and how many frames they have; None where all are wanted.

        Raises `SettingsError` where there are no such shots.
        """
        settings = self._settings
        wanted = settings.shots
        if wanted is None:
            self._check_list()
            return None, None
        if (settings.start, settings.end, settings.frames) != (None, None, None):
            raise SettingsError("--shots: cannot be combined with --start, --end or --frames; use one or the other")
        whole = self._open(settings.rate)
        if whole.rate is None:
            raise SettingsError(f"--shots: {self._source} is a still picture and has no shots; leave it out")
        ((first, end),) = plan_parts(self._list_shots(whole.rate, whole.frame_count), range(wanted[0], wanted[1] + 1))
        return first / whole.rate, end - first

    def marks(self, reader: Reader) -> Transitions:
        """Say of each frame of `reader` whether a shot begins there: the same, whatever part of the clip it reads.

        Dissolves are found where cuts are looked for.
        """
        if self._settings.cuts == "none" or reader.rate is None:
            return Transitions(repeat(Mark()))
        first, end = reader.first_index, reader.first_index + reader.frame_count
        self.info = reader.info
        if self._settings.cuts == "auto":
            return Transitions(watch_transitions(self._source, reader.rate, first, end, info=self.info))
        whole = self._open(self._settings.rate).frame_count
        begins = {shot.first for shot in self._list_shots(reader.rate, whole)}
        return Transitions(Mark(index in begins) for index in range(first, end))

    def _open(self, rate: Fraction | None) -> Reader:
        layer = self._settings.exr_layer
        reader = open_reader(self._source, rate=rate, tonemap=AS_CODED, exr_layer=layer, info=self.info)
        self.info = reader.info
        return reader

    def known_shots(self, rate: Fraction) -> list[Shot] | None:
        """All shots of the source at a rate; None where nobody has looked for its cuts yet."""
        if self._settings.cuts == "auto" and self._shots is None:
            return None
        return self._list_shots(rate, self._open(self._settings.rate).frame_count)

    def _check_list(self) -> None:
        """Read a list of cuts now, where there is one: what is wrong with it is said before anything is dreamed."""
        if self._settings.cuts not in ("auto", "none"):
            whole = self._open(self._settings.rate)
            if whole.rate is not None:
                self._list_shots(whole.rate, whole.frame_count)

    def _list_shots(self, rate: Fraction, frames: int) -> list[Shot]:
        if self._shots is None:
            match self._settings.cuts:
                case "auto":
                    self._shots = list(gather_shots(watch_cuts(self._source, rate, info=self.info)))
                case "none":
                    self._shots = [Shot(1, 0, frames)]
                case path:  # a list counts the clip's own frames
                    own = self._open(None)
                    own_rate = own.rate if own.rate and own.info.kind == "video" else rate  # pictures have none
                    listed = read_shots(Path(path), own_rate, own.frame_count, own.info.timecode, self._source)
                    self._shots = listed if own_rate == rate else shots_at_rate(listed, own_rate, rate)
        return self._shots
