"""The endless zoom: every frame is the one before it, moved and dreamed on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from dreamvid.dream import Dreamer, compose
from dreamvid.render.camera import camera_motion, move
from dreamvid.render.companion import Companion
from dreamvid.render.events import FrameDone, ShotStarted
from dreamvid.render.frames import Dreams, to_frame, to_tensor
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.render.toning import Tone, keep_tone
from dreamvid.settings import ZoomSettings

DREAMS_PER_SECOND = 24
"""How often the dream is renewed, near enough, at any frame rate."""

_LONGEST_JOIN = Fraction(2)  # seconds over which a loop's end turns into its beginning
_JOIN_SHARE = Fraction(1, 4)  # of the loop


class Zoom:
    """The state of a zoom: the picture last dreamed, (1, 3, H, W) in [0, 1], and when that was.

    The dream is renewed at certain frames only, about 24 a second however many frames there are; those between show
    the last dream, moved exactly. Without dreaming no picture is ever resampled twice.
    """

    def __init__(
        self,
        picture: Tensor,
        planner: Planner[ZoomSettings],
        tone: Tone,
        *,
        source: Companion | None = None,
        first_index: int = 0,
    ) -> None:
        """Begin with `picture` at frame `first_index`, which may lie before the film's own first frame, 0.

        `tone` is what brightness and contrast are held to, `source` a film that is fed in.
        """
        self._picture = picture
        self._planner = planner
        self._tone = tone
        self._source = source
        self._fed: Tensor | None = None
        settings = planner.settings
        self._time = first_index / settings.fps
        self._frames_per_dream = max(1, round(settings.fps / DREAMS_PER_SECOND))
        self._dose = float(DREAMS_PER_SECOND * self._frames_per_dream / settings.fps)
        self._steady = settings.schedules.keys().isdisjoint(
            {"zoom", "rotate", "pan_x", "pan_y", "center_x", "center_y"}
        )

    def show(self, index: int, *, onto: Tensor | None = None, share: float = 0.0) -> Tensor:
        """The picture of frame `index`; indices must not fall. `onto` is a picture that `share` of it turns into."""
        now = index / self._planner.settings.fps
        size = (self._picture.shape[-2], self._picture.shape[-1])
        motion = camera_motion(self._camera_at, size, self._time, now, steady=self._steady)
        moved = move(self._picture, motion).clamp(0, 1)
        if index % (self._frames_per_dream * self._planner.settings.every):
            return moved if onto is None else torch.lerp(moved, onto, share)
        plan = self._planner.at(max(index, 0))
        if onto is not None:
            moved = torch.lerp(moved, onto, share)
        dreamed = self._dream(moved, now, plan)
        if dreamed is not moved:
            self._picture, self._time = dreamed, now
        return dreamed

    def _camera_at(self, seconds: Fraction) -> ZoomSettings:
        return self._planner.settings.at(self._planner.clock.moment_at(max(seconds, Fraction(0))))

    def _dream(self, moved: Tensor, now: Fraction, plan: FramePlan[ZoomSettings]) -> Tensor:
        settings = plan.settings
        fed = self._feed(moved, now, settings.feed)
        dreamer = _dosed(plan.dreamer, settings.strength * self._dose)
        if not dreamer.look.step or not any(settings.warm_iterations):
            return fed
        dreamed = dreamer.dream(fed, iterations=settings.warm_iterations)
        dreamed = compose(fed, dreamed - fed, keep_color=dreamer.look.keep_color, mask=plan.mask)
        return keep_tone(dreamed, self._tone, seconds=self._dose / DREAMS_PER_SECOND)

    def _feed(self, moved: Tensor, now: Fraction, feed: float) -> Tensor:
        """Mix in the frame of a film that is the zoom's source."""
        if self._source is None:
            return moved
        frame = self._source.at(max(now, Fraction(0)))
        if frame is not None:
            self._fed = to_tensor(frame, moved.device)
            self._tone = Tone.of(self._fed)
        if self._fed is None or not feed:
            return moved
        return torch.lerp(moved, self._fed, 1 - (1 - feed) ** self._dose)


def _dosed(dreamer: Dreamer, factor: float) -> Dreamer:
    """The same dreamer with steps `factor` times as long."""
    return dreamer.with_look(replace(dreamer.look, step=dreamer.look.step * factor))


def dream_zoom(zoom: Zoom, settings: ZoomSettings) -> Dreams:
    """Yield all frames of a zoom, each with its `FrameDone`; a `ShotStarted` comes before, with no frame."""
    yield None, ShotStarted(0, 0)
    clock = time.perf_counter()
    before: Tensor | None = None
    for index, picture in enumerate(_looped(zoom, settings) if settings.loop else _straight(zoom, settings)):
        change = 0.0 if before is None else float((picture - before).square().mean().sqrt())
        before = picture
        now = time.perf_counter()
        yield to_frame(picture), FrameDone(index, 0, change, 0.0, now - clock)
        clock = now


def frame_count(settings: ZoomSettings) -> int:
    """How many frames a zoom has: those that begin within its duration."""
    return max(1, math.ceil(settings.duration * settings.fps))


def first_index(settings: ZoomSettings) -> int:
    """The frame that dreaming begins with; it is below 0 where something happens before the first frame is shown."""
    settle = math.ceil(settings.settle * settings.fps)
    return -(settle + (_join_length(settings) if settings.loop else 0))


def _straight(zoom: Zoom, settings: ZoomSettings) -> Iterator[Tensor]:
    for index in range(first_index(settings), frame_count(settings)):
        picture = zoom.show(index)
        if index >= 0:
            yield picture


def _looped(zoom: Zoom, settings: ZoomSettings) -> Iterator[Tensor]:
    """The frames of a loop. What comes before its first frame is kept, and the end is turned into that.

    The turn happens inside the dream: the pictures are mixed before each is dreamed on, so that one grows out
    of the other instead of shining through it.
    """
    count = frame_count(settings)
    join = _join_length(settings)
    before_first = []
    for index in range(first_index(settings), 0):
        picture = zoom.show(index)
        if index >= -join:
            before_first.append(picture.half())  # half the memory, an eighth of a level off
    for index in range(count):
        ahead = index - (count - join)
        if ahead < 0:
            yield zoom.show(index)
            continue
        goal = before_first[ahead].float()
        done, share = _eased(ahead / (join + 1)), _eased((ahead + 1) / (join + 1))
        # Each mixture feeds the next: of what is still the old picture, as much is turned as the whole is due.
        shown = zoom.show(index, onto=goal, share=(share - done) / (1 - done))
        yield torch.lerp(shown, goal, share**4)


def _eased(share: float) -> float:
    return share * share * (3 - 2 * share)


def _join_length(settings: ZoomSettings) -> int:
    """Over how many frames the end of a loop turns into its beginning."""
    return min(math.ceil(min(_LONGEST_JOIN, settings.duration * _JOIN_SHARE) * settings.fps), frame_count(settings) - 1)
