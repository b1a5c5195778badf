"""What a camera's motion does to the picture last dreamed: where each pixel comes from, and what is new."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor

from dreamvid.dream.pyramid import Size
from dreamvid.runtime.frames import to_frame
from dreamvid.space.depth import DepthScale, DepthSource, fit_depth
from dreamvid.space.depth_model import DepthModel
from dreamvid.space.lens import Lens, pixel_grid
from dreamvid.space.relief import Shape, Sight, fill_holes, look_back, see_shape, sharpen_edges, smooth_outlines
from dreamvid.space.stand_ins import StandIns, shift_strips, soften
from dreamvid.space.tunnel import tunnel_nearness, tunnel_places
from dreamvid.space.twist import Leg, plane_velocity, rigid_velocity
from dreamvid.zoom.camera import camera_motion, fetch, move
from dreamvid.zoom.course import Course

_SETTLING = 0.3  # seconds in which what is new falls to 1/e of that
_FRESH_GAIN = 3.0  # how much longer the steps are where something has just come into the picture
_RESTING_GAIN = 0.2  # how long they are where next to nothing moves in a tunnel
_RENEWING_SPEED = 2.4  # px a second, from which on they are as long as elsewhere
_SETTLED = 0.4  # as fresh: what is less so may stand in for what is hidden
_LEAST_AHEAD = 1e-3  # of a ray's length: what lies beside or behind the camera is taken for far outside
_LEAST_KNOWN = 0.85  # of a picture whose shape is still taken from an earlier one
_MOST_GROWTH = 1.6  # of what is seen since that
_MODEL_SECONDS = 0.25  # in which the shape becomes what a depth model says


class Moved(NamedTuple):
    """A picture after a motion, (1, 3, H, W), and how much longer than others the steps of its dream are at each pixel,
    (1, 1, H, W); None: all are alike."""

    picture: Tensor
    gain: Tensor | None


class Flight(ABC):
    """How the picture moves with the camera, and what goes along with it."""

    @abstractmethod
    def move(self, picture: Tensor, start: Fraction, end: Fraction) -> Moved:
        """What `picture`, (1, 3, H, W), that was last dreamed at `start`, looks like at `end`."""

    @abstractmethod
    def arrive(self, picture: Tensor, end: Fraction) -> None:
        """What was moved last has been dreamed on: `picture` is what later ones begin with."""

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs; between two frames."""
        return {}

    @abstractmethod
    def restore(self, state: Mapping[str, Tensor], time: Fraction) -> None:
        """Go on from a state, in which a picture was last dreamed at `time`."""

    def depth(self) -> Tensor | None:
        """The depth of the picture last moved, (1, 1, H, W) from 0 near to 1 far; None: it is flat."""
        return None


class FlatFlight(Flight):
    """Over a flat picture that never tilts: an affine motion."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def move(self, picture: Tensor, start: Fraction, end: Fraction) -> Moved:
        course = self._course
        motion = camera_motion(course.settings_at, course.size, start, end, steady=course.steady)
        return Moved(move(picture, motion).clamp(0, 1), None)

    def arrive(self, picture: Tensor, end: Fraction) -> None:
        """Nothing goes along."""

    def restore(self, state: Mapping[str, Tensor], time: Fraction) -> None:
        """Nothing goes along."""


class SpaceFlight(Flight):
    """Through space. What comes into the picture is fresh, and becomes less so with time."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._fresh = torch.zeros(1, 1, *course.size)
        self._next_fresh = self._fresh
        self._seconds = 0.0  # that the last motion took

    def move(self, picture: Tensor, start: Fraction, end: Fraction) -> Moved:
        legs = self._course.legs(start, end)
        self._seconds = float(end - start)
        if all(not any(leg.twist) for leg in legs) and self._course.lens(start) == self._course.lens(end):
            self._stay()
            return Moved(picture, self._gain(self._age(self._fresh, end - start)).to(picture.device))
        sight = self._look_back(legs, self._course.lens(start), self._course.lens(end))
        moved = fetch(picture, sight.x, sight.y).clamp(0, 1)
        fresh = self._age(fetch(self._fresh, sight.x, sight.y, "bilinear"), end - start)
        is_new = sight.hidden | _outside(sight, self._course.size)
        fresh = torch.where(is_new, 1.0, fresh.clamp(0, 1))
        self._next_fresh = fresh
        if bool(is_new.any()):
            source, scattered = self._stand_ins(is_new, fresh[0, 0] < _SETTLED)
            moved = moved.flatten(2)[..., source.flatten().to(picture.device)].view_as(moved)
            moved = soften(moved, self._nearness(), scattered)
        return Moved(moved, self._gain(fresh, sight).to(picture.device))

    def arrive(self, picture: Tensor, end: Fraction) -> None:  # noqa: ARG002
        self._fresh = self._next_fresh

    def state(self) -> dict[str, Tensor]:
        return {"fresh": self._fresh}

    def restore(self, state: Mapping[str, Tensor], time: Fraction) -> None:  # noqa: ARG002
        self._fresh = self._next_fresh = state["fresh"].cpu()

    @abstractmethod
    def _look_back(self, legs: list[Leg], before: Lens, after: Lens) -> Sight:
        """Where each pixel comes from."""

    def _nearness(self) -> Tensor:
        """What tells the background from what is before it, (H, W); see `fill_holes`."""
        return torch.ones(self._course.size, dtype=torch.float64)

    def _stand_ins(self, new: Tensor, settled: Tensor) -> StandIns:
        """What stands in for new pixels: what is settled beside them, see `shift_strips`.

        A strip that is copied from the strip that came just before, and that from the one before it, would be a streak.
        """
        shape = fill_holes(self._nearness(), settled & ~new)
        source, scattered = shift_strips(shape, self._nearness(), new)
        own = torch.arange(new.numel()).view_as(source)
        return StandIns(torch.where(new, source, own), scattered)

    def _gain(self, fresh: Tensor, sight: Sight | None = None) -> Tensor:  # noqa: ARG002
        """How long the steps are where it is so fresh; `sight` is how the picture came here, None: it stood still."""
        return 1 + (_FRESH_GAIN - 1) * fresh

    def _stay(self) -> None:
        """Nothing moves."""
        self._next_fresh = self._fresh

    def _age(self, fresh: Tensor, time: Fraction) -> Tensor:
        aged: Tensor = fresh * math.exp(-float(time) / _SETTLING)
        self._next_fresh = aged
        return aged


class PlaneFlight(SpaceFlight):
    """Before a plane that is always one unit ahead."""

    def move(self, picture: Tensor, start: Fraction, end: Fraction) -> Moved:
        legs = self._course.legs(start, end)
        if all(leg.twist.turn_x == leg.twist.turn_y == 0 for leg in legs):
            motion = self._motion(legs, self._course.lens(start), self._course.lens(end))
            self._next_fresh = self._fresh
            return Moved(move(picture, motion).clamp(0, 1), None)
        return super().move(picture, start, end)

    def _look_back(self, legs: list[Leg], before: Lens, after: Lens) -> Sight:
        motion = self._motion(legs, before, after)
        x, y = pixel_grid(self._course.size)
        across, down, ahead = (row[0] * x + row[1] * y + row[2] for row in motion)
        ahead = ahead.clamp_min(_LEAST_AHEAD)
        return Sight(across / ahead, down / ahead, torch.zeros_like(x, dtype=torch.bool))

    def _motion(self, legs: list[Leg], before: Lens, after: Lens) -> Tensor:
        """From later pixels to earlier ones, (3, 3)."""
        motion = before.matrix
        for twist, seconds in legs:
            motion = motion @ torch.matrix_exp(plane_velocity(twist) * seconds)
        whole: Tensor = motion @ torch.linalg.inv(after.matrix)
        return whole


class TunnelFlight(SpaceFlight):
    """Inside a tunnel that always lies around the camera."""

    def depth(self) -> Tensor:
        nearness = tunnel_nearness(self._course.size)
        depth: Tensor = (1 - nearness / nearness.max())[None, None].float()
        return depth

    def _look_back(self, legs: list[Leg], before: Lens, after: Lens) -> Sight:
        x, y = tunnel_places(legs, before, after, self._course.size)
        return Sight(x, y, torch.zeros_like(x, dtype=torch.bool))

    def _gain(self, fresh: Tensor, sight: Sight | None = None) -> Tensor:
        """Far ahead hardly anything moves: what is dreamed there again and again would burn in."""
        gain = super()._gain(fresh, sight)
        if sight is None or not self._seconds:
            return gain
        x, y = pixel_grid(self._course.size)
        speed = torch.hypot(sight.x - x, sight.y - y).float() / self._seconds
        return gain * (_RESTING_GAIN + (1 - _RESTING_GAIN) * (speed / _RENEWING_SPEED).clamp_max(1))


class ReliefFlight(SpaceFlight):
    """Over a picture with a depth at each pixel.

    A depth picture moves along: it is kept as it was at one time, the key, and seen from where the camera is, until so
    little of it is left, or that is so large, that what is seen becomes the next key. So it wears off a few times in a
    film, and not with each frame. A film of depths, or a depth model, says anew how near things are whenever a picture
    is dreamed.
    """

    def __init__(self, course: Course, key: Tensor, scale: DepthScale, *, in_units: bool) -> None:
        """`key` is (H, W), the inverse distances in the first picture. `in_units`: the world is as large as it is;
        else it is renewed, see `rigid_velocity`."""
        super().__init__(course)
        self._scale = scale
        self._in_units = in_units
        self._farthest = 0.0 if in_units else float(key.min())
        self._begin_at(key, course.lens(Fraction(0)))

    def _begin_at(self, key: Tensor, lens: Lens) -> None:
        self._key, self._key_lens = key, lens
        self._since_key = self._next_since_key = torch.eye(4, dtype=torch.float64)
        self._shape = self._next_shape = Shape(key, torch.ones_like(key, dtype=torch.bool), torch.zeros(0))
        self._next_lens = lens

    def depth(self) -> Tensor:
        nearness = self._next_shape.nearness
        if self._in_units:
            if self._scale.near is None or self._scale.far is None:
                raise ValueError("distances become depth between `near` and `far`")
            distance = 1 / nearness.clamp_min(1e-9)
            share = (distance - self._scale.near) / (self._scale.far - self._scale.near)
        else:
            near, far = 1 / self._scale.nearest, 1 / self._scale.farthest
            share = (near - nearness) / (near - far)
        return share.clamp(0, 1)[None, None].float()

    def arrive(self, picture: Tensor, end: Fraction) -> None:
        super().arrive(picture, end)
        self._since_key, self._shape = self._next_since_key, self._next_shape
        if self._is_worn():
            self._begin_at(smooth_outlines(self._shape.nearness), self._next_lens)

    def state(self) -> dict[str, Tensor]:
        lens = torch.tensor(self._key_lens, dtype=torch.float64)
        farthest = torch.tensor(self._farthest, dtype=torch.float64)
        own = {"key": self._key, "key lens": lens, "since key": self._since_key, "farthest": farthest}
        return super().state() | own

    def restore(self, state: Mapping[str, Tensor], time: Fraction) -> None:
        super().restore(state, time)
        self._begin_at(state["key"].cpu(), Lens(*state["key lens"].tolist()))
        self._farthest = float(state["farthest"])
        self._since_key = self._next_since_key = state["since key"].cpu()
        if not torch.equal(self._since_key, torch.eye(4, dtype=torch.float64)):
            lens = self._course.lens(time)
            self._shape = self._next_shape = see_shape(self._key, self._since_key, self._key_lens, lens)

    def _look_back(self, legs: list[Leg], before: Lens, after: Lens) -> Sight:
        motion = torch.eye(4, dtype=torch.float64)
        for twist, seconds in legs:
            motion = torch.matrix_exp(rigid_velocity(twist, self._farthest) * seconds) @ motion
        self._next_since_key = motion @ self._since_key
        self._next_lens = after
        self._next_shape = see_shape(self._key, self._next_since_key, self._key_lens, after)
        return look_back(self._next_shape.nearness, self._shape.nearness, motion, before, after)

    def _nearness(self) -> Tensor:
        return self._next_shape.nearness

    def _stay(self) -> None:
        super()._stay()
        self._next_since_key, self._next_shape = self._since_key, self._shape

    def _is_worn(self) -> bool:
        growth = float(torch.linalg.det(self._since_key[:3, :3])) ** (1 / 3)
        middle = growth * float(self._shape.nearness.median() / self._key.median().clamp_min(1e-9))
        known = float(self._shape.known.double().mean())
        return known < _LEAST_KNOWN or not 1 / _MOST_GROWTH < middle < _MOST_GROWTH


class FilmedReliefFlight(ReliefFlight):
    """Over a film, whose depths are a film as well."""

    def __init__(self, course: Course, source: DepthSource) -> None:
        key = source.nearness_at(Fraction(0))
        if key is None:
            raise RuntimeError("depths are given when they are asked for the first time")
        super().__init__(course, key, source.scale, in_units=source.in_units)
        self._source, self._given = source, key

    def arrive(self, picture: Tensor, end: Fraction) -> None:
        super().arrive(picture, end)
        given = self._source.nearness_at(max(end, Fraction(0)))
        if given is not None:
            self._given = given
        self._begin_at(self._given, self._next_lens)

    def restore(self, state: Mapping[str, Tensor], time: Fraction) -> None:
        super().restore(state, time)
        self._given = self._key


class ModeledReliefFlight(ReliefFlight):
    """Over a picture whose depth a model tells whenever it has been dreamed on."""

    def __init__(self, course: Course, model: DepthModel, picture: Tensor, scale: DepthScale) -> None:
        """`picture` is the first one, (1, 3, H, W)."""
        self._model, self._model_scale = model, scale
        super().__init__(course, self._ask(picture, course.size), scale, in_units=False)
        self._farthest = 1 / scale.farthest

    def arrive(self, picture: Tensor, end: Fraction) -> None:
        super().arrive(picture, end)
        share = 1 - math.exp(-self._seconds / _MODEL_SECONDS)
        told = self._ask(picture, self._course.size)
        self._begin_at(torch.lerp(self._shape.nearness, told, share), self._next_lens)

    def _ask(self, picture: Tensor, size: Size) -> Tensor:
        level = fit_depth(self._model.nearness(to_frame(picture)), size)
        return sharpen_edges(torch.from_numpy(self._model_scale.level_to_nearness(level)).double())


def _outside(sight: Sight, size: Size) -> Tensor:
    height, width = size
    return (sight.x < -0.5) | (sight.x > width - 0.5) | (sight.y < -0.5) | (sight.y > height - 0.5)
