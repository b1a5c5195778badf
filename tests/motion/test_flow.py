from __future__ import annotations

import hashlib
import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import make_samples
import numpy as np
import pytest
import torch
from torchvision.models import optical_flow

from dreamvid.errors import ModelError, SettingsError
from dreamvid.motion import MotionEstimator, make_flow_method, measure_flow
from dreamvid.motion.methods import raft
from dreamvid.motion.methods.raft import RaftFlow
from dreamvid.runtime.downloads import cached_path

METHODS = ["dis", "farneback"]
BOUNDS_PX = {"dis": 0.08, "farneback": 0.13}


def camera_pair(
    now: make_samples.Camera, before: make_samples.Camera, width: int = 240, height: int = 160
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the current frame, the previous one and the exact flow between them."""
    shot = make_samples.Shot(make_samples.ground, 2, lambda i: (before, now)[i])
    clip = make_samples.Clip(width, height, 24, (shot,))
    previous, current = make_samples.frames_of(clip)
    back = np.linalg.inv(before.matrix(width, height)) @ now.matrix(width, height)
    y, x = np.mgrid[:height, :width]
    target = np.einsum("ij,jhw->ihw", back, np.stack([x, y, np.ones_like(x)]))
    return current, previous, np.moveaxis(target[:2] - np.stack([x, y]), 0, -1)


def end_point_error(flow: np.ndarray, truth: np.ndarray, border: int = 8) -> float:
    inner = np.s_[border:-border, border:-border]
    return float(np.hypot(*np.moveaxis(flow - truth, -1, 0))[inner].mean())


@pytest.mark.parametrize("method", METHODS)
def test_nothing_moves_in_a_still_picture(method: str) -> None:
    first, second = make_samples.still_frames(count=2)
    flow = np.abs(measure_flow(make_flow_method(method), first, second))
    assert flow.mean() < 1e-3
    assert flow[8:-8, 8:-8].max() < (1e-3 if method == "dis" else 0.05)  # OpenCV's Farnebäck drifts a little


@pytest.mark.parametrize("method", METHODS)
def test_direction_and_order(method: str) -> None:
    """The current frame is the previous one moved 3 px right and 1 px down: it is found at (-3, -1) from here."""
    previous = next(make_samples.still_frames(count=1))
    current = np.roll(previous, (1, 3), axis=(0, 1))
    flow = measure_flow(make_flow_method(method), current, previous)[16:-16, 16:-16]
    assert flow.dtype == np.float32
    assert np.abs(flow.mean((0, 1)) - (-3, -1)).max() < 0.1


MOVES = {
    "pan": ((320, 240, 1.0, 0.0), (317.7, 238.9, 1.0, 0.0)),
    "zoom": ((320, 240, 0.97, 0.0), (320, 240, 1.0, 0.0)),
    "turn": ((320, 240, 1.0, math.radians(1.5)), (320, 240, 1.0, 0.0)),
    "all": ((322, 239, 0.98, math.radians(-1)), (320, 240, 1.0, 0.0)),
    "fast": ((332, 235, 1.0, 0.0), (320, 240, 1.0, 0.0)),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("method", METHODS)
def test_camera_moves_are_measured(method: str, move: str) -> None:
    now, before = (make_samples.Camera(*place) for place in MOVES[move])
    current, previous, truth = camera_pair(now, before)
    error = end_point_error(measure_flow(make_flow_method(method), current, previous), truth)
    assert error < BOUNDS_PX[method] * (2 if move == "fast" else 1)


def test_dark_frames_are_measured_nearly_as_well() -> None:
    current, previous, truth = camera_pair(*(make_samples.Camera(*place) for place in MOVES["all"]))
    dim = [np.round(frame * 0.02 * 255).astype(np.float32) / 255 for frame in (current, previous)]
    assert end_point_error(measure_flow(make_flow_method("dis"), *dim), truth) < 0.08


@pytest.mark.parametrize(("shot", "bound"), [(range(1, 52, 10), 0.45), (range(53, 96, 9), 0.2)])
def test_flow_of_the_encoded_journey(shot: range, bound: float, journey: list[np.ndarray]) -> None:
    """Hills under a sky that is flat in places; a portrait. In px, 8 px of border left out."""
    estimator = make_flow_method("dis")
    errors = [
        end_point_error(measure_flow(estimator, journey[i], journey[i - 1]), make_samples.true_flow("journey", i))
        for i in shot
    ]
    assert np.mean(errors) < bound


def test_flow_of_the_encoded_known_flow(known_flow: list[np.ndarray]) -> None:
    estimator = make_flow_method("dis")
    for i in range(1, 30, 7):
        truth = make_samples.true_flow("known_flow", i)
        assert end_point_error(measure_flow(estimator, known_flow[i], known_flow[i - 1]), truth) < 0.06


def test_the_truth_of_a_cut_is_that_there_is_none() -> None:
    starts = [i for i in range(96) if make_samples.true_flow("journey", i) is None]
    assert starts == [0, make_samples.CUT_FRAME]


@pytest.mark.parametrize("method", ["dis", "farneback", "none"])
@pytest.mark.parametrize("size", [(1, 1), (7, 90), (33, 20)])
def test_tiny_frames(method: str, size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).random((*size, 3), np.float32)
    motion = MotionEstimator(method).measure(frame, frame.copy())
    assert motion.backward.shape == (*size, 2)
    assert np.isfinite(motion.backward).all()
    if method != "farneback":  # which makes things up where its window does not fit in
        assert np.abs(motion.backward).max() < 0.01
    assert motion.reliability.shape == size


def test_raft_takes_any_size() -> None:
    estimator = RaftFlow(small=True, weights=False)
    estimator._net = partial(estimator._net, num_flow_updates=1)
    frame = np.random.default_rng(0).random((50, 131, 3), np.float32)
    flow = measure_flow(estimator, frame, frame)
    assert flow.shape == (50, 131, 2)
    assert flow.dtype == np.float32
    assert np.isfinite(flow).all()


def publish_raft(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the small RAFT's weights published at `url`, and a cache that is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    entry = SimpleNamespace(url=url)
    monkeypatch.setattr(raft, "_raft", lambda _: (optical_flow.raft_small, entry))


def test_raft_takes_its_weights_from_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = optical_flow.raft_small(weights=None).state_dict()
    torch.save(state, tmp_path / "raft.pth")
    digest = hashlib.sha256((tmp_path / "raft.pth").read_bytes()).hexdigest()[:8]
    publish_raft(f"http://127.0.0.1:1/raft-{digest}.pth", tmp_path, monkeypatch)
    path = cached_path(f"raft-{digest}.pth")
    path.parent.mkdir(parents=True)
    (tmp_path / "raft.pth").rename(path)
    loaded = RaftFlow(small=True)._net.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_missing_raft_weights_say_what_to_fetch_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish_raft("http://127.0.0.1:1/raft-12345678.pth", tmp_path, monkeypatch)
    with pytest.raises(ModelError) as caught:
        RaftFlow(small=True)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("http://127.0.0.1:1/raft-12345678.pth", "refused", "--flow dis", "checkpoints/raft-12345678.pth"):
        assert part in message


def test_unknown_methods_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'farnback'.*did you mean farneback"):
        make_flow_method("farnback")


def test_frames_of_two_sizes_are_refused() -> None:
    small, large = np.zeros((20, 20, 3), np.float32), np.zeros((20, 21, 3), np.float32)
    with pytest.raises(ValueError, match="the same size"):
        measure_flow(make_flow_method("dis"), small, large)
    with pytest.raises(ValueError, match="the same size"):
        MotionEstimator("none").measure(small, large)


def test_the_estimator_keeps_what_it_knows_of_the_last_frame(known_flow: list[np.ndarray]) -> None:
    estimator = MotionEstimator()
    seen: list[int] = []
    prepare = estimator._method.prepare
    estimator._method.prepare = lambda frame: (seen.append(1), prepare(frame))[1]  # type: ignore[method-assign]
    in_turn = [estimator.measure(known_flow[i - 1], known_flow[i]) for i in (1, 2, 3)]
    assert len(seen) == 4
    afresh = [MotionEstimator().measure(known_flow[i - 1], known_flow[i]) for i in (1, 2, 3)]
    for a, b in zip(in_turn, afresh, strict=True):
        np.testing.assert_array_equal(a.backward, b.backward)
        np.testing.assert_array_equal(a.reliability, b.reliability)


@pytest.mark.parametrize("max_side", [160, 250])
def test_large_frames_are_measured_small(max_side: int, known_flow: list[np.ndarray]) -> None:
    motion = MotionEstimator(max_side=max_side).measure(known_flow[9], known_flow[10])
    assert motion.backward.shape == (180, 320, 2)
    assert end_point_error(motion.backward, make_samples.true_flow("known_flow", 10)) < 0.15
    assert motion.reliability[8:-8, 8:-8].mean() > 0.98


def test_no_flow_stands_still(known_flow: list[np.ndarray]) -> None:
    motion = MotionEstimator("none").measure(known_flow[0], known_flow[20])
    assert not motion.backward.any()
    assert (motion.reliability == 1).all()


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_the_dream_outlives_a_flash(light: float, known_flow: list[np.ndarray]) -> None:
    flash = np.full_like(known_flow[0], light)
    for pair in [(known_flow[0], flash), (flash, known_flow[1])]:
        motion = MotionEstimator().measure(*pair)
        assert motion.reliability.mean() > 0.9
        assert cv2.norm(motion.backward, cv2.NORM_INF) < 3


def test_next_to_nothing_is_reliable_across_a_cut(journey: list[np.ndarray]) -> None:
    cut = make_samples.CUT_FRAME
    assert MotionEstimator().measure(journey[cut - 1], journey[cut]).reliability.mean() < 0.05
