"""Recorded steps, with a recorder that records nothing and runs the step again; on a GPU with the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dreamvid.dream import DreamCore, Look, Shared, Target, TileBudget
from dreamvid.dream.ascent import Ascent, IndexedRoll, Roll
from dreamvid.dream.graphs import Move, Record, StepGraphs
from dreamvid.dream.objectives.strongest import Strongest
from dreamvid.models import load_network
from dreamvid.runtime.events import Tell, ignore
from tests.tiny import TinyExtractor, noise
from tests.told import Told

PICTURE = noise(40, 56)
LOOK = Look(octaves=2, iterations=(3, 2), jitter=9, spectrum=0.7, spread=1.5, l2=0.01)
MOVES = [Move(3, -7, 0.01), Move(0, 0, 0.02), Move(-11, 60, 0.005)]


class Recorder:
    """Counts what it records."""

    def __init__(self, *, fault: Callable[[Callable[[], None]], None] | None = None) -> None:
        self.recorded = 0
        self.fault = fault

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        if self.fault is not None:
            self.fault(function)
        function()  # warming up changes the tensors
        return function


def ascent(look: Look = LOOK, *, picture: Tensor = PICTURE, gain: Tensor | None = None) -> Ascent:
    return Ascent(TinyExtractor(), look, picture, gain)


def plainly(steps: Ascent, image: Tensor) -> Tensor:
    for dy, dx, length in MOVES:
        image = steps.step(image, Roll(dy, dx), length)
    return image


def recorded(record: Record | None, tell: Tell = ignore) -> DreamCore:
    dreamer = DreamCore(TinyExtractor(), LOOK)
    dreamer.shared.graphs = StepGraphs(record, tell)
    return dreamer


@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-40, 56), (101, -333)])
def test_a_shift_read_from_tensors_is_the_same_shift(shift: tuple[int, int]) -> None:
    by_tensor = IndexedRoll(*(torch.tensor(side) for side in shift))
    assert torch.equal(by_tensor.there(PICTURE), Roll(*shift).there(PICTURE))
    assert torch.equal(by_tensor.back(by_tensor.there(PICTURE)), PICTURE)


def test_weights_by_pixel_are_written_anew_before_each_replay() -> None:
    graphs = StepGraphs(Recorder(), ignore)
    places = [torch.rand(1, 1, 40, 56, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    steps = [Ascent(TinyExtractor(), LOOK, PICTURE, places=[place]) for place in places]
    assert graphs.run(steps[0], PICTURE, MOVES) is None
    for one in steps:
        replayed = graphs.run(one, PICTURE, MOVES)
        assert replayed is not None
        assert torch.allclose(replayed, plainly(one, PICTURE), atol=1e-6)
    assert not torch.allclose(plainly(steps[0], PICTURE), plainly(steps[1], PICTURE), atol=1e-3)


def test_replayed_steps_are_the_plain_ones() -> None:
    told = Told()
    graphs = StepGraphs(Recorder(), told)
    gain = 1 + torch.rand(1, 1, 40, 56, generator=torch.Generator().manual_seed(3))
    assert graphs.run(ascent(gain=gain), PICTURE, MOVES) is None
    pairs = []
    for seed in (1, 2):  # the record was made of one picture and serves others
        picture, other_gain = noise(40, 56, seed=seed), gain * seed
        steps = ascent(picture=picture, gain=other_gain)
        pairs.append((graphs.run(steps, picture, MOVES), plainly(steps, picture)))
    for replayed, plain in pairs:  # and leaves alone what it gave before
        assert replayed is not None
        assert torch.allclose(replayed, plain, atol=1e-6)
    assert told == []


def test_a_step_is_recorded_when_it_comes_again_and_only_then() -> None:
    record = Recorder()
    dreamer = recorded(record)
    plain = recorded(None).dream(PICTURE)
    for recorded_so_far in (0, 2, 2):  # one for each octave
        assert torch.allclose(dreamer.dream(PICTURE), plain, atol=1e-5)
        assert record.recorded == recorded_so_far
    assert len(dreamer.shared.graphs._graphs) == 2


def test_lengths_counts_and_shifts_need_no_new_record() -> None:
    record = Recorder()
    dreamer = recorded(record)
    looks = [LOOK, replace(LOOK, step=3.0), replace(LOOK, iterations=(4,), seed=5, step_decay=0.5, jitter=2)]
    for look in looks:
        found = dreamer.with_look(look).dream(PICTURE)
        expected = DreamCore(TinyExtractor(), look).dream(PICTURE)
        assert torch.allclose(found, expected, atol=1e-5)
    assert record.recorded == 2


@pytest.mark.parametrize(
    "look",
    [
        replace(LOOK, spread=0.5),
        replace(LOOK, spectrum=0.2),
        replace(LOOK, keep_color=True),
        replace(LOOK, l2=0.5),
        replace(LOOK, targets=(Target(channels=(1, 2)),)),
        replace(LOOK, targets=(Target(-1.0),)),
        replace(LOOK, targets=(Target(objective=Strongest(2)),)),
    ],
)
def test_what_is_written_into_a_record_asks_for_another(look: Look) -> None:
    dreamer = recorded(Recorder())
    for _ in range(2):
        dreamer.dream(PICTURE)
    expected = DreamCore(TinyExtractor(), look).dream(PICTURE)
    for _ in range(2):
        assert torch.allclose(dreamer.with_look(look).dream(PICTURE), expected, atol=1e-5)


def test_a_step_without_a_gain_is_another() -> None:
    told = Told()
    graphs = StepGraphs(Recorder(), told)
    gain = torch.full((1, 1, 40, 56), 2.0)
    for with_gain in (gain, gain, None, None):
        steps = ascent(gain=with_gain)
        replayed = graphs.run(steps, PICTURE, MOVES)
        assert replayed is None or torch.allclose(replayed, plainly(steps, PICTURE), atol=1e-6)
    assert replayed is not None


def test_tiles_are_not_recorded() -> None:
    """They stand where memory is short, and a record of all of them would keep it."""
    record = Recorder()
    dreamer = DreamCore(TinyExtractor(), LOOK, shared=Shared(budget=TileBudget(16)))
    dreamer.shared.graphs = StepGraphs(record)
    for _ in range(3):
        dreamer.dream(noise(200, 260))
    assert record.recorded == 0


def test_records_give_their_memory_back_where_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    dreamer = DreamCore(TinyExtractor(), LOOK, shared=Shared(budget=TileBudget(400)))
    dreamer.shared.graphs = StepGraphs(Recorder())
    picture = noise(200, 260)
    for _ in range(2):
        dreamer.dream(picture)
    assert len(dreamer.shared.graphs._graphs) == 2
    monkeypatch.setattr(dreamer.shared.graphs, "run", lambda *_: run_out(lambda: None))
    dreamer.dream(picture)  # in tiles, which ask for no records
    assert not dreamer.shared.graphs._graphs


def test_another_guide_asks_for_another_record() -> None:
    dreamer = recorded(Recorder())
    for seed in (4, 5):
        guide = noise(20, 30, seed=seed)
        guided = dreamer.guided_by(guide)
        expected = DreamCore(TinyExtractor(), LOOK).guided_by(guide).dream(PICTURE)
        for _ in range(3):
            assert torch.allclose(guided.dream(PICTURE), expected, atol=1e-5)


def refuse(_: Callable[[], None]) -> None:
    raise RuntimeError("operation not permitted when stream is capturing\nand a long story")


def run_out(_: Callable[[], None]) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (refuse, "could not be recorded (operation not permitted when stream is capturing)"),
        (run_out, "could not be recorded (too little memory)"),
    ],
)
def test_where_nothing_can_be_recorded_the_dream_goes_on_and_a_line_says_so(
    fault: Callable[[Callable[[], None]], None], line: str
) -> None:
    record, told = Recorder(fault=fault), Told()
    dreamer = recorded(record, told)
    plain = recorded(None).dream(PICTURE)
    for _ in range(4):
        assert torch.equal(dreamer.dream(PICTURE), plain)
    assert told == [f"CUDA graphs are not used: a step {line}; the result is the same, but rendering is slower"]
    assert record.recorded == 1


def test_a_record_that_does_something_else_is_not_used() -> None:
    def forgetful(function: Callable[[], None]) -> Callable[[], None]:
        function()
        return lambda: None

    told = Told()
    dreamer = recorded(forgetful, told)
    plain = recorded(None).dream(PICTURE)
    for _ in range(3):
        assert torch.equal(dreamer.dream(PICTURE), plain)
    (line,) = told
    assert "came out differently" in line


def test_old_records_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamvid.dream.graphs._MOST_GRAPHS", 3)
    dreamer = recorded(Recorder())
    for height in (40, 44, 48, 40):
        picture = noise(height, 56)
        for _ in range(2):
            found = dreamer.dream(picture)
        assert torch.allclose(found, DreamCore(TinyExtractor(), LOOK).dream(picture), atol=1e-5)
    assert len(dreamer.shared.graphs._graphs) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "look",
    [
        LOOK,
        replace(LOOK, keep_color=True, laplacian=3, smooth=1.0, tv=0.1),
        replace(LOOK, targets=(Target(channels=(1, 2)),)),
        replace(LOOK, targets=(Target(objective=Strongest(2)),)),
    ],
)
def test_a_gpu_replays_what_it_does_plainly(look: Look, dtype: torch.dtype) -> None:
    device = torch.device("cuda")
    picture = PICTURE.to(device)
    extractor = load_network("dreamnet").extractor(["inception4a"], device=device, dtype=dtype)
    told = Told()
    dreamer = DreamCore(extractor, look, device, Shared(device, tell=told))
    plain = dreamer.dream(picture)
    for _ in range(3):
        assert float((dreamer.dream(picture) - plain).abs().mean()) < 1e-3
    assert dreamer.shared.graphs._graphs
    assert told == []
