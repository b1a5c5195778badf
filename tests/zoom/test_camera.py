from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from dreamvid.config.settings import ZoomSettings, build_settings
from dreamvid.dream.noise import pink_noise
from dreamvid.zoom.camera import camera_motion, move

SIZE = (60, 80)


def motion(start: float, end: float, **camera: float) -> Tensor:
    settings = build_settings(ZoomSettings, camera)
    return camera_motion(lambda _: settings, SIZE, Fraction(start), Fraction(end), steady=True)


def shown_at(motion: Tensor, x: float, y: float) -> tuple[float, float]:
    place = motion @ torch.tensor([x, y, 1.0], dtype=torch.float64)
    return float(place[0]), float(place[1])


def test_zoom_is_exponential_about_the_center() -> None:
    """At 2 a second the picture is twice as large after a second, so a pixel shows what was half as far out."""
    x, y = shown_at(motion(0, 1, zoom=2), 79.5, 29.5)
    assert (x, y) == pytest.approx((59.5, 29.5))
    assert shown_at(motion(0, 2, zoom=2), 79.5, 29.5) == pytest.approx((49.5, 29.5))
    assert shown_at(motion(0, 1, zoom=0.5), 49.5, 29.5) == pytest.approx((59.5, 29.5))
    assert shown_at(motion(0, 3, zoom=2, center_x=0.25, center_y=1), 19.5, 59.5) == pytest.approx((19.5, 59.5))


def test_rotation_is_clockwise_in_degrees() -> None:
    """After 90 degrees clockwise the pixel right of the center shows what was above it."""
    assert shown_at(motion(0, 1, zoom=1, rotate=90), 49.5, 29.5) == pytest.approx((39.5, 19.5))


def test_pan_moves_the_camera_in_picture_sizes() -> None:
    assert shown_at(motion(0, 0.5, zoom=1, pan_x=0.25, pan_y=-0.5), 10, 20) == pytest.approx((20, 5))


def test_motions_compose() -> None:
    camera = {"zoom": 1.7, "rotate": 40, "pan_x": 0.2, "center_y": 0.3}
    assert torch.allclose(motion(0, 1, **camera) @ motion(1, 1.75, **camera), motion(0, 1.75, **camera))


def test_a_camera_that_changes_moves_alike_at_any_frame_rate() -> None:
    def camera(seconds: Fraction) -> ZoomSettings:
        return build_settings(ZoomSettings, {"zoom": 1 + float(seconds) ** 2, "rotate": 90 * float(seconds)})

    def traveled(fps: int) -> Tensor:
        whole = torch.eye(3, dtype=torch.float64)
        for frame in range(2 * fps):
            step = camera_motion(camera, SIZE, Fraction(frame, fps), Fraction(frame + 1, fps), steady=False)
            whole = whole @ step
        return whole

    slow = traveled(24)
    assert torch.allclose(slow, traveled(48), atol=1e-9)
    assert torch.allclose(slow, traveled(25), atol=0.05)
    growth = 1 / float(torch.linalg.det(slow[:2, :2])) ** 0.5
    integral = 2 * math.log(5) - 4 + 2 * math.atan(2)  # of ln(1 + t²) from 0 to 2
    assert growth == pytest.approx(math.exp(integral), rel=1e-4)


def test_no_motion_is_the_identity_and_a_whole_pixel_an_exact_copy() -> None:
    picture = pink_noise(SIZE)
    assert torch.equal(move(picture, torch.eye(3, dtype=torch.float64)), picture)
    shift = torch.eye(3, dtype=torch.float64)
    shift[0, 2] = 3
    assert torch.equal(move(picture, shift)[..., :-3], picture[..., 3:])


def test_beyond_the_border_is_a_mirror_and_nothing_dark() -> None:
    picture = pink_noise(SIZE)
    far = torch.eye(3, dtype=torch.float64)
    far[0, 2], far[1, 2] = 80, 60  # one whole picture further
    assert torch.allclose(move(picture, far), picture.flip(2, 3), atol=1e-6)
    shrunk = move(torch.full((1, 3, *SIZE), 0.7), motion(0, 5, zoom=0.3, rotate=30, pan_x=1))
    assert torch.allclose(shrunk, torch.tensor(0.7), atol=1e-5)
