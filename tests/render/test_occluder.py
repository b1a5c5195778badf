"""What is hidden for a while comes back as the same dream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.motion.motion_stage import FrameMotion, pair_up
from dreamvid.output.snapshot import Snapshot
from dreamvid.render.carry import Carry
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock, FramePlan, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from tests.tiny import TinyExtractor, noise

SAMPLES = Path(__file__).parents[2] / "samples"
HEIGHT, WIDTH = 136, 240
BAR, SPEED = 28, 4  # px, px a frame: a place is hidden for 7 frames
PAN = 0.5  # px a frame, the other way
LOOK = Look(octaves=2, iterations=(6,), jitter=4)
CPU = torch.device("cpu")


class Clip:
    first_index = 0
    rate = Fraction(24)

    def __init__(self, frames: list[np.ndarray], first: int = 0) -> None:
        self.frames, self.first_index = frames[first:], first
        self.height, self.width = frames[0].shape[:2]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.frames)


def moved(picture: np.ndarray, dx: float, width: int = WIDTH) -> np.ndarray:
    """A picture moved to the right by `dx`."""
    matrix = np.array([[1, 0, dx], [0, 1, 0]], np.float32)
    return cv2.warpAffine(picture, matrix, (width, picture.shape[0]), flags=cv2.INTER_CUBIC)


def passing_bar(background: np.ndarray, count: int, width: int = WIDTH) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A dark bar that crosses a drifting background from the left; and where it is, as bool."""
    height = background.shape[0]
    texture = cv2.GaussianBlur(np.random.default_rng(0).random((height, BAR, 3)).astype(np.float32), (0, 0), 2)
    texture = ((texture - 0.5) * 1.5 + 0.2).clip(0, 1)
    frames, hidden = [], []
    for t in range(count):
        frame = moved(background, -PAN * t, width).clip(0, 1)
        left = SPEED * t - BAR
        there = slice(max(0, left), max(0, left + BAR))
        shown = frame[:, there].shape[1]
        frame[:, there] = texture[:, BAR - there.stop + there.start :][:, :shown]
        mask = np.zeros((height, width), bool)
        mask[:, there] = True
        frames.append(frame)
        hidden.append(mask)
    return frames, hidden


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_what_was_hidden_comes_back_as_the_same_dream() -> None:
    picture = cv2.imread(str(SAMPLES / "portrait.jpg"))[..., ::-1].astype(np.float32) / 255
    size = (WIDTH + 20, round(picture.shape[0] * (WIDTH + 20) / picture.shape[1]))
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    top = (picture.shape[0] - HEIGHT) // 2
    frames, hidden = passing_bar(picture[top : top + HEIGHT], 23)
    settings = make_settings({"model": "efficientnet_lite0"})
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    machine = choose_machine()
    planner = Planner(make_dream_core(goals, settings, machine), settings, Clock(Clip.rate))
    dreams = [dream for dream, _ in Film(planner, machine.device).dream(Clip(frames), []) if dream is not None]
    before, during, after = 2, 12, 22  # 0.03 without memory
    earlier, later = (moved(dreams[t] - frames[t], PAN * (t - during)) for t in (before, after))
    inner = np.zeros((HEIGHT, WIDTH), bool)
    inner[8:-8, 8:-8] = True
    same = correlation(earlier[hidden[during] & inner], later[hidden[during] & inner])
    print(f"\ncorrelation of the dream before and after: {same:.3f}")
    assert same >= 0.8


def test_the_state_remembers() -> None:
    """A film that goes on from a snapshot is the same, also where it looks back beyond it."""
    scene = noise(64, 140, low=0.1, high=0.9)[0].permute(1, 2, 0).numpy()
    frames, _ = passing_bar(cv2.GaussianBlur(scene, (0, 0), 2), 20, 96)
    settings = make_settings({"warm_iterations": (2, 1)})
    dreamer = DreamCore(TinyExtractor(), LOOK)

    def film(snapshot=None) -> Film:
        return Film(Planner(dreamer, settings, Clock(Clip.rate)), CPU, snapshot)

    whole, dreams, snapshots = film(), [], []
    for dream, _ in whole.dream(Clip(frames), []):
        if dream is not None:
            dreams.append(dream)
            snapshots.append(whole.snapshot())
    for done in (1, 9, 14):
        rest = film(snapshots[done - 1])
        first = done - rest.lead
        again = [dream for dream, _ in rest.dream(Clip(frames, first), []) if dream is not None]
        assert len(again) == 20 - done
        assert all(np.array_equal(a, b) for a, b in zip(again, dreams[done:], strict=True))


def test_a_state_of_before_there_was_a_memory_is_gone_on_with() -> None:
    frames = [np.full((64, 96, 3), 0.5, np.float32)] * 8
    state = Snapshot(5, {"residual": torch.zeros(1, 3, 64, 96)}, {"shot": 0, "since_dreamed": 0})
    planner = Planner(DreamCore(TinyExtractor(), LOOK), make_settings({"warm_iterations": (2, 1)}), Clock(Clip.rate))
    rest = Film(planner, CPU, state)
    assert rest.lead == 1
    assert sum(dream is not None for dream, _ in rest.dream(Clip(frames, 4), [])) == 3


def test_pairs_look_back_the_same_after_a_break_and_never_across_a_cut() -> None:
    frames = [np.full((4, 4, 3), t / 60, np.float32) for t in range(60)]
    cuts = [t == 40 for t in range(60)]
    whole = list(pair_up(frames, cuts, 0))
    assert [one.number for one in whole[39].earlier] == [32, 24, 0]
    assert [[one.number for one in whole[t].earlier] for t in (40, 43, 44, 59)] == [[], [], [0], [12, 0]]
    assert all(np.array_equal(one.picture, frames[40 + one.number]) for one in whole[59].earlier)
    rest = list(pair_up(frames[24:], [True, *cuts[25:]], 8, 24))
    numbers = [[one.number for one in pair.earlier if one.number >= 24] for pair in whole[32:]]
    assert [[one.number for one in pair.earlier] for pair in rest[:8]] == numbers[:8]


def coasting(reliability: float) -> tuple[torch.Tensor, torch.Tensor, Carry]:
    """The residual of a shot's first frame, and what a frame without a reliable way to the last one makes of it, where
    the left half has a way of that reliability to the first."""
    raw = noise(64, 96, low=0.2, high=0.8)
    settings = make_settings({"warm_iterations": 0})
    dreamer = DreamCore(TinyExtractor(), LOOK)
    plan = replace(FramePlan(dreamer, settings, settings.strength * dreamer.nominal_contrast), contrast=None)
    carry = Carry()
    first = carry.begin(raw, plan)
    still, none, some = torch.zeros(1, 2, 64, 96), torch.zeros(1, 1, 64, 96), torch.zeros(1, 1, 64, 96)
    some[..., :48] = reliability
    coasted = carry.coast(raw, FrameMotion(still, none), plan, {0: FrameMotion(still, some)})
    return first, coasted, carry


@pytest.mark.parametrize("reliability", [0.0, 1.0])
def test_only_what_is_the_same_is_filled_in(reliability: float) -> None:
    first, coasted, carry = coasting(reliability)
    left, right = (float(part.abs().mean() / first.abs().mean()) for part in (coasted[..., :40], coasted[..., 56:]))
    assert right < 0.1
    assert left > 0.8 if reliability else left < 0.1
    assert carry.fresh == pytest.approx(1 - reliability / 2, abs=0.01)


def test_a_cut_forgets() -> None:
    _, _, carry = coasting(1.0)
    assert carry.lead == 2
    assert set(carry.state()) == {"residual", "carried_for", "residual of frame 0"}
    kept = carry.state()["residual of frame 0"]
    settings = make_settings({"warm_iterations": 0})
    carry.begin(noise(64, 96, 7), FramePlan(DreamCore(TinyExtractor(), LOOK), settings))
    assert not torch.equal(carry.state()["residual of frame 0"], kept)
    assert carry.lead == 1
