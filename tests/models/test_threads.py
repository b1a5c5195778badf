"""What is built and dreamed in several threads at once comes out as in one, and leaves the process as it was."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from dreamvid import Finished, Job, Settings, render_job
from dreamvid.media import read_image
from dreamvid.models import layers, load_network
from dreamvid.runtime.device import threads_worth_waking
from dreamvid.runtime.process_wide import ignored_warnings

CPU = torch.device("cpu")


def at_once(what: Callable[[int], Any], count: int) -> list[Any]:
    """What `what` gives for each number, called in as many threads that start together."""
    start = threading.Barrier(count)

    def call(number: int) -> Any:
        start.wait()
        return what(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@pytest.mark.usefixtures("slow_trace")
def test_networks_are_built_in_threads_while_others_dream() -> None:
    extractor = load_network("googlenet", random_seed=0).extractor(["inception3a"])
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = extractor(picture)[0]
    busy = True

    def dream() -> list[torch.Tensor]:
        seen = []
        while busy or not seen:
            seen.append(extractor(picture)[0])
        return seen

    before = nn.Module.__call__, nn.Module.__getattr__
    with ThreadPoolExecutor(1) as pool:
        dreaming = pool.submit(dream)
        try:
            names = at_once(lambda number: load_network("googlenet", random_seed=number).extractor(["inception3a"]), 3)
        finally:
            busy = False
    assert {one.taps for one in names} == {("inception3a",)}
    assert all(torch.equal(one, expected) for one in dreaming.result())
    assert (nn.Module.__call__, nn.Module.__getattr__) == before


@pytest.fixture
def slow_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing takes as long as on a slow machine, with all that it changes changed meanwhile."""
    plain = layers._Tracer.create_arg

    def slow(self: Any, a: Any) -> Any:
        time.sleep(0.0005)
        return plain(self, a)

    monkeypatch.setattr(layers._Tracer, "create_arg", slow)


def test_films_are_rendered_in_threads(tmp_path: Path) -> None:
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(tmp_path / "in.png")
    settings = Settings(model="dreamnet", octaves=1, iterations=(1,), step=1.0, sidecar=False)

    def render(number: int) -> Any:
        *_, last = render_job(Job(tmp_path / "in.png", tmp_path / f"out{number}.png", settings))
        assert isinstance(last, Finished)
        return read_image(tmp_path / f"out{number}.png").tobytes()

    assert len(set(at_once(render, 4))) == 1


def test_fewer_threads_are_not_taken_for_the_right_number() -> None:
    right = torch.get_num_threads()
    torch.set_num_threads(3)
    inside, leave = threading.Event(), threading.Event()

    def first() -> int:
        with threads_worth_waking(1, CPU):
            inside.set()
            leave.wait(10)
        return torch.get_num_threads()

    def second() -> int:
        inside.wait(10)
        with threads_worth_waking(1, CPU):
            fewer = torch.get_num_threads()
        leave.set()
        return fewer * 10 + torch.get_num_threads()

    try:
        with ThreadPoolExecutor(2) as pool:
            results = [pool.submit(first), pool.submit(second)]
            assert [one.result() for one in results] == [3, 13]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(right)


def test_warnings_are_heard_again() -> None:
    filters = list(warnings.filters)

    def ignore(number: int) -> None:
        with ignored_warnings("nothing"):
            time.sleep(0.01 * (number % 3))

    at_once(ignore, 6)
    assert warnings.filters == filters
