"""A dissolve carries one dream into the other; a fade leads to black and from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.motion.dissolves import Dissolve
from dreamvid.motion.drift import STILL, Drift
from dreamvid.output.snapshot import Snapshot, read_snapshot, write_snapshot
from dreamvid.render.dissolve import FilmDissolves, move_residual
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock, Planner
from dreamvid.runtime.events import FrameDone, ShotStarted
from dreamvid.runtime.frames import to_frame
from tests.tiny import TinyExtractor, noise

CPU = torch.device("cpu")
LEFT, ARRIVED, COUNT = 5, 12, 18
SHARES = tuple(np.linspace(0, 1, ARRIVED - LEFT + 1)[1:-1].tolist())


class Clip:
    rate = Fraction(24)

    def __init__(self, frames: list[np.ndarray], first: int = 0) -> None:
        self.frames, self.first_index = frames[first:], first
        self.height, self.width = frames[0].shape[:2]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.frames)


def picture(seed: int) -> np.ndarray:
    return to_frame(noise(48, 64, seed, low=0.2, high=0.8))


BLACK = np.zeros((48, 64, 3), np.float32)


def mixed(old: np.ndarray, new: np.ndarray) -> list[np.ndarray]:
    shares = [0.0] * (LEFT + 1) + list(SHARES) + [1.0] * (COUNT - ARRIVED)
    return [np.float32((1 - share) * old + share * new) for share in shares]


def dissolve(leaving: Drift = STILL, coming: Drift = STILL) -> Dissolve:
    return Dissolve(LEFT, ARRIVED, SHARES, leaving, coming)


def dream(
    frames: list[np.ndarray],
    known: Dissolve | None,
    first: int = 0,
    snapshot: Snapshot | None = None,
    kept: dict[int, Snapshot] | None = None,
) -> tuple[dict[int, np.ndarray], list[object]]:
    """The dreamed frames by their numbers, and the events; `kept` takes the state after each frame."""
    settings = make_settings({"warm_iterations": (2, 1)}, {})
    planner = Planner(
        DreamCore(TinyExtractor(), Look(octaves=2, iterations=(6,), jitter=4)), settings, Clock(Clip.rate)
    )
    film = Film(planner, CPU, snapshot)
    begin = first + film.done
    reader = Clip(frames, begin - film.lead)

    def at(index: int) -> Dissolve | None:
        return known if known is not None and known.left < index <= known.arrived else None

    dissolves = FilmDissolves(at, lambda index: frames[index])
    shown, events = {}, []
    for frame, event in film.dream(reader, repeat(False), dissolves):
        events.append(event)
        if frame is not None:
            shown[first + film.done - 1] = frame
            if kept is not None:
                kept[film.done] = film.snapshot()
    return shown, events


def test_the_residuals_are_mixed_as_the_pictures_are() -> None:
    old, new = picture(1), picture(2)
    frames = mixed(old, new)
    shown, _ = dream(frames, dissolve())
    left, come = shown[LEFT] - old, shown[ARRIVED] - new
    for index in range(LEFT + 1, ARRIVED):
        share = SHARES[index - LEFT - 1]
        assert np.abs(shown[index] - (frames[index] + (1 - share) * left + share * come)).max() < 1e-5, index


def test_the_new_picture_is_dreamed_as_if_the_old_one_had_not_been() -> None:
    old, new = picture(1), picture(2)
    shown, events = dream(mixed(old, new), dissolve())
    alone, _ = dream([new] * COUNT, None, first=ARRIVED)
    for index in range(ARRIVED, COUNT):
        assert np.array_equal(shown[index], alone[index]), index
    assert sum(isinstance(event, ShotStarted) for event in events) == 1
    assert sum(isinstance(event, FrameDone) for event in events) == COUNT


def test_without_it_the_old_dream_would_stay() -> None:
    old, new = picture(1), picture(2)
    frames = mixed(old, new)

    def ghost(known: Dissolve | None) -> float:
        shown, _ = dream(frames, known)
        first, last = ((shown[index] - frames[index]).ravel() for index in (LEFT, COUNT - 1))
        return float(np.corrcoef(first, last)[0, 1])

    assert ghost(dissolve()) < 0.1
    assert ghost(None) > 0.2


def test_each_dream_moves_with_its_picture() -> None:
    right = Drift(np.array([[0, 0, 1 / 64], [0, 0, 0]]))  # a pixel a frame
    old, new = picture(1), picture(2)
    still, _ = dream(mixed(old, new), dissolve())
    moving, _ = dream(mixed(old, new), dissolve(leaving=right, coming=right))
    frames = mixed(old, new)
    for index in range(LEFT + 1, ARRIVED):
        share = SHARES[index - LEFT - 1]
        left = np.zeros_like(old)
        left[:, index - LEFT :] = (still[LEFT] - old)[:, : -(index - LEFT)]
        come = np.zeros_like(new)
        come[:, : index - ARRIVED] = (still[ARRIVED] - new)[:, ARRIVED - index :]
        expected = np.clip(frames[index] + (1 - share) * left + share * come, 0, 1)
        assert np.abs(moving[index] - expected).max() < 1e-4, index


@pytest.fixture(scope="module")
def unbroken() -> tuple[dict[int, np.ndarray], dict[int, Snapshot]]:
    """The dreamed frames by their numbers, and the state after each."""
    kept: dict[int, Snapshot] = {}
    whole, _ = dream(mixed(picture(1), picture(2)), dissolve(), kept=kept)
    return whole, kept


@pytest.mark.parametrize("done", [LEFT + 1, LEFT + 2, ARRIVED - 1, ARRIVED, ARRIVED + 1])
def test_it_is_resumed_as_it_was_left(
    done: int, unbroken: tuple[dict[int, np.ndarray], dict[int, Snapshot]], tmp_path: Path
) -> None:
    frames = mixed(picture(1), picture(2))
    whole, kept = unbroken
    path = tmp_path / "state"
    write_snapshot(path, kept[done])
    rest, _ = dream(frames, dissolve(), snapshot=read_snapshot(path))
    assert list(rest) == list(range(done, COUNT))
    for index, frame in rest.items():
        assert np.array_equal(frame, whole[index]), index


def test_a_part_may_begin_in_the_middle() -> None:
    frames = mixed(picture(1), picture(2))
    begin = LEFT + 3
    shown, events = dream(frames, dissolve(), first=begin)
    whole, _ = dream(frames, dissolve())
    assert list(shown) == list(range(begin, COUNT))
    assert np.abs(shown[begin] - frames[begin]).mean() > 0.01
    for index in range(ARRIVED, COUNT):
        assert np.array_equal(shown[index], whole[index])
    assert sum(isinstance(event, ShotStarted) for event in events) == 1


def test_a_fade_leads_to_black_and_out_of_it() -> None:
    old = picture(1)
    out, _ = dream(mixed(old, BLACK), dissolve())
    assert all(not out[index].any() for index in range(ARRIVED, COUNT))
    back, _ = dream(mixed(BLACK, old), dissolve())
    assert all(not back[index].any() for index in range(LEFT + 1))
    assert np.abs(back[ARRIVED] - old).mean() > 0.01
    share = SHARES[0]
    assert np.abs(back[LEFT + 1] - share * back[ARRIVED]).max() < 1e-5


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_black_and_white_are_not_dreamed_on_until_something_comes(light: float) -> None:
    blank = np.full((48, 64, 3), light, np.float32)
    frames = [blank] * 4 + [picture(1)] * 3
    shown, events = dream(frames, None)
    assert all(np.array_equal(shown[index], blank) for index in range(4))
    alone, _ = dream(frames, None, first=4)
    assert all(np.array_equal(shown[index], alone[index]) for index in range(4, 7))
    assert sum(isinstance(event, ShotStarted) for event in events) == 1


def test_a_picture_that_cannot_be_read_ahead_is_carried_to_as_any() -> None:
    frames = mixed(picture(1), picture(2))
    asked: list[int] = []

    def missing(index: int) -> None:
        asked.append(index)

    known = dissolve()
    dissolves = FilmDissolves(lambda index: known if LEFT < index <= ARRIVED else None, missing)
    assert [dissolves.at(index) for index in range(len(frames))] == [None] * COUNT
    assert asked == [ARRIVED]


def test_a_residual_at_rest_is_the_same_bit_by_bit_and_nothing_comes_from_outside() -> None:
    residual = noise(24, 40, 3)
    assert torch.equal(move_residual(residual, STILL.matrix(7, 40, 24)), residual)
    away = Drift(np.array([[0, 0, 1.0], [0, 0, 0]]))
    assert not move_residual(residual, away.matrix(1, 40, 24)).any()


def test_states_of_before_there_were_dissolves_are_read(tmp_path: Path) -> None:
    kept: dict[int, Snapshot] = {}
    dream([picture(1)] * 3, None, kept=kept)
    numbers: Mapping[str, object] = kept[2].numbers
    assert "left" not in numbers
    Film(Planner(DreamCore(TinyExtractor(), Look()), make_settings(), Clock(Clip.rate)), CPU, kept[2])
