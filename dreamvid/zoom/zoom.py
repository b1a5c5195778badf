"""The endless zoom: every frame is the one before it, moved and dreamed on."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import torch
from torch import Tensor

from dreamvid.config.settings import ZoomFrameSettings, ZoomSettings
from dreamvid.dream import compose
from dreamvid.dream.noise import pink_noise
from dreamvid.output.snapshot import Snapshot
from dreamvid.render.pieces import JOIN_SHARE, LONGEST_JOIN, join_shares
from dreamvid.render.plan import FramePlan, Planner
from dreamvid.render.side_input import AnySideInput
from dreamvid.render.still import dream_still
from dreamvid.runtime.events import Figures, FrameDone, ShotStarted
from dreamvid.runtime.frames import Dreams, to_frame, to_tensor
from dreamvid.zoom.course import DREAMS_PER_SECOND, frames_per_dream
from dreamvid.zoom.flight import Flight
from dreamvid.zoom.scene import Scene, make_flight
from dreamvid.zoom.tone import Tone, keep_tone

NOISE_SIZE = (640, 360)
"""Width and height of a zoom that begins with noise, if nobody says."""

_FLIGHT = "flight "  # begins the names of what a snapshot keeps of the flight


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
        source: AnySideInput | None = None,
        flight: Flight | None = None,
    ) -> None:
        """Begin with `picture`; `tone` is what brightness and contrast are held to, `source` a film that is fed in.

        `flight` moves the picture as the camera moves (None: over a flat one)."""
        self._picture = picture
        self._planner = planner
        self._tone = tone
        self._source = source
        self._fed: Tensor | None = None
        settings = planner.settings
        self.next_index = first_index(settings)
        """The frame that comes next; below 0 it is not shown."""
        self._time = self.next_index / settings.fps
        self._before_first: list[Tensor] = []
        self._frames_per_dream = frames_per_dream(settings)
        self._dose = float(DREAMS_PER_SECOND * Fraction(self._frames_per_dream, settings.every) / settings.fps)
        size = (picture.shape[-2], picture.shape[-1])
        self._flight = make_flight(picture, planner, Scene(settings, size)) if flight is None else flight

    @property
    def done(self) -> int:
        """How many frames have been shown."""
        return max(0, self.next_index)

    def snapshot(self) -> Snapshot:
        """The state between two frames."""
        tensors = {"picture": self._picture, "mean": self._tone.mean, "deviation": self._tone.deviation}
        if self._before_first:
            tensors["before first"] = torch.cat(self._before_first)
        tensors |= {f"{_FLIGHT}{name}": tensor for name, tensor in self._flight.state().items()}
        kept = {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}
        return Snapshot(self.done, kept, {"time": str(self._time)})

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a state."""
        tensors = {name: tensor.to(self._picture.device) for name, tensor in snapshot.tensors.items()}
        self._picture, self._tone = tensors["picture"], Tone(tensors["mean"], tensors["deviation"])
        self._before_first = list(torch.split(tensors["before first"], 1)) if "before first" in tensors else []
        self._time, self.next_index = Fraction(snapshot.numbers["time"]), snapshot.done
        flight = {name.removeprefix(_FLIGHT): tensor for name, tensor in tensors.items() if name.startswith(_FLIGHT)}
        self._flight.restore(flight, self._time)

    def dream(self) -> Dreams:
        """Yield the frames that are still to come, each with its `FrameDone`; before the first a `ShotStarted`."""
        if not self.done:
            yield None, ShotStarted(0, 0)
        clock = time.perf_counter()
        before: Tensor | None = None
        while self.next_index < frame_count(self._planner.settings):
            index = self.next_index
            picture = self._looped(index) if self._planner.settings.loop else self.show(index)
            self.next_index += 1
            if index < 0:
                continue
            change = 0.0 if before is None else float((picture - before).square().mean().sqrt())
            before = picture
            figures = None
            if self._planner.settings.report:
                figures = Figures(self._planner.at(index, depth=self._flight.depth()).dreamer.attainment(picture))
            now = time.perf_counter()
            yield to_frame(picture), FrameDone(index, 0, change, 0.0, now - clock, figures)
            clock = now

    def _looped(self, index: int) -> Tensor:
        """A frame of a loop. What comes before the first is kept, and the end is turned into that.

        The turn happens inside the dream: the pictures are mixed before each is dreamed on, so that one grows out
        of the other instead of shining through it.
        """
        settings = self._planner.settings
        join = join_length(settings)
        ahead = index - (frame_count(settings) - join)
        if ahead < 0:
            picture = self.show(index)
            if -join <= index < 0:
                self._before_first.append(picture.half())  # half the memory, an eighth of a level off
            return picture
        goal = self._before_first[ahead].float()
        share, pull = join_shares(ahead, join)
        return torch.lerp(self.show(index, onto=goal, share=share), goal, pull)

    def show(self, index: int, *, onto: Tensor | None = None, share: float = 0.0) -> Tensor:
        """The picture of frame `index`; indices must not fall. `onto` is a picture that `share` of it turns into."""
        now = index / self._planner.settings.fps
        moved, longer = self._flight.move(self._picture, self._time, now)
        if index % self._frames_per_dream:
            return moved if onto is None else torch.lerp(moved, onto, share)
        plan = self._planner.at(max(index, 0), depth=self._flight.depth())
        if onto is not None:
            moved = torch.lerp(moved, onto, share)
        dreamed = self._dream(moved, now, plan, longer)
        if dreamed is not moved:
            self._picture, self._time = dreamed, now
            self._flight.arrive(dreamed, now)
        return dreamed

    def _dream(
        self, moved: Tensor, now: Fraction, plan: FramePlan[ZoomFrameSettings], longer: Tensor | None
    ) -> Tensor:
        settings = plan.settings
        fed = self._feed(moved, now, settings.feed)
        dreamer, pace = plan.dreamer, settings.strength * self._dose
        if not pace * dreamer.step or not any(settings.warm_iterations):
            return fed
        gain = plan.gain / settings.strength if isinstance(plan.gain, Tensor) else None
        if longer is not None:
            gain = longer if gain is None else gain.to(longer.device) * longer
        dreamed = dreamer.dream(fed, iterations=settings.warm_iterations, gain=gain, pace=pace)
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


def first_noise(size: tuple[int, int], planner: Planner[ZoomSettings], device: torch.device) -> Tensor:
    """What a zoom of (width, height) `size` begins with where there is no picture, (1, 3, H, W)."""
    width, height = size
    return pink_noise((height, width), planner.settings.seed).to(device)


def begin_zoom(
    picture: Tensor,
    planner: Planner[ZoomSettings],
    *,
    source: AnySideInput | None = None,
    scene: Scene | None = None,
    snapshot: Snapshot | None = None,
) -> Zoom:
    """A zoom at its first picture, the dream of `picture`; or as it was left. `source` is a film that is fed in,
    `scene` what the camera flies through (None: what the settings alone say)."""
    tone = Tone.of(picture)
    scene = Scene(planner.settings, (picture.shape[-2], picture.shape[-1])) if scene is None else scene
    flight = make_flight(picture, planner, scene)
    if snapshot is None:  # it begins with the dream of a still, not with the plain picture
        picture = dream_still(picture, planner.at(0, depth=flight.depth()))
    zoom = Zoom(picture, planner, tone, source=source, flight=flight)
    if snapshot is not None:
        zoom.restore(snapshot)
    return zoom


def frame_count(settings: ZoomSettings) -> int:
    """How many frames a zoom has: those that begin within its duration."""
    return max(1, math.ceil(settings.duration * settings.fps))


def first_index(settings: ZoomSettings) -> int:
    """The frame that dreaming begins with; it is below 0 where something happens before the first frame is shown."""
    settle = math.ceil(settings.settle * settings.fps)
    return -(settle + (join_length(settings) if settings.loop else 0))


def join_length(settings: ZoomSettings) -> int:
    """Over how many frames the end of a loop turns into its beginning."""
    longest = math.ceil(min(LONGEST_JOIN, settings.duration * JOIN_SHARE) * settings.fps)
    return min(longest, frame_count(settings) - 1)
