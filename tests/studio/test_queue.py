"""Renders are processes of their own: they end well, badly, or when they are told to, and go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dreamvid.studio import queue as queue_module
from dreamvid.studio.queue import Render, RenderQueue

STAND_IN = """
import json, pathlib, sys, time
words = sys.argv[1:]
target = pathlib.Path(words[words.index("-o") + 1])
half = target.with_suffix(".half")
say = lambda **event: print(json.dumps(event), flush=True)
resumed = 3 if half.exists() else 0
say(event="started", frames=6, resumed=resumed)
for frame in range(resumed, 6):
    say(event="frame-done", frame=frame)
    if words[0] == "broken":
        sys.exit("dreamvid: it is broken")
    if words[0] == "slow" and frame == 2:
        half.touch()
        time.sleep(60)
target.write_text("film")
"""
"""A process that says what a render says."""


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RenderQueue]:
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    real = queue_module.subprocess.Popen

    def start(words: list[str], **options: object) -> object:
        assert words[:3] == [sys.executable, "-m", "dreamvid.cli.main"]
        return real([sys.executable, str(script), *words[3:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(queue_module.subprocess, "Popen", start)
    one = RenderQueue(tmp_path / "films")
    yield one
    one.close()


def until(queue: RenderQueue, number: int, is_so: Callable[[Render], bool]) -> Render:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        render = next(render for render in queue.renders() if render.number == number)
        if is_so(render):
            return render
        time.sleep(0.01)
    raise AssertionError(f"it stayed {render}")


def test_a_render_ends_with_a_file(queue: RenderQueue) -> None:
    render = until(queue, queue.add("clip", ["quick"], "clip.dream.mp4").number, lambda one: one.state == "done")
    assert (render.done, render.frames) == (6, 6)
    assert render.file == queue.folder / "clip.dream.mp4"
    assert render.file.read_text() == "film"


def test_nothing_is_written_over(queue: RenderQueue) -> None:
    names = [queue.add("clip", ["quick"], "clip.dream.mp4").target.name for _ in range(3)]
    assert names == ["clip.dream.mp4", "clip.dream-2.mp4", "clip.dream-3.mp4"]


def test_what_goes_wrong_is_said_and_the_next_one_comes(queue: RenderQueue) -> None:
    broken = queue.add("clip", ["broken"], "a.mp4").number
    good = queue.add("clip", ["quick"], "b.mp4").number
    assert until(queue, broken, lambda one: one.state == "failed").message == "it is broken"
    until(queue, good, lambda one: one.state == "done")


def test_a_render_is_stopped_and_goes_on_from_there(queue: RenderQueue) -> None:
    number = queue.add("clip", ["slow"], "clip.mp4").number
    waiting = queue.add("clip", ["quick"], "later.mp4").number
    until(queue, number, lambda one: one.done == 3)
    queue.cancel(waiting)
    queue.cancel(number)
    assert until(queue, number, lambda one: one.state == "cancelled").file is None
    queue.resume(number)
    assert until(queue, number, lambda one: one.state == "done").done == 6
    assert not (queue.folder / "later.mp4").exists()


def test_the_end_of_the_studio_is_the_end_of_its_renders(queue: RenderQueue) -> None:
    number = queue.add("clip", ["slow"], "clip.mp4").number
    until(queue, number, lambda one: one.done == 3)
    queue.close()
    assert until(queue, number, lambda one: one.state == "cancelled")
    assert not (queue.folder / "clip.mp4").exists()
