"""The settings of a camera that moves in space, for `dreamvid zoom`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from dreamvid.config.fields import Group, setting
from dreamvid.config.scheduled import Varies
from dreamvid.config.types import FramesPerSecond


class SpaceSettings(Group):
    """How the camera of a zoom moves in space: velocities along and about its own axes. What is unset stands still."""

    part_of_look: ClassVar[bool] = True

    dolly: Varies[float | None] = setting(
        None,
        "Fly forward toward the center, in units per second; a plane is always one unit ahead [default: 0]",
        "X",
        ge=-100,
        le=100,
        slider=(-2, 2),
        moves_camera=True,
    )
    move_x: Varies[float | None] = setting(
        None, "Move right, in units per second [default: 0]", "X", ge=-100, le=100, slider=(-2, 2), moves_camera=True
    )
    move_y: Varies[float | None] = setting(
        None, "Move down, in units per second [default: 0]", "X", ge=-100, le=100, slider=(-2, 2), moves_camera=True
    )
    move_z: Varies[float | None] = setting(
        None,
        "Move forward along the optical axis, in units per second [default: 0]",
        "X",
        ge=-100,
        le=100,
        slider=(-2, 2),
        moves_camera=True,
    )
    yaw: Varies[float | None] = setting(
        None,
        "Turn the camera right [default: 0]",
        "DEG/S",
        ge=-3600,
        le=3600,
        slider=(-90, 90),
        moves_camera=True,
        turns_away=True,
    )
    pitch: Varies[float | None] = setting(
        None,
        "Turn the camera up [default: 0]",
        "DEG/S",
        ge=-3600,
        le=3600,
        slider=(-90, 90),
        moves_camera=True,
        turns_away=True,
    )
    roll: Varies[float | None] = setting(
        None,
        "Roll the camera clockwise, so that the picture turns counterclockwise [default: 0]",
        "DEG/S",
        ge=-3600,
        le=3600,
        slider=(-90, 90),
        moves_camera=True,
    )
    fov: Varies[float | None] = setting(
        None,
        "Field of view across the width; where it changes, the lens zooms [default: that of --camera, or 60]",
        "DEG",
        ge=5,
        le=150,
        moves_camera=True,
    )
    camera: Path | None = setting(
        None,
        "Also move as this camera does: Nuke's .chan, .csv with named columns, or transforms.json",
        "FILE",
        is_input_file=True,
    )
    camera_rate: FramesPerSecond | None = setting(
        None, "Frame rate at which the camera's file counts frames [default: that of the film]", "FPS"
    )
    camera_scale: float | None = setting(
        None, "Multiply the positions in the camera's file by this [default: 1]", "X", gt=0, le=1_000_000
    )
    camera_order: Literal["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"] | None = setting(
        None, "Order in which the angles of the camera's file are applied; Nuke's is zxy [default: zxy]", "ORDER"
    )
