"""A grid of beats as a person corrects it: half or double the tempo, another meter, another one, all of it moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dreamvid.audio.grid import Grid, Times, signature_of
from dreamvid.audio.gridfile import CLOSEST, USUAL_BEATS
from dreamvid.config.sound import GridSettings
from dreamvid.errors import SettingsError

_NEAR = 1e-6  # seconds, by which times may be off by rounding


def edit_grid(grid: Grid, edits: GridSettings) -> Grid:
    """Return a corrected grid, in the time of the sound as `grid` is.

    A bar keeps its number of beats where the tempo is halved or doubled, also where that changes within the song. Beats
    that would come before the sound are left out. Sections that began with a bar begin with the bar nearest to where
    they did. Raises `SettingsError` where there are no beats, or they would be too close.
    """
    if edits == GridSettings():
        return grid
    if not len(grid.beats):
        raise SettingsError("there are no beats to correct; lay some with --bpm")
    beats, bars, signature = grid.beats, grid.bars, grid.signature
    one = _nearest(beats, edits.downbeat if edits.downbeat is not None else float([*bars, beats[0]][0]))
    if edits.tempo is not None:
        beats, one = _halved(beats, one) if edits.tempo == "half" else _doubled(beats, one)
    if edits.tempo is not None or edits.downbeat is not None or edits.beats_per_bar is not None:
        bars = _bars(beats, one, grid, edits.beats_per_bar)
    if edits.beats_per_bar is not None or signature is None:
        signature = signature_of(edits.beats_per_bar or USUAL_BEATS)
    sections = _moved(grid.sections, grid.bars, bars)
    beats, bars = (times[times >= -edits.shift_beats] + edits.shift_beats for times in (beats, bars))
    if not len(beats):
        raise SettingsError(f"--shift-beats {edits.shift_beats:g}: moves all beats before the sound; move them less")
    sections = np.maximum(sections + edits.shift_beats * (sections > 0), 0)
    return replace(grid, beats=beats, bars=bars, signature=signature, sections=sections)


def _nearest(times: Times, time: float) -> int:
    return int(np.argmin(np.abs(times - time)))


def _halved(beats: Times, one: int) -> tuple[Times, int]:
    """Every other beat, `one` among them, and its new number."""
    return beats[one % 2 :: 2], one // 2


def _doubled(beats: Times, one: int) -> tuple[Times, int]:
    """The beats, and one in the middle between any two."""
    doubled = np.interp(np.arange(2 * len(beats) - 1) / 2, np.arange(len(beats)), beats)
    if np.diff(doubled).min(initial=1.0) < CLOSEST:
        raise SettingsError(f"--tempo double: beats would be less than {CLOSEST:g} s apart; leave it out")
    return doubled, 2 * one


def _bars(beats: Times, one: int, grid: Grid, length: int | None) -> Times:
    """The beats that begin bars, `one` among them; of `length` beats, or of as many as bars of `grid` have then."""
    counts, starts = np.diff(np.searchsorted(grid.beats, grid.bars)), grid.bars[:-1]
    if not len(counts):
        counts, starts = np.array([USUAL_BEATS]), grid.beats[:1]

    def length_at(place: int) -> int:
        number = int(np.searchsorted(starts, beats[place] + _NEAR, side="right")) - 1
        return length or int(counts[max(0, number)])

    found = [one]
    while found[-1] + length_at(found[-1]) < len(beats):
        found.append(found[-1] + length_at(found[-1]))
    while found[0] - length_at(max(0, found[0] - 1)) >= 0:
        found.insert(0, found[0] - length_at(found[0] - 1))
    return beats[found]


def _moved(sections: Times, old: Times, new: Times) -> Times:
    """Sections that began with one of the `old` bars, at the nearest of the `new`; no two at the same."""
    if not len(old) or not len(new):
        return sections
    on_bar = np.abs(old[:, None] - sections).min(0) < _NEAR
    near = new[np.abs(new[:, None] - sections).argmin(0)]
    moved = np.where(on_bar, near, sections)
    return moved if (np.diff(moved) > _NEAR).all() else sections
