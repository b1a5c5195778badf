"""Films that are dreamed in two passes, and films that loop.

A film is cut into sections, at its cuts and at so many frames. Each is dreamed from its end to its beginning, and then
forward, which is what is shown. The backward pass leaves behind (after the multi-pass algorithm of Ruder, Dosovitskiy
and Brox 2016, arXiv:1604.08610, section 3.4):

- the residual of a shot's first frame, as settled as any later one: the forward pass begins with it;
- keyframes: what comes into sight in the forward pass has been in sight for long in the backward one.

The forward pass replaces each keyframe by its own when it passes. So what went out of sight, however long ago, is known
again when it comes home (`motion.views`), and both passes dream the same there.

The end of a loop turns into its beginning: the residual of the film's first frame is carried on backward, over the
last frames, and the forward pass turns into what it meets there.

What is kept between the passes lies in files (`output.keyframes`): memory and disk are bounded, however long the film.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamvid.config.settings import FrameSettings, Settings
from dreamvid.config.vectors import method_of
from dreamvid.errors import MediaError
from dreamvid.motion.motion_stage import (
    DissolveFrame,
    DissolveSource,
    FrameMotion,
    FramePair,
    MotionFrame,
    MotionStage,
    Pairing,
    motion_threads,
)
from dreamvid.motion.vectors import VectorFiles
from dreamvid.motion.views import VIEW_EVERY, KnownViews, View, ViewBook, ViewUpdate
from dreamvid.output.keyframes import FrameSpool, KeyframeStore
from dreamvid.output.snapshot import Snapshot
from dreamvid.render.carry import Carry, Goal
from dreamvid.render.film import FRAMES_AHEAD, MOTIONS_AHEAD, Film, FilmFrames
from dreamvid.render.pieces import MOST_SECTION, join_frames_within, join_shares, section_length
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.runtime.events import BackwardFrameDone, Notice, Tell, ignore
from dreamvid.runtime.frames import Dreams, Frame
from dreamvid.runtime.pipeline import ReadAhead, depth_within, map_ahead
from dreamvid.runtime.registers import FLOWS
from dreamvid.shots.selection import Transitions

TURNING_PASSES = 3
"""Carried steps on a shot's first frame between the passes: the dream comes to the others twice."""
_LEAST_LIKENESS = 0.3  # reliability, on average, of the way from a loop's first frame to its last; 0.003 at a cut

OpenFrames = Callable[[int, int], AbstractContextManager[tuple[FilmFrames, Transitions]]]
"""Opens so many frames of a film, from one on: a reader, and whether each begins a shot."""


@dataclass(frozen=True)
class FilmSource:
    """A film that can be read more than once: how many frames of which size it has, at what rate, from where on in the
    source, what opens it, and what tells the dissolves among its cuts."""

    frames: int
    width: int
    height: int
    rate: Fraction
    first_index: int
    open: OpenFrames
    dissolves: Callable[[Transitions], DissolveSource]


@dataclass(frozen=True)
class _Section:
    """Frames of one shot, from `first` to just before `end`; the shot begins at `shot`.

    Where the shot comes in by a dissolve, that goes before it: `first` is before `shot`, and what lies between is not
    dreamed backward.
    """

    first: int
    end: int
    shot: int

    @property
    def begins_shot(self) -> bool:
        return self.first <= self.shot

    @property
    def dreamed_from(self) -> int:
        """The first frame that is dreamed backward."""
        return max(self.first, self.shot)


class TwoPassFilm(Film):
    """A film whose frames are read twice: to be dreamed backward, and to be shown. With `loop` alone, only its end."""

    def __init__(
        self,
        planner: Planner[Settings],
        device: torch.device,
        source: FilmSource,
        folder: Path,
        snapshot: Snapshot | None = None,
        tell: Tell = ignore,
        vectors: VectorFiles | None = None,
    ) -> None:
        """`folder` takes the files between the passes; those of `snapshot` are there. The others as in `Film`."""
        super().__init__(planner, device, None if snapshot is None or not snapshot.done else snapshot, vectors)
        self._source, self._folder, self._tell = source, folder, tell
        film = source.frames, source.rate, source.width, source.height
        self._twice = self._settings.two_pass
        self._join = join_frames_within(*film) if self._settings.loop else 0
        self._loops = self._join > 0
        numbers: Mapping[str, Any] = {} if snapshot is None else snapshot.numbers
        tensors: Mapping[str, Tensor] = {} if snapshot is None else snapshot.tensors
        self._store = KeyframeStore(folder, () if snapshot is None else snapshot.files)
        self._ahead = 0 if snapshot is None else snapshot.ahead
        self._section = _Section(*numbers["section"]) if "section" in numbers else None
        self._back_done = int(numbers.get("back_done", 0))
        self._back = Carry()
        back = {name: tensor.to(device) for name, tensor in tensors.items() if name.startswith(_BACK)}
        if back:
            back = {name.removeprefix(_BACK): tensor for name, tensor in back.items()}
            self._back.restore(back, numbers["back_frames"])
        self._seed = tensors[_SEED].to(device) if _SEED in tensors else None
        self._goals_from = int(numbers.get("goals_from", source.frames))
        self._shown = set(numbers.get("shown", ()))  # numbers of views, as far as is dreamed
        self._coming = set(numbers.get("coming", ()))
        # The same as far as motion is measured: these belong to the thread that runs ahead.
        self._book = ViewBook(View(number, self._store.picture(number, "forth")) for number in sorted(self._shown))
        self._views = {number: View(number, self._store.picture(number, "back")) for number in sorted(self._coming)}
        self._forth = Pairing(self._carry.frames - self.lead)
        self._skip = self.lead  # frames that are read once more, to look back to
        self._dissolves: DissolveSource | None = None
        self._sees = not FLOWS.find(method_of(self._settings.flow)).stands_still

    def snapshot(self) -> Snapshot:
        """The state after the frames so far, in both directions; taken between two frames."""
        tensors: dict[str, Tensor] = {}
        numbers: dict[str, Any] = {
            "back_done": self._back_done,
            "goals_from": self._goals_from,
            "shown": sorted(self._shown),
            "coming": sorted(self._coming),
        }
        if self.done:
            plain = super().snapshot()
            tensors |= plain.tensors
            numbers |= plain.numbers
        if self._section is not None:
            numbers["section"] = [self._section.first, self._section.end, self._section.shot]
            if self._back.residual is not None and self._back_done < len(self._order(self._section)):
                kept = {f"{_BACK}{name}": tensor for name, tensor in self._back.state().items()}
                tensors |= {name: tensor.to("cpu", copy=True) for name, tensor in kept.items()}
                numbers["back_frames"] = self._back.frames
        if self._seed is not None:
            tensors[_SEED] = self._seed.to("cpu", copy=True)
        return Snapshot(self.done, tensors, numbers, self._ahead, self._store.count())

    def dream_twice(self) -> Dreams:
        """Dream all frames that are left, as `Film.dream` does; a `BackwardFrameDone` comes for each that is dreamed
        backward."""
        source = self._source
        if self.done >= source.frames:
            return
        read_from = self.done if self._section is None else self._section.first
        lead = self.done - self._skip
        frame_bytes = source.width * source.height * 3 * 4
        with (
            FrameSpool(self._folder, source.width, source.height) as spool,
            source.open(lead, source.frames - lead) as (frames, _),
            ReadAhead(frames, depth_within(frame_bytes, FRAMES_AHEAD)) as reading,
            source.open(read_from, source.frames - read_from) as (ahead, cuts),
        ):
            self._dissolves = source.dissolves(cuts)
            showing = iter(reading)
            sections = self._sections(ahead, cuts, read_from, spool)
            for section in sections:
                self._section = section
                if self._back_done < len(self._order(section)):
                    if self._loops and not section.first:
                        self._spool_end(spool)
                    yield from self._go_back(section, spool)
                yield from self._go_forth(section, showing)
                if self.done < section.end:  # the source is damaged: what it has is shown
                    return
                self._section, self._back_done = None, 0
                self._coming.clear()
                self._views.clear()

    def _sections(
        self, frames: Iterable[Frame], cuts: Transitions, first: int, spool: FrameSpool
    ) -> Iterator[_Section]:
        """The sections of the film from frame `first` on, with the frames of each in `spool`."""
        length = section_length(self._source.width, self._source.height) if self._twice else MOST_SECTION
        marked = zip(frames, chain(cuts, repeat(False)), strict=False)
        shot = 0 if self._section is None else self._section.shot
        following = next(marked, None)
        while following is not None:
            is_resumed = self._section is not None and self._section.first == first
            arrived = self._arrival(cuts, first)
            if arrived is not None:
                shot = arrived
            elif (following[1] and not is_resumed) or not first:
                shot = first
            spool.clear()
            spool.append(following[0])
            following = next(marked, None)
            while following is not None and not following[1]:
                end = first + spool.count
                if end > shot and (spool.count >= length or self._arrival(cuts, end) is not None):
                    break
                spool.append(following[0])
                following = next(marked, None)
            end = first + spool.count
            section = _Section(first, end, shot)
            if section.begins_shot and not is_resumed:
                self._forget()
            yield section
            first = end

    def _arrival(self, cuts: Transitions, t: int) -> int | None:
        """Where the dissolve arrives that frame `t` of the film is in, before that; None: it is in none."""
        dissolve = cuts.dissolve_at(self._source.first_index + t)
        arrived = 0 if dissolve is None else dissolve.arrived - self._source.first_index
        return arrived if t < arrived < self._source.frames else None

    def _forget(self) -> None:
        """A shot begins: what is kept of the one before is of no more use."""
        for number in self._shown:
            self._store.drop(number, "forth")
        self._shown.clear()
        self._book.clear()

    def _order(self, section: _Section) -> Sequence[int]:
        """The frames that are dreamed backward for a section; in a loop the film's last ones come after its first."""
        order = list(reversed(range(section.dreamed_from, section.end))) if self._twice else []
        if self._loops and not section.first:
            order = order or [0]
            order += reversed(range(self._source.frames - self._join, self._source.frames))
        return order

    def _spool_end(self, spool: FrameSpool) -> None:
        """Add the film's last frames to `spool`, in their order; those of a damaged film may be missing."""
        first = self._source.frames - self._join
        with self._source.open(first, self._join) as (frames, _):
            try:
                for frame in frames:
                    spool.append(frame)
            except MediaError as error:
                self._tell(Notice(f"--loop: the end is not joined to the beginning: {error}"))

    def _go_back(self, section: _Section, spool: FrameSpool) -> Dreams:
        """Dream the spooled frames backward."""
        order = self._order(section)
        begins_end = len(order) - (self._join if self._loops and not section.first else 0)
        length = section.end - section.first
        if length + len(order) - begins_end > spool.count:  # the film ends early
            order = order[:begins_end]
        places = [t - section.first for t in order[:begins_end]]
        places += reversed(range(length, length + len(order) - begins_end))
        skip = self._back.lead if self._back_done else 0
        start = self._back_done - skip
        pairs = Pairing(self._back.frames - skip if self._back_done else 0).pair(
            map(spool.read, places[start:]),
            repeat(False),
            skip,
            indices=[self._source.first_index + t for t in order[start:]],
        )
        pairs = self._with_views(pairs, order[self._back_done :], section)
        clock = time.perf_counter()
        with self._moving(pairs) as moving:
            for frame in moving:
                t = order[self._back_done]
                is_end = self._back_done >= begins_end
                if is_end and not self._leads_on(frame, self._back_done == begins_end):
                    break
                residual = self._dream_back(frame, t, not (t - section.first) % self._settings.every)
                if frame.update is not None and frame.update.view is not None:
                    self._store.put(t, "back", self._back.memory(), frame.update.view.picture)
                    self._coming.add(t)
                if is_end:
                    self._store.put(t, "goal", residual)
                    self._goals_from = t
                elif t == section.dreamed_from and section.begins_shot:
                    plan = self._planner.at(self._source.first_index + t, picture=frame.raw, shown=False)
                    passes = TURNING_PASSES if self._twice else 0
                    self._seed = self._back.dream_again(frame.raw.contiguous(), plan, passes)
                self._back_done += 1
                self._ahead += 1
                now = time.perf_counter()
                yield None, BackwardFrameDone(t, now - clock)
                clock = now
        self._back_done = len(self._order(section))
        self._back = Carry()

    def _leads_on(self, frame: MotionFrame, is_last: bool) -> bool:
        """Whether a loop's end leads into its beginning from this frame on; where the last one does not, say so."""
        motion = frame.motion
        if motion is None or float(motion.reliability.mean()) >= _LEAST_LIKENESS:
            return True
        if is_last:
            self._tell(
                Notice(
                    "--loop: the clip's last frame does not lead into its first, as at a cut, so there is nothing to "
                    "join; choose a part that loops with --start and --end"
                )
            )
        return False

    def _dream_back(self, frame: MotionFrame, t: int, is_dreamed: bool) -> Tensor:
        raw = frame.raw.contiguous()
        plan = self._planner.at(self._source.first_index + t, picture=raw, shown=False)
        if frame.motion is None:
            return self._back.begin(raw, plan)
        proceed = self._back.follow if is_dreamed else self._back.coast
        return proceed(raw, frame.motion, plan, frame.earlier, self._recalled(frame))

    def _with_views(self, pairs: Iterable[FramePair], order: Iterable[int], section: _Section) -> Iterator[FramePair]:
        """The pairs of the backward pass with the views that they may find again."""
        for t, pair in zip(order, pairs, strict=False):
            known = KnownViews(self._book.views, tuple(self._views.values()))
            is_view = self._twice and self._sees and section.dreamed_from <= t < section.end and t not in self._views
            view = View.of(t, pair.raw) if is_view and not (t - section.shot) % VIEW_EVERY else None
            yield replace(pair, views=known, update=ViewUpdate(view, frozenset()))
            if view is not None:
                self._views[t] = view

    def _go_forth(self, section: _Section, showing: Iterator[Frame]) -> Dreams:
        """Dream the frames that are shown."""
        skip, self._skip = self._skip, 0
        frames = islice(showing, skip + section.end - self.done)
        begins = section.shot == section.first == self.done
        marks = chain(repeat(False, skip), (begins,), repeat(False))
        number = self._source.first_index + self.done - skip
        paired = self._forth.pair(frames, marks, skip, self._dissolves, number)
        pairs = self._showing_views(paired, self.done)
        with self._moving(pairs) as moving:
            yield from self._dream_moving(moving, self._source.first_index, time.perf_counter())

    def _showing_views(self, pairs: Iterable[FramePair], first: int) -> Iterator[FramePair]:
        """The pairs of the forward pass, likewise; a view that is passed counts as shown from then on."""
        for t, pair in enumerate(pairs, first):
            coming = tuple(view for number, view in sorted(self._views.items()) if number > t)
            known = KnownViews(self._book.views, coming)
            view = self._views.get(t)
            if view is not None:
                self._book.add(view)
            yield replace(pair, views=known, update=ViewUpdate(view, self._book.numbers))

    def _next_residual(self, raw: Tensor, frame: MotionFrame, plan: FramePlan[FrameSettings]) -> Tensor:
        if frame.motion is None and frame.dissolve is None and self._seed is not None:
            self._since_dreamed = 0
            residual = self._carry.adopt(self._seed)
            self._seed = None
        else:
            residual = super()._next_residual(raw, frame, plan)
        update, t = frame.update, self.done
        if update is not None and update.view is not None:
            self._store.put(t, "forth", self._carry.memory(), update.view.picture)
            self._store.drop(t, "back")
            self._coming.discard(t)
            for number in self._shown - update.kept:
                self._store.drop(number, "forth")
            self._shown = set(update.kept)
        self._store.drop(t, "goal")
        return residual

    def _come(self, frame: DissolveFrame, plan: FramePlan[FrameSettings]) -> Carry:
        if self._seed is None:
            return super()._come(frame, plan)
        coming = Carry()
        coming.adopt(self._seed)
        self._seed = None
        return coming

    def _recalled(self, frame: MotionFrame) -> list[tuple[Tensor, FrameMotion]]:
        return [
            (self._store.memory(number, "forth" if number in self._shown else "back", self._device), way)
            for number, way in frame.recalled.items()
        ]

    def _goal(self) -> Goal | None:
        """What the next frame turns into, if it is one of a loop's last."""
        if self.done < self._goals_from:
            return None
        join = self._source.frames - self._goals_from
        residual = self._store.memory(self.done, "goal", self._device)
        return Goal(residual, *join_shares(self.done - self._goals_from, join))

    @contextlib.contextmanager
    def _moving(self, pairs: Iterable[FramePair]) -> Iterator[Iterator[MotionFrame]]:
        """Pairs with their motion, measured ahead."""
        method = method_of(self._settings.flow)
        threads = motion_threads(method, self._device, torch.get_num_threads())
        frame_bytes = self._source.width * self._source.height * 3 * 4
        depth = depth_within(2 * frame_bytes, MOTIONS_AHEAD + threads - 1)
        with map_ahead(MotionStage(method, self._device, self._vectors), pairs, depth, threads) as moving:
            yield moving


_BACK, _SEED = "back ", "seed"
