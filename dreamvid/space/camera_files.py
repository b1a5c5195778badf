"""Cameras as files: Nuke's .chan, tables with named columns, and transforms.json.

In all of them the camera looks along -z, with y up and x to the right, as in Nuke, Blender and OpenGL. Angles are in
degrees, but for `camera_angle_x`, which is in radians. The first pose is that of the film's beginning.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.runtime.documents import read_json, read_text
from dreamvid.space.camera_path import CameraPath, Matrix, Pose
from dreamvid.space.lens import Size, horizontal_fov

SUFFIXES = (".chan", ".csv", ".json")

ORDERS = ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx")
"""Which axis is turned about first, second and last."""

_LARGEST = 2**25  # bytes
_MOST_POSES = 200_000
_ROTATIONS = ("rx", "ry", "rz")
_QUATERNION = ("qw", "qx", "qy", "qz")
_COLUMNS = ("time", "frame", "x", "y", "z", *_ROTATIONS, *_QUATERNION, "fov", "vfov")
_ALIASES = {"t": "time", "seconds": "time"} | {f"t{axis}": axis for axis in "xyz"}
_CHAN = ("frame", "x", "y", "z", *_ROTATIONS, "vfov")
_LEAST_AXIS = 0.9  # of the determinant of a rotation: less is none


def read_camera(path: Path, rate: Fraction, size: Size, order: str = "zxy", scale: float = 1.0) -> CameraPath:
    """Read a camera.

    Args:
        path: the file; its ending says what it is.
        rate: frames per second, where the file counts frames.
        size: height and width of the film, by which a vertical field of view becomes a horizontal one.
        order: in which the three angles are applied, one of `ORDERS`.
        scale: what positions are multiplied by.

    Raises `SettingsError` that names the line.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".chan":
            poses = _read_rows(_chan_rows(read_text(path, "camera", largest=_LARGEST)), rate, size, order)
        elif suffix == ".csv":
            poses = _read_rows(_csv_rows(read_text(path, "camera", largest=_LARGEST)), rate, size, order)
        elif suffix == ".json":
            poses = _read_transforms(read_json(path, "camera", largest=_LARGEST), rate)
        else:
            raise SettingsError(f"--camera: {path} is no camera; use {', '.join(SUFFIXES)}")
    except ValueError as error:
        raise SettingsError(f"--camera: {path}, {error}") from None
    return CameraPath(_in_order(path, poses), scale)


Row = tuple[str, Mapping[str, float]]
"""Where it stands, `line 3`, and its numbers by column."""


def _chan_rows(text: str) -> Iterable[Row]:
    """Numbers between spaces: frame, position, angles, and perhaps the vertical field of view."""
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts or line.lstrip().startswith("#"):
            continue
        if len(parts) not in (7, 8):
            raise ValueError(f"line {number}: expected frame, tx, ty, tz, rx, ry, rz and perhaps the field of view")
        where = f"line {number}"
        yield where, {name: _number(part, where) for name, part in zip(_CHAN, parts, strict=False)}


def _csv_rows(text: str) -> Iterable[Row]:
    table = csv.reader(io.StringIO(text))
    head = [name.strip().lower() for name in next(table, [])]
    columns = [_ALIASES.get(name, name) for name in head]
    for name, column in zip(head, columns, strict=True):
        if column not in _COLUMNS:
            raise ValueError(f"line 1: there is no column '{shown(name)}'{did_you_mean(name, _COLUMNS)}")
        if columns.count(column) > 1:
            raise ValueError(f"line 1: the column {column} is given twice")
    if not {"time", "frame"} & set(columns):
        raise ValueError("line 1: expected the names of columns, one of them time or frame")
    for number, cells in enumerate(table, 2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"line {number}"
        if len(cells) != len(columns):
            raise ValueError(f"{where}: expected {len(columns)} values, as in line 1, not {len(cells)}")
        yield where, {name: _number(cell, where) for name, cell in zip(columns, cells, strict=True)}


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e9:
        raise ValueError(f"{where}: '{shown(text)}' is not a number")
    return value


def _read_rows(rows: Iterable[Row], rate: Fraction, size: Size, order: str) -> list[tuple[str, Pose]]:
    poses: list[tuple[str, Pose]] = []
    for where, row in rows:
        seconds = row["time"] if "time" in row else row["frame"] / float(rate)
        position = np.array([row.get(axis, 0.0) for axis in "xyz"])
        fov = row.get("fov")
        if fov is None and "vfov" in row:
            fov = horizontal_fov(row["vfov"], size) if 0 < row["vfov"] < 180 else -1
        if fov is not None and not 0 < fov < 180:
            raise ValueError(f"{where}: the field of view must be between 0 and 180 degrees")
        poses.append((where, Pose(seconds, position, _rotation(row, order, where), fov)))
        if len(poses) > _MOST_POSES:
            raise ValueError(f"{where}: there are more than {_MOST_POSES} poses")
    return poses


def _rotation(row: Mapping[str, float], order: str, where: str) -> Matrix:
    if any(name in row for name in _QUATERNION):
        quaternion = np.array([row.get(name, 0.0) for name in _QUATERNION])
        length = float(np.linalg.norm(quaternion))
        if length < 1e-6:
            raise ValueError(f"{where}: a quaternion of zeros is no rotation")
        return _of_quaternion(quaternion / length)
    rotation = np.eye(3)
    for axis in order:
        rotation = _about("xyz".index(axis), math.radians(row.get(f"r{axis}", 0.0))) @ rotation
    return rotation


def _about(axis: int, angle: float) -> Matrix:
    """A right-handed rotation about an axis."""
    rotation = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation[first, first] = rotation[second, second] = math.cos(angle)
    rotation[first, second], rotation[second, first] = -math.sin(angle), math.sin(angle)
    return rotation


def _of_quaternion(quaternion: Matrix) -> Matrix:
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _read_transforms(document: Any, rate: Fraction) -> list[tuple[str, Pose]]:
    """`{"camera_angle_x": radians, "frames": [{"transform_matrix": [4 rows of 4]}, …]}`, a frame after the other."""
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list):
        raise ValueError('it has no list "frames" of transform_matrix, as in transforms.json')
    angle = document.get("camera_angle_x")
    if angle is not None and not (isinstance(angle, (int, float)) and 0 < angle < math.pi):
        raise ValueError("camera_angle_x must be between 0 and pi radians")
    fov = None if angle is None else math.degrees(angle)
    poses = []
    for number, frame in enumerate(frames):
        where = f"frame {number}"
        rows = frame.get("transform_matrix") if isinstance(frame, dict) else None
        try:
            matrix = np.array(rows, np.float64)
        except (TypeError, ValueError):
            matrix = np.zeros(0)
        if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
            raise ValueError(f"{where}: expected transform_matrix with 4 rows of 4 numbers")
        left, _, right = np.linalg.svd(matrix[:3, :3])
        if np.linalg.det(left @ right) < _LEAST_AXIS:
            raise ValueError(f"{where}: transform_matrix mirrors, so it is no rotation")
        poses.append((where, Pose(number / float(rate), matrix[:3, 3], left @ right, fov)))
    return poses


def _in_order(path: Path, poses: Sequence[tuple[str, Pose]]) -> list[Pose]:
    """The poses, counted from the time of the first."""
    if not poses:
        raise SettingsError(f"--camera: {path} contains no pose")
    for (_, before), (where, after) in pairwise(poses):
        if after.seconds <= before.seconds:
            raise SettingsError(f"--camera: {path}, {where}: times must increase from line to line")
    first = poses[0][1].seconds
    return [pose._replace(seconds=pose.seconds - first) for _, pose in poses]
