from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.farm.plan import Unit, longest_first, makespan, plan_units, shots_within
from dreamvid.shots.shots import Shot, shots_between

property_test = settings(deadline=None, database=None)


@st.composite
def films(draw: st.DrawFn) -> list[Shot]:
    frames = draw(st.integers(1, 2000))
    return shots_between(draw(st.sets(st.integers(0, frames - 1), max_size=8)), frames)


def frames_of(units: list[Unit]) -> list[int]:
    """Each frame of the film from the unit that puts it there: of a fade, the earlier one."""
    return [frame for unit in units for frame in range(unit.first, unit.until)]


@property_test
@given(films(), st.integers(1, 600), st.integers(0, 40), st.integers(0, 20), st.sampled_from(["auto", "none", None]))
def test_every_frame_is_in_one_unit_in_order(
    shots: list[Shot], number: int, run_in: int, fade: int, chunk: str | None
) -> None:
    units = plan_units(shots, number % 20 + 1, chunk or number, run_in=run_in, fade=fade)
    assert frames_of(units) == [frame for shot in shots for frame in range(shot.first, shot.end)]
    assert len({unit.name for unit in units}) == len(units)


@property_test
@given(films(), st.integers(1, 300), st.integers(0, 40), st.integers(0, 20))
def test_chunks_stay_in_their_shot_and_share_the_frames_of_a_fade(
    shots: list[Shot], chunk: int, run_in: int, fade: int
) -> None:
    units = plan_units(shots, 4, chunk, run_in=run_in, fade=fade)
    for shot in shots:
        parts = [unit for unit in units if unit.shot == shot.number]
        assert (parts[0].begin, parts[-1].until) == (shot.first, shot.end)
        for before, after in itertools.pairwise(parts):
            assert (before.end, before.until) == (after.first - after.fade_in, after.first)
            assert before.fade_out == after.fade_in == fade
            assert after.begin == max(shot.first, before.end - run_in)
        assert all(unit.first < unit.end for unit in parts)


@property_test
@given(films(), st.integers(1, 300))
def test_a_number_is_the_most_frames_of_a_chunk_where_the_fade_has_room(shots: list[Shot], chunk: int) -> None:
    units = plan_units(shots, 4, chunk, run_in=5, fade=0)
    assert max(unit.frames for unit in units) <= chunk


def test_shots_stay_whole_where_they_keep_the_workers_busy() -> None:
    shots = shots_between(range(0, 1200, 100), 1200)
    assert len(plan_units(shots, 4, "auto", run_in=24, fade=12)) == 12
    assert len(plan_units(shots, 1, "auto", run_in=24, fade=12)) == 12


@pytest.mark.parametrize("workers", [2, 8, 64])
def test_one_take_is_split_so_that_all_workers_have_some_of_it(workers: int) -> None:
    shots = [Shot(1, 0, 7200)]
    units = plan_units(shots, workers, "auto", run_in=24, fade=12)
    ideal = 7200 / workers
    assert len(units) >= workers
    assert makespan(units, workers) <= ideal + 36 + 12 + 5  # the run-in, two fades and the overhead: no worker waits
    assert len(plan_units(shots, workers, "none", run_in=24, fade=12)) == 1


def test_the_longest_come_first() -> None:
    units = [Unit(number, first, first + length) for number, (first, length) in enumerate([(0, 5), (5, 90), (95, 30)])]
    assert [unit.frames for unit in longest_first(units)] == [90, 30, 5]


def test_a_part_of_a_film_has_parts_of_its_shots() -> None:
    shots = shots_between([10, 20, 30], 40)
    assert shots_within(shots, 15, 30) == [Shot(2, 15, 20), Shot(3, 20, 30)]


def test_a_unit_says_what_it_is() -> None:
    assert str(Unit(7, 120, 180)) == "shot 7 (frames 120 to 179)"
    assert str(Unit(7, 132, 168, 24, 12, 12)) == "shot 7, chunk (frames 132 to 179)"
