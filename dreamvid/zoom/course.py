"""Where the camera of a zoom goes in space: its settings and its file, as twists over time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from dreamvid.config.fields import fields_of
from dreamvid.config.settings import SpaceSettings, ZoomFrameSettings, ZoomSettings
from dreamvid.dream.pyramid import Size
from dreamvid.render.side_input import FLAT
from dreamvid.space.camera_path import CameraPath
from dreamvid.space.lens import DEFAULT_FOV, Lens
from dreamvid.space.twist import Leg, Twist
from dreamvid.zoom.camera import STEP, middle_of_step

_STEPS_KEPT = 4096

DREAMS_PER_SECOND = 24
"""How often the dream is renewed, near enough, at any frame rate."""


@dataclass(frozen=True)
class Course:
    """The way of a camera.

    Attributes:
        settings_at: the settings of any time, in seconds.
        size: height and width of the picture.
        path: the camera of a file, whose motion is added.
        steady: whether nothing changes over time.
    """

    settings_at: Callable[[Fraction], ZoomFrameSettings]
    size: Size
    path: CameraPath | None
    steady: bool

    def lens(self, time: Fraction) -> Lens:
        """The lens at a time."""
        return self._lens(self.settings_at(time), time)

    def legs(self, start: Fraction, end: Fraction) -> list[Leg]:
        """The motion from `start` to `end`, in order of time."""
        if self.steady:
            return [Leg(self._twist_around(start), float(end - start))]
        twist = self._twist_around
        return [Leg(twist(middle_of_step(time)), float(until - time)) for time, until in _steps(start, end)]

    @functools.cached_property
    def _twist_around(self) -> Callable[[Fraction], Twist]:
        """The twist of the step around a time. Frames between dreams ask for the same ones again and again."""
        return functools.lru_cache(maxsize=_STEPS_KEPT)(self._twist)

    def _lens(self, settings: ZoomFrameSettings, time: Fraction) -> Lens:
        fov = settings.fov
        if fov is None and self.path is not None:
            fov = self.path.fov(float(time))
        return Lens.of(DEFAULT_FOV if fov is None else fov, self.size)

    def _twist(self, time: Fraction) -> Twist:
        settings = self.settings_at(time)
        own = twist_of(settings, self._lens(settings, time), self.size)
        if self.path is None:
            return own
        # Of the whole step, so that it is the same however frames cut it; before the beginning, of the first.
        first = max(Fraction(0), time // STEP * STEP)
        return own.plus(self.path.twist(float(first), float(first + STEP)))


def twist_of(camera: ZoomFrameSettings, lens: Lens, size: Size) -> Twist:
    """The twist of a moment's settings.

    Zoom, rotation and pan are the moves that would do so to a plane one unit ahead: forward by ln(zoom) toward the
    center, a roll the other way, and to the side.
    """
    height, width = size
    x, y = lens.rays_of(camera.center_x * width - 0.5, camera.center_y * height - 0.5)
    growth, turn = math.log(camera.zoom), math.radians(camera.rotate)
    ahead = growth + (camera.dolly or 0.0)
    return Twist(
        ahead * x - turn * y + camera.pan_x * width / lens.focal + (camera.move_x or 0.0),
        ahead * y + turn * x + camera.pan_y * height / lens.focal + (camera.move_y or 0.0),
        ahead + (camera.move_z or 0.0),
        math.radians(camera.pitch or 0.0),
        math.radians(camera.yaw or 0.0),
        math.radians(camera.roll or 0.0) - turn,
    )


def moves_in_space(settings: ZoomSettings) -> bool:
    """Whether the camera does more than zoom, rotate and pan over a flat picture."""
    own = (getattr(settings, name) for name, _, facts in fields_of(SpaceSettings) if facts.moves_camera)
    return (
        any(value not in (None, 0) for value in own)
        or settings.camera is not None
        or settings.depth not in (None, FLAT)
    )


def frames_per_dream(settings: ZoomSettings) -> int:
    """How many frames there are from one dream to the next."""
    return max(1, round(settings.fps / DREAMS_PER_SECOND)) * settings.every


def _steps(start: Fraction, end: Fraction) -> Iterator[tuple[Fraction, Fraction]]:
    time = start
    while time < end:
        following = min(end, (time // STEP + 1) * STEP)
        yield time, following
        time = following
