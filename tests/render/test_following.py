from __future__ import annotations

import numpy as np
import pytest
import torch

from dreamvid.motion import MotionEstimator
from dreamvid.motion.motion_stage import MotionStage, motion_threads, pair_up
from dreamvid.runtime.frames import send, to_frame, to_tensor
from dreamvid.runtime.pipeline import map_ahead
from tests.tiny import noise

CPU = torch.device("cpu")


def drifting(count: int) -> list[np.ndarray]:
    scene = to_frame(noise(64, 96 + 2 * count, low=0.1, high=0.9))
    return [np.ascontiguousarray(scene[:, 2 * t : 2 * t + 96]) for t in range(count)]


def test_pairs_begin_anew_at_cuts_and_at_the_first_frame() -> None:
    frames = drifting(5)
    pairs = list(pair_up(frames, [False, False, True, False, False], skip=0))
    assert [pair.before is not None for pair in pairs] == [False, True, False, True, True]
    assert all(pair.raw is frame for pair, frame in zip(pairs, frames, strict=True))
    assert pairs[4].before is frames[3]
    assert [pair.before is frames[0] for pair in pair_up(frames[:2], [True, False], skip=1)] == [True]


@pytest.mark.parametrize("followers", [1, 3])
def test_any_number_of_followers_finds_the_same_way(followers: int) -> None:
    frames = drifting(8)
    cuts = [False] * 4 + [True] + [False] * 3
    estimator = MotionEstimator("dis")
    with map_ahead(MotionStage("dis", CPU), pair_up(frames, cuts, 0), 4, followers) as steps:
        for index, step in enumerate(steps):
            assert torch.equal(step.raw, to_tensor(frames[index], CPU))
            if index in (0, 4):
                assert step.motion is None
                continue
            motion = estimator.measure(frames[index - 1], frames[index])
            assert step.motion is not None
            assert np.array_equal(step.motion.flow[0].permute(1, 2, 0).numpy(), motion.backward)
            assert np.array_equal(step.motion.reliability[0, 0].numpy(), motion.reliability)


def test_a_gpu_is_kept_busy_by_several_followers_and_two_cores_by_one() -> None:
    cuda = torch.device("cuda")
    assert [motion_threads("dis", CPU, threads) for threads in (1, 2, 8, 64)] == [1, 1, 2, 8]
    assert [motion_threads("dis", cuda, threads) for threads in (1, 2, 8, 64)] == [1, 1, 6, 8]
    assert motion_threads("raft", cuda, 16) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_frames_go_to_a_gpu_and_back_unchanged() -> None:
    frame = drifting(1)[0]
    cuda = torch.device("cuda")
    assert torch.equal(send(frame, cuda).cpu(), send(frame, CPU))
    assert np.array_equal(to_frame(to_tensor(frame, cuda)), frame)
