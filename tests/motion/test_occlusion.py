from __future__ import annotations

import cv2
import make_samples
import numpy as np
import pytest

from dreamvid.motion import MotionEstimator, find_unreliable, points_outside, soften
from dreamvid.motion.occlusion import find_changed

SIZE, LEFT, TOP, SIDE, STEP = (120, 160), 50, 30, 60, 6


def square_at(left: int) -> np.ndarray:
    inside = np.zeros(SIZE, bool)
    inside[TOP : TOP + SIDE, left : left + SIDE] = True
    return inside


def strip() -> np.ndarray:
    """What a square uncovers that moves STEP px to the right."""
    return square_at(LEFT) & ~square_at(LEFT + STEP)


def grow(mask: np.ndarray, by: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)).astype(bool)


def test_a_moving_square_uncovers_exactly_its_strip() -> None:
    """With exact flow; a motion boundary is one pixel wide on either side of the square's edge."""
    backward = np.where(square_at(LEFT + STEP)[..., None], np.float32([-STEP, 0]), np.float32(0))
    forward = np.where(square_at(LEFT)[..., None], np.float32([STEP, 0]), np.float32(0))
    unreliable = find_unreliable(backward, forward)
    edge = grow(square_at(LEFT + STEP), 1) & ~(~grow(~square_at(LEFT + STEP), 1))
    assert unreliable[strip()].all()
    assert not (unreliable & ~strip() & ~edge).any()


def test_a_moving_square_is_measured_to_uncover_its_strip() -> None:
    source = make_samples.ground()
    square, ground = source[200:320, 300:460], source[:120, :160]
    previous, current = ground.copy(), ground.copy()
    previous[square_at(LEFT)] = square[:SIDE, :SIDE].reshape(-1, 3)
    current[square_at(LEFT + STEP)] = square[:SIDE, :SIDE].reshape(-1, 3)
    reliability = MotionEstimator().measure(previous, current).reliability
    assert reliability[strip()].mean() < 0.1
    assert reliability[~grow(square_at(LEFT + STEP) | square_at(LEFT), 10)].mean() > 0.99  # the ground around
    assert reliability[TOP + 14 : TOP + SIDE - 14, LEFT + STEP + 14 : LEFT + SIDE - 8].mean() > 0.95  # its middle


def constant(dx: float, dy: float) -> np.ndarray:
    return np.broadcast_to(np.float32([dx, dy]), (*SIZE, 2)).copy()


def test_flow_that_returns_is_reliable_everywhere_inside() -> None:
    unreliable = find_unreliable(constant(-3.2, 1.6), constant(3.2, -1.6))
    assert not unreliable[2:-2, 4:-2].any()


def test_a_disagreement_counts_from_the_published_bound_on() -> None:
    """|B + F|^2 against 0.01 (|B|^2 + |F|^2) + 0.5, with B = (10, 0)."""
    inner = np.s_[20:-20, 20:-20]
    for error, expected in [(1.47, False), (1.51, True)]:  # the bound: 1.49 px
        backward, forward = constant(10, 0), constant(-10 + error, 0)
        assert find_unreliable(backward, forward)[inner].all() == expected
        assert find_unreliable(backward, forward)[inner].any() == expected


def test_smooth_zoom_has_no_motion_boundary_and_a_step_has() -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    zoom = np.stack([-0.03 * (x - 80), -0.03 * (y - 60)], axis=-1)
    step = constant(0, 0)
    step[:, 80:, 1] = 0.5  # up and down only: a vertical edge in the second component
    inner = np.s_[8:-8, 8:-8]
    assert not find_unreliable(zoom, -zoom / 0.97)[inner].any()
    found = find_unreliable(step, -step)
    assert found[10:-10, 79:81].all()
    assert not found[10:-10, :78].any()
    assert not found[10:-10, 83:].any()


@pytest.mark.parametrize(
    ("flow", "outside"), [((2, 0), np.s_[:, -2:]), ((-2, 0), np.s_[:, :2]), ((0, 2), np.s_[-2:]), ((0, -2), np.s_[:2])]
)
def test_what_comes_from_outside_is_exactly_the_edge_it_enters_at(flow: tuple[int, int], outside: slice) -> None:
    expected = np.zeros(SIZE, bool)
    expected[outside] = True
    np.testing.assert_array_equal(points_outside(constant(*flow)), expected)
    assert find_unreliable(constant(*flow), -constant(*flow))[expected].all()


def test_a_hundredth_of_a_pixel_does_not_put_the_border_outside() -> None:
    assert not points_outside(constant(-0.01, 0.01)).any()


def test_softening_goes_inwards_only() -> None:
    unreliable = strip()
    reliability = soften(unreliable, softness_px=3)
    assert reliability.dtype == np.float32
    assert (reliability[unreliable] == 0).all()
    assert (reliability[~grow(unreliable, 4)] == 1).all()
    ramp = reliability[TOP + SIDE // 2, LEFT + STEP : LEFT + STEP + 4]
    assert ((ramp > 0) & (ramp <= 1)).all()
    assert (np.diff(ramp) > 0).all()


def test_softening_all_and_nothing() -> None:
    assert (soften(np.zeros(SIZE, bool)) == 1).all()
    assert (soften(np.ones(SIZE, bool)) == 0).all()


def rods(at: float, width: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Thin dark rods before a ground that stands still, and where they are."""
    ground = make_samples.ground()[200:320, 300:460].copy()
    across = np.abs(np.arange(160)[None, :] - (np.arange(20, 160, 40) + at)[:, None]).min(axis=0)
    inside = np.broadcast_to(across < width / 2 + 0.25, SIZE)
    ground[inside] = 0.05
    return ground.astype(np.float32), inside


def test_what_a_thin_thing_hides_and_uncovers_is_not_reliable() -> None:
    """Flow sees nothing of it: there and back agree on the ground's motion."""
    (previous, was), (current, now) = rods(0), rods(7)
    motion = MotionEstimator().measure(previous, current)
    assert np.abs(motion.backward[now]).max() < 2, "flow finds the rods now: take thinner ones"
    assert motion.reliability[now].mean() < 0.1
    assert motion.reliability[was & ~now].mean() < 0.15
    assert motion.reliability[~grow(now | was, 10)].mean() > 0.97


@pytest.mark.parametrize("change", ["grain", "brighter", "shadow", "white", "black", "burned"])
def test_grain_and_light_are_no_change(change: str) -> None:
    previous = make_samples.ground()[200:320, 300:460].astype(np.float32)
    random = np.random.default_rng(0)
    current = {
        "grain": previous + 0.1 * random.standard_normal(previous.shape),
        "brighter": previous * 1.3,
        "shadow": previous * np.linspace(0.75, 1, 160)[None, :, None],
        "white": np.ones_like(previous),
        "black": np.zeros_like(previous),
        "burned": np.clip(previous * 1.5 + 0.5, 0, 1),
    }[change].astype(np.float32)
    still = np.zeros((*SIZE, 2), np.float32)
    assert find_changed(current, previous, still).mean() < 0.005
