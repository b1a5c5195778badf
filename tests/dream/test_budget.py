"""Memory is planned; where the plan was wrong, what ran out of it is begun again in smaller tiles."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from dreamvid.dream import DreamCore, Look, Shared, Target, TileBudget, budget
from dreamvid.dream.budget import until_it_fits
from dreamvid.dream.tiles import TileConstraints
from dreamvid.errors import ResourceError
from dreamvid.runtime.events import Tell, ignore
from tests.tiny import TinyExtractor, noise
from tests.told import Told

LOOK = Look(octaves=2, iterations=(2,), jitter=4, spread=1.0)
PICTURE = noise(180, 250)
GRAIN = TileConstraints((2,), 3, 2, 8)


class Cramped(TinyExtractor):
    """Has memory for pictures of up to `room` pixels; `failures` counts the others."""

    def __init__(self, room: float, error: Exception | None = None) -> None:
        super().__init__(("second",))
        self.room = room
        self.failures = 0
        self._error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    def maps(self, image: Tensor) -> list[Tensor]:
        if image.device.type != "meta" and image.shape[-2] * image.shape[-1] > self.room:
            self.failures += 1
            raise self._error
        return super().maps(image)


def test_plans_shrink_until_one_fits_and_each_is_tried_once() -> None:
    tried = []

    def attempt(plan: int) -> str:
        tried.append(plan)
        if plan > 5:
            raise MemoryError
        return f"done with {plan}"

    assert until_it_fits(attempt, 20, lambda plan: plan // 2) == "done with 5"
    assert tried == [20, 10, 5]


def test_what_fits_at_once_is_tried_once() -> None:
    tried: list[int] = []
    until_it_fits(tried.append, 20, lambda _: pytest.fail("it fits"))
    assert tried == [20]


def test_where_nothing_smaller_is_left_it_is_one_clear_line() -> None:
    tried = []

    def attempt(plan: int) -> None:
        tried.append(plan)
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ResourceError, match=r"^out of memory even with the smallest tiles; use a smaller --max-size"):
        until_it_fits(attempt, 2, lambda plan: plan - 1 or None)
    assert tried == [2, 1]


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("no"), KeyboardInterrupt()])
def test_other_errors_pass(error: BaseException) -> None:
    def attempt(_: int) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        until_it_fits(attempt, 2, lambda _: pytest.fail("this was not for want of memory"))
    assert caught.value is error


def test_the_memory_of_an_attempt_is_free_before_the_next_begins() -> None:
    alive: list[object] = []

    class Tensors:
        def __init__(self) -> None:
            alive.append(self)

        def __del__(self) -> None:
            gone.append(True)

    gone: list[bool] = []

    def attempt(plan: int) -> int:
        assert len(gone) == 2 - plan
        held = Tensors()
        alive.clear()
        if plan and held:
            raise MemoryError
        return plan

    assert until_it_fits(attempt, 2, lambda plan: plan - 1) == 0


@pytest.mark.parametrize(
    "error", [None, RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")]
)
def test_a_dream_that_runs_out_of_memory_is_finished_in_tiles(error: Exception | None) -> None:
    extractor, told = Cramped(16_000, error), Told()
    dreamer = DreamCore(extractor, LOOK, shared=Shared(budget=TileBudget("auto", tell=told)))
    parts = dreamer.dream(PICTURE)
    whole = DreamCore(TinyExtractor(("second",)), LOOK).dream(PICTURE)
    assert float((parts - whole).abs().mean()) < 0.01 / 255
    # The coarse octave, 179x129, fails whole; what was learnt there serves the fine one.
    assert extractor.failures == 1
    (notice,) = told
    assert notice.startswith(
        "out of memory while dreaming 179x129 whole: continuing in 4 tiles of at most 0.0063 million"
    )
    dreamer.with_look(Look(octaves=1)).dream(PICTURE)  # the next frame
    assert extractor.failures == 1
    assert told == [notice]


def test_tiles_are_halved_as_often_as_it_takes() -> None:
    extractor, told = Cramped(30_000), Told()
    shared = Shared(budget=TileBudget("auto", tell=told))
    dreamer = DreamCore(extractor, Look(octaves=1, iterations=(1,)), shared=shared)
    assert torch.isfinite(dreamer.dream(noise(400, 500))).all()
    assert extractor.failures == 2  # 200,000 pixels, at most 100,000
    assert len(told) == 1


def test_every_smaller_tile_has_half_the_pixels_down_to_the_smallest() -> None:
    made, octave = TileBudget("auto"), (2160, 3840)
    tiling = made.tiling(octave, octave, GRAIN, lambda: 1.0)
    sizes = [tiling.largest]
    while (smaller := made.smaller(tiling, octave, GRAIN)) is not None:
        tiling = smaller
        sizes.append(tiling.largest)
    assert all(after <= before / 2 for before, after in itertools.pairwise(sizes[:-1]))
    assert sizes[-1] < sizes[-2]
    assert sizes[-1] < 80 * 80
    assert made.tiling(octave, octave, GRAIN, lambda: 1.0) == tiling


def test_where_the_smallest_tiles_do_not_fit_it_ends() -> None:
    extractor = Cramped(1_000)
    with pytest.raises(ResourceError, match="even with the smallest tiles"):
        DreamCore(extractor, LOOK, shared=Shared(budget=TileBudget("auto"))).dream(PICTURE)
    assert 1 < extractor.failures < 6


def test_a_tile_asked_for_is_halved_too_and_none_is_never() -> None:
    extractor = Cramped(12_000)
    DreamCore(extractor, Look(octaves=1, iterations=(1,)), shared=Shared(budget=TileBudget(128))).dream(PICTURE)
    assert extractor.failures == 1
    with pytest.raises(
        ResourceError, match=r"dreaming 179x129 without tiles, as --tile none requires; use --tile auto"
    ):
        DreamCore(Cramped(12_000), LOOK, shared=Shared(budget=TileBudget("none"))).dream(PICTURE)


def planned(
    free: int | None, monkeypatch: pytest.MonkeyPatch, memory: int | None = None, tell: Tell = ignore
) -> tuple[int, TileBudget]:
    """The tiles of a 4K frame of 1000 bytes a pixel, and who planned them."""
    monkeypatch.setattr(budget, "available_bytes", lambda _: free)
    monkeypatch.setattr(budget, "used_bytes", lambda _: 10**9)
    made = TileBudget("auto", memory, tell=tell)
    return len(made.tiling((2160, 3840), (2160, 3840), GRAIN, lambda: 1000.0)), made


def test_the_plan_follows_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [planned(gigabytes * 10**9, monkeypatch)[0] for gigabytes in (32, 16, 8, 6, 4)]
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[1] < counts[2] < counts[3]
    assert planned(None, monkeypatch)[0] == 1


def test_what_does_not_fit_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    count, made = planned(8 * 10**9, monkeypatch, tell=told)
    made.tiling((2160, 3840), (2160, 3840), GRAIN, lambda: pytest.fail("it is planned already"))
    (notice,) = told
    assert notice.startswith(f"3840x2160 does not fit in memory as a whole: dreaming in {count} tiles of at most ")
    planned(10**11, monkeypatch, tell=told)
    assert told == [notice]


def test_memory_asked_for_counts_what_the_process_has_already(monkeypatch: pytest.MonkeyPatch) -> None:
    free = planned(7 * 10**9, monkeypatch)[0]
    assert planned(10**11, monkeypatch, memory=8 * 10**9)[0] == free
    assert planned(7 * 10**9, monkeypatch, memory=10**11)[0] == free


def test_the_planned_tiles_take_the_planned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    free = 8 * 10**9
    _, made = planned(free, monkeypatch)
    tiling = made.tiling((2160, 3840), (2160, 3840), GRAIN, lambda: math.nan)
    frames = 100 * 2**20 * 10  # ten frames at least beside it
    assert 0.2 * free < tiling.largest * 1000 < free - frames


def test_what_a_gradient_takes_is_counted_without_computing_it() -> None:
    extractor = TinyExtractor(("first",))
    counted = DreamCore(extractor, Look())._measure_bytes_per_pixel()
    assert 8 * 4 * 3 < counted < 8 * 4 * 8  # eight channels of floats: before and after the ReLU, and their gradients
    both = DreamCore(TinyExtractor(("first", "second")), Look((Target(), Target())))
    assert both._measure_bytes_per_pixel() > counted
