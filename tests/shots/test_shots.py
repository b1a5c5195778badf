from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.errors import SettingsError
from dreamvid.media import open_reader, open_writer
from dreamvid.motion import mark_cuts
from dreamvid.runtime.frames import Frame, to_frame
from dreamvid.shots import shots as shots_module
from dreamvid.shots.shots import (
    Part,
    Shot,
    gather_shots,
    pick_frames,
    plan_parts,
    shots_at_rate,
    shots_between,
    skip_frames,
    watch_cuts,
)
from tests.tiny import noise

JOURNEY = Path(__file__).parents[2] / "samples" / "journey.mp4"
FILM = Fraction(24_000, 1001)
RATE = Fraction(24)
property_test = settings(deadline=None, database=None)


@st.composite
def clips(draw: st.DrawFn) -> list[Shot]:
    """The shots of a clip."""
    frames = draw(st.integers(1, 60))
    return shots_between(draw(st.sets(st.integers(0, frames - 1))), frames)


def frames_in(parts: list[Part]) -> list[int]:
    return [frame for first, end in parts for frame in range(first, end)]


# Gathering.


@property_test
@given(st.lists(st.booleans(), max_size=40))
def test_shots_follow_one_another_and_begin_where_marked(marks: list[bool]) -> None:
    shots = list(gather_shots(marks))
    assert [frame for shot in shots for frame in range(shot.first, shot.end)] == list(range(len(marks)))
    assert [shot.number for shot in shots] == list(range(1, len(shots) + 1))
    assert {shot.first for shot in shots} - {0} == {frame for frame, begins in enumerate(marks) if begins and frame}
    assert all(shot.frames > 0 for shot in shots)


@property_test
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_marks_and_cuts_say_the_same(marks: list[bool]) -> None:
    cuts = [frame for frame, begins in enumerate(marks) if begins]
    assert shots_between(cuts, len(marks)) == list(gather_shots(marks))


def test_a_shot_comes_as_soon_as_the_next_begins() -> None:
    taken: list[int] = []

    def marks() -> Iterator[bool]:
        for frame in range(10):
            taken.append(frame)
            yield frame == 4

    shots = gather_shots(marks())
    assert next(shots) == Shot(1, 0, 4)
    assert taken[-1] == 4
    assert list(shots) == [Shot(2, 4, 10)]


@pytest.mark.parametrize(("shot", "middle"), [(Shot(1, 4, 5), 4), (Shot(1, 4, 6), 4), (Shot(1, 4, 7), 5)])
def test_the_middle(shot: Shot, middle: int) -> None:
    assert shot.middle == middle


# Watching.

CUTS = (9, 20, 25)
FLASHES = (4, 15, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 pictures: four shots that pan over four scenes, and flashes of a frame each."""
    folder = tmp_path_factory.mktemp("frames")
    scenes = [to_frame(noise(64, 200, seed, low=0.0, high=0.8)) for seed in (1, 2, 3, 4)]
    for frame in range(36):
        scene = scenes[sum(frame >= cut for cut in CUTS)]
        picture = np.ones((64, 96, 3)) if frame in FLASHES else scene[:, 2 * frame : 2 * frame + 96]
        cv2.imwrite(str(folder / f"{frame:03}.png"), np.round(255 * picture[..., ::-1]).astype(np.uint8))
    return folder


def test_cuts_are_found(folder: Path) -> None:
    marks = list(watch_cuts(folder, RATE))
    assert [frame for frame, begins in enumerate(marks) if begins] == list(CUTS)
    assert len(marks) == 36


def test_a_part_of_a_clip_has_the_cuts_of_the_whole(folder: Path) -> None:
    whole = list(watch_cuts(folder, RATE))
    for first, end in itertools.chain(
        ((first, first + 1) for first in range(36)), ((0, 9), (9, 20), (4, 5), (5, 36), (19, 26), (30, 32), (35, 36))
    ):
        assert list(watch_cuts(folder, RATE, first, end)) == whole[first:end], (first, end)


def test_the_end_may_be_left_open_or_lie_behind_the_clip(folder: Path) -> None:
    whole = list(watch_cuts(folder, RATE))
    assert list(watch_cuts(folder, RATE, 20)) == list(watch_cuts(folder, RATE, 20, 99)) == whole[20:]


def test_the_cut_of_the_sample_is_found_from_anywhere() -> None:
    assert list(gather_shots(watch_cuts(JOURNEY, FILM))) == [Shot(1, 0, 52), Shot(2, 52, 96)]
    for first, end in ((40, 60), (52, 60), (40, 53), (53, 70)):
        assert list(watch_cuts(JOURNEY, FILM, first, end)) == [frame == 52 for frame in range(first, end)]


def test_cuts_are_counted_at_the_rate_that_is_asked_for() -> None:
    assert list(gather_shots(watch_cuts(JOURNEY, FILM / 2))) == [Shot(1, 0, 26), Shot(2, 26, 48)]
    assert list(watch_cuts(JOURNEY, FILM / 2, 24, 28)) == [False, False, True, False]


def test_only_small_frames_are_looked_at_and_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: set[tuple[int, ...]] = set()
    ahead: list[int] = []

    def watched(frames: Iterator[Frame], rate: float) -> Iterator[tuple[Frame, bool]]:
        taken = 0

        def counted() -> Iterator[Frame]:
            nonlocal taken
            for frame in frames:
                taken += 1
                sizes.add(frame.shape)
                yield frame

        for given_back, pair in enumerate(mark_cuts(counted(), rate), start=1):
            ahead.append(taken - given_back)
            yield pair

    monkeypatch.setattr(shots_module, "mark_cuts", watched)
    assert sum(1 for _ in watch_cuts(JOURNEY, FILM)) == len(ahead) == 96
    assert sizes == {(144, 256, 3)}
    assert max(ahead) <= 3


# Choosing.


@property_test
@given(st.data(), clips())
def test_parts_hold_just_the_frames_of_the_wanted_shots(data: st.DataObject, shots: list[Shot]) -> None:
    wanted = data.draw(st.sets(st.sampled_from([shot.number for shot in shots]), min_size=1))
    parts = plan_parts(shots, wanted)
    expected = [frame for shot in shots if shot.number in wanted for frame in range(shot.first, shot.end)]
    assert frames_in(parts) == expected
    assert all(first < end for first, end in parts)
    assert all(end < first for (_, end), (first, _) in itertools.pairwise(parts))  # what touches is one part


@property_test
@given(clips(), st.data())
def test_later_shots_need_not_be_known(shots: list[Shot], data: st.DataObject) -> None:
    last = data.draw(st.integers(1, len(shots)))
    assert plan_parts(shots[:last], {last}) == plan_parts(shots, {last})


@pytest.mark.parametrize("wanted", [{0}, {4}, {1, 4, 7}, {-1, 2}])
def test_a_shot_that_does_not_exist(wanted: set[int]) -> None:
    with pytest.raises(SettingsError, match=r"no shot (0|4|-1): there are 3 shots"):
        plan_parts(shots_between([10, 20], 30), wanted)


def test_a_shot_of_no_frames_is_nothing_to_render() -> None:
    shots = [Shot(1, 0, 1), Shot(2, 1, 1), Shot(3, 1, 4)]
    assert plan_parts(shots, {1, 2, 3}) == [(0, 4)]
    with pytest.raises(SettingsError, match="no frame"):
        plan_parts(shots, {2})


@property_test
@given(st.data(), clips())
def test_frames_are_picked_by_their_number_and_none_is_read_for_nothing(data: st.DataObject, shots: list[Shot]) -> None:
    parts = plan_parts(shots, data.draw(st.sets(st.sampled_from([shot.number for shot in shots]), min_size=1)))
    first = data.draw(st.integers(0, parts[0][0]))
    frames = iter(range(first, shots[-1].end))
    assert list(pick_frames(frames, first, parts)) == frames_in(parts)
    assert list(frames) == list(range(parts[-1][1], shots[-1].end))


@property_test
@given(st.data(), clips())
def test_what_is_left_after_some_frames(data: st.DataObject, shots: list[Shot]) -> None:
    parts = plan_parts(shots, data.draw(st.sets(st.sampled_from([shot.number for shot in shots]), min_size=1)))
    frames = frames_in(parts)
    done = data.draw(st.integers(0, len(frames)))
    left = skip_frames(parts, done)
    assert frames_in(left) == frames[done:]
    assert all(first < end for first, end in left)


def test_a_clip_that_ends_early_gives_what_it_has() -> None:
    assert list(pick_frames(range(7), 0, [(2, 4), (6, 9), (12, 15)])) == [2, 3, 6]


# Other rates.


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames at 24 per second; frame i is gray of level 10 i."""
    clip = tmp_path_factory.mktemp("clip") / "counting.mp4"
    with open_writer(clip, width=32, height=32, rate=RATE, crf=4) as writer:
        for frame in range(24):
            writer.write(np.full((32, 32, 3), 10 * frame / 255, np.float32))
    return clip


@pytest.mark.parametrize("rate", [12, 10, 15, 16, 25, 30, 48, 60, 24, Fraction(24_000, 1001), Fraction(30_000, 1001)])
def test_shots_at_another_rate_begin_where_the_reader_shows_their_frames(counting: Path, rate: Fraction | int) -> None:
    rate = Fraction(rate)
    with open_reader(counting, rate=rate) as reader:
        shown = [round(float(frame.mean()) * 25.5) for frame in reader]
    for cut in range(1, 24):
        before, after = shots_at_rate(shots_between([cut], 24), RATE, rate)
        assert before.end == after.first
        assert all(frame < cut for frame in shown[: after.first])
        assert all(frame >= cut for frame in shown[after.first :])
        assert after.end == len(shown)


def test_numbers_stay_where_a_shot_is_too_short_for_a_rate() -> None:
    shots = shots_at_rate(shots_between([10, 11, 20], 30), RATE, Fraction(3))
    assert shots == [Shot(1, 0, 1), Shot(2, 1, 1), Shot(3, 1, 3), Shot(4, 3, 4)]
