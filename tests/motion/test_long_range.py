from __future__ import annotations

import cv2
import numpy as np

from dreamvid.motion.long_range import EarlierFrame, LongRangeEstimator, is_needed_after, numbers_looked_back_to, reduce

HEIGHT, WIDTH = 96, 160


def scene(shift: float) -> np.ndarray:
    """A soft picture of many colors, moved to the left."""
    grains = np.random.default_rng(3).random((HEIGHT, WIDTH + 40, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(grains, (0, 0), 3)
    soft = ((soft - soft.mean()) * 3 + 0.5).clip(0.05, 0.95)
    moved = np.array([[1, 0, -shift - 10], [0, 1, 0]], np.float32)
    return cv2.warpAffine(soft, moved, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def way_back(now: np.ndarray, earlier: np.ndarray, reliability: float = 0.5):
    frames = [EarlierFrame(0, reduce(earlier))]
    return list(LongRangeEstimator().measure(now, np.full((HEIGHT, WIDTH), reliability, np.float32), frames))


def test_what_is_looked_back_to_is_kept_and_no_more_than_six() -> None:
    kept: list[int] = []
    for number in range(300):
        wanted = numbers_looked_back_to(number)
        assert set(wanted) <= set(kept)
        assert wanted == sorted(wanted, reverse=True)
        kept = [one for one in [*kept, number] if is_needed_after(one, number)]
        assert len(kept) <= 6
    assert number - min(wanted) >= 36


def test_the_way_back_is_measured_between_the_two_frames() -> None:
    (way,) = way_back(scene(6), scene(0))
    inner = (slice(16, -16), slice(16, -16))
    assert np.abs(way.motion.backward[inner] - (6, 0)).max() < 0.5
    assert way.motion.reliability[inner].mean() > 0.95


def test_a_place_that_looks_different_now_is_not_to_be_remembered() -> None:
    """The same shapes in other colors: flow is sure of them, in gray and both ways."""
    now = scene(0)
    gray = cv2.cvtColor(now, cv2.COLOR_RGB2GRAY)[..., None]
    now[:, 80:] = (gray + 1.2 * (gray - now))[:, 80:].clip(0, 1)
    (way,) = way_back(now, scene(0))
    assert way.motion.reliability[16:-16, 16:64].mean() > 0.95
    assert way.motion.reliability[16:-16, 96:-16].mean() < 0.3


def test_nothing_is_measured_where_nothing_is_fresh() -> None:
    assert way_back(scene(0), scene(0), reliability=1.0) == []


def test_large_frames_are_compared_at_a_smaller_size() -> None:
    sizes = {side: max(reduce(np.zeros((side // 2, side, 3), np.float32)).shape) for side in (96, 240, 480, 1920)}
    assert sizes == {96: 96, 240: 240, 480: 240, 1920: 480}
