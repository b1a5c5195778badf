from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dreamvid.errors import SettingsError
from dreamvid.space.camera_files import read_camera
from dreamvid.space.camera_path import CameraPath
from dreamvid.space.twist import Twist

SIZE = (90, 160)


def read(path: Path, text: str, rate: int = 24, order: str = "zxy", scale: float = 1.0) -> CameraPath:
    path.write_text(text)
    return read_camera(path, Fraction(rate), SIZE, order, scale)


def assert_twist(found: Twist, **wanted: float) -> None:
    assert found == pytest.approx(Twist(**wanted), abs=1e-9)


def test_a_chan_file_moves_and_turns_the_camera(tmp_path: Path) -> None:
    """It looks along -z with y up: 2 units to -z are forward, to +y are up, and a turn about y is to the left."""
    path = read(tmp_path / "a.chan", "1 0 0 0 0 0 0\n25 1 0.5 -2 0 0 0\n49 1 0.5 -2 0 -30 0\n73 1 0.5 -2 10 -30 0\n")
    assert_twist(path.twist(0, 1), x=1, y=-0.5, z=2)
    assert_twist(path.twist(1, 2), turn_y=math.radians(30))
    assert_twist(path.twist(2, 3), turn_x=math.radians(10))
    assert_twist(path.twist(3, 4))
    assert path.fov(0) is None


def test_angles_are_applied_in_their_order(tmp_path: Path) -> None:
    """ZXY: about z first and about y last, so that y turns what x has lifted."""
    lifted = "0 0 0 0 40 70 0"
    for order, ahead in (("zxy", (0.71984631, -0.64278761, 0.26200263)), ("yxz", (0.93969262, -0.2198463, 0.26200263))):
        path = read(tmp_path / "a.chan", lifted, order=order)
        looks = path.poses[0].rotation @ np.array([0, 0, -1.0])
        assert abs(looks) == pytest.approx(np.abs(ahead), abs=1e-6)


def test_the_vertical_field_of_view_of_a_chan_becomes_a_horizontal_one(tmp_path: Path) -> None:
    path = read(tmp_path / "a.chan", "1 0 0 0 0 0 0 40\n2 0 0 0 0 0 0 50")
    assert path.fov(0) == pytest.approx(math.degrees(2 * math.atan(math.tan(math.radians(20)) * 16 / 9)))
    assert path.fov(9) == pytest.approx(math.degrees(2 * math.atan(math.tan(math.radians(25)) * 16 / 9)))


def test_a_table_counts_seconds_or_frames_and_may_leave_columns_out(tmp_path: Path) -> None:
    seconds = read(tmp_path / "a.csv", "time,z,fov\n10,0,60\n10.5,-1,60\n11,-2,60\n")
    frames = read(tmp_path / "b.csv", "Frame, TZ, fov\n0,0,60\n15,-1,60\n\n30,-2,60\n", rate=30, scale=2)
    assert_twist(seconds.twist(0.25, 0.75), z=2)
    assert_twist(frames.twist(0.25, 0.75), z=4)
    assert frames.fov(0.3) == 60
    half = math.sqrt(0.5)
    turned = read(tmp_path / "c.csv", f"time,qw,qx,qy,qz\n0,1,0,0,0\n1,{half},0,{-half},0\n")
    assert_twist(turned.twist(0.2, 0.4), turn_y=math.pi / 2)


def test_transforms_of_a_radiance_field_are_a_camera(tmp_path: Path) -> None:
    frames = [np.eye(4), np.eye(4)]
    frames[1][2, 3] = -0.5
    document = {"camera_angle_x": 1.0, "frames": [{"transform_matrix": frame.tolist()} for frame in frames]}
    path = read(tmp_path / "a.json", json.dumps(document))
    assert_twist(path.twist(0, 1 / 24), z=12)
    assert path.fov(0) == pytest.approx(math.degrees(1))


def test_positions_overshoot_nowhere_between_keys(tmp_path: Path) -> None:
    path = read(tmp_path / "a.csv", "time,z\n0,0\n1,0\n2,-4\n3,-4\n")
    traveled = np.cumsum([path.twist(step / 20, (step + 1) / 20).z / 20 for step in range(60)])
    assert traveled[19] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(traveled) > -1e-9)
    assert traveled[-1] == pytest.approx(4)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.chan", "", "contains no pose"),
        ("a.chan", "1 0 0 0 0 0", "line 1: expected frame, tx"),
        ("a.chan", "# made by hand\n1 0 0 0 0 0 nan", "line 2: 'nan' is not a number"),
        ("a.chan", "1 0 0 0 0 0 0 200", "line 1: the field of view must be between 0 and 180"),
        ("a.chan", "2 0 0 0 0 0 0\n1 0 0 0 0 0 0", "line 2: times must increase"),
        ("a.csv", "time,depht\n", "line 1: there is no column 'depht'"),
        ("a.csv", "x,y\n1,2\n", "one of them time or frame"),
        ("a.csv", "time,x,tx\n", "the column x is given twice"),
        ("a.csv", "time,x\n1\n", "line 2: expected 2 values"),
        ("a.csv", "time,qw\n1,0\n", "line 2: a quaternion of zeros"),
        ("a.json", "[]", 'it has no list "frames"'),
        ("a.json", '{"frames": [{"transform_matrix": [[1, 2]]}]}', "frame 0: expected transform_matrix"),
        (
            "a.json",
            '{"frames": [{"transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,-1,0],[0,0,0,1]]}]}',
            "frame 0: transform_matrix mirrors",
        ),
        ("a.fbx", "", r"is no camera; use .chan, .csv, .json"),
    ],
)
def test_what_is_no_camera_is_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        read(tmp_path / name, text)
    assert str(caught.value).startswith(f"--camera: {tmp_path / name}")


def test_a_missing_camera_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such camera"):
        read_camera(tmp_path / "a.chan", Fraction(24), SIZE)
