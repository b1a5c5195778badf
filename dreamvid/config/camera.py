"""The settings of `dreamvid zoom` that a film does not have: its camera."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from pydantic import ValidationInfo, field_validator

from dreamvid.config.fields import Group, setting
from dreamvid.config.groups import every_setting, loop_setting, max_size_setting, size_setting, warm_iterations_setting
from dreamvid.config.scheduled import Varies
from dreamvid.config.timecode import is_timecode, parse_timecode
from dreamvid.config.types import FramesPerSecond, Iterations, Seconds, Side, Size

LONGEST_ZOOM = 24 * 60 * 60
"""Seconds."""


class CameraSettings(Group):
    """How a zoom moves, and how it starts."""

    part_of_look: ClassVar[bool] = True

    fps: FramesPerSecond = setting(
        Fraction(24), "Frame rate; the motion is the same at any rate", "FPS", part_of_look=False
    )
    duration: Seconds = setting(Fraction(10), "Duration of the film", "TIME", le=LONGEST_ZOOM, part_of_look=False)
    size: Size | None = size_setting("Size of the film [default: that of the input, or 640x360 for noise]")
    max_size: Side | None = max_size_setting()
    zoom: Varies[float] = setting(
        1.25,
        "Magnification per second: 2 doubles, 0.5 halves, 1 does not zoom",
        "X",
        gt=0.001,
        le=1000,
        moves_camera=True,
    )
    rotate: Varies[float] = setting(0.0, "Clockwise rotation", "DEG/S", ge=-36000, le=36000, moves_camera=True)
    pan_x: Varies[float] = setting(
        0.0, "Move right, in picture widths per second", "X", ge=-100, le=100, moves_camera=True
    )
    pan_y: Varies[float] = setting(
        0.0, "Move down, in picture heights per second", "X", ge=-100, le=100, moves_camera=True
    )
    center_x: Varies[float] = setting(
        0.5, "Center of the zoom: 0 left, 1 right", "0..1", ge=-10, le=10, moves_camera=True
    )
    center_y: Varies[float] = setting(
        0.5, "Center of the zoom: 0 top, 1 bottom", "0..1", ge=-10, le=10, moves_camera=True
    )
    warm_iterations: Iterations = warm_iterations_setting(
        (2, 2, 1, 1), "Steps per octave on each frame after the first"
    )
    every: int = every_setting("Dream every Nth frame, counted at 24 per second; those in between are moved exactly")
    feed: Varies[float] = setting(
        0.1,
        "With video input: share of each video frame mixed into the dream, per 1/24 second",
        "0..1",
        ge=0,
        le=1,
        not_for=("library",),
    )
    settle: Seconds = setting(Fraction(0), "Dream this long before the first frame", "TIME", le=LONGEST_ZOOM)
    loop: bool = loop_setting()

    @field_validator("duration", "settle", mode="before")
    @classmethod
    def _count_frames(cls, value: Any, info: ValidationInfo) -> Any:
        """A timecode counts the film's own frames."""
        rate = info.data.get("fps")
        if isinstance(value, str) and is_timecode(value.strip()) and rate is not None:
            return parse_timecode(value.strip(), rate) / rate
        return value
