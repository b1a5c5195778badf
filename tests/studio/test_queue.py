"""Renders are processes of their own: they end well, badly, or when they are told to, and go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dreamvid.errors import SettingsError
from dreamvid.studio import processes
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
    real = processes.subprocess.Popen

    def start(words: list[str], **options: object) -> object:
        assert words[:3] == [sys.executable, "-m", "dreamvid.cli.main"]
        return real([sys.executable, str(script), *words[3:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(processes.subprocess, "Popen", start)
    one = RenderQueue(tmp_path / "films")
    yield one
    one.close()


def until(queue: RenderQueue, key: str, is_so: Callable[[Render], bool]) -> Render:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        render = next(render for render in queue.renders() if render.key == key)
        if is_so(render):
            return render
        time.sleep(0.01)
    raise AssertionError(f"it stayed {render}")


def test_a_render_ends_with_a_file(queue: RenderQueue) -> None:
    render = until(queue, queue.add("clip", ["quick"], "clip.dream.mp4").key, lambda one: one.state == "done")
    assert (render.done, render.frames) == (6, 6)
    assert render.file == queue.folder / "clip.dream.mp4"
    assert render.file.read_text() == "film"


def test_nothing_is_written_over(queue: RenderQueue) -> None:
    names = [queue.add("clip", ["quick"], "clip.dream.mp4").target.name for _ in range(3)]
    assert names == ["clip.dream.mp4", "clip.dream-2.mp4", "clip.dream-3.mp4"]


def test_what_goes_wrong_is_said_and_the_next_one_comes(queue: RenderQueue) -> None:
    broken = queue.add("clip", ["broken"], "a.mp4").key
    good = queue.add("clip", ["quick"], "b.mp4").key
    assert until(queue, broken, lambda one: one.state == "failed").message == "it is broken"
    until(queue, good, lambda one: one.state == "done")


def test_a_render_is_stopped_and_goes_on_from_there(queue: RenderQueue) -> None:
    key = queue.add("clip", ["slow"], "clip.mp4").key
    waiting = queue.add("clip", ["quick"], "later.mp4").key
    until(queue, key, lambda one: one.done == 3)
    queue.cancel(waiting)
    queue.cancel(key)
    assert until(queue, key, lambda one: one.state == "cancelled").file is None
    queue.resume(key)
    assert until(queue, key, lambda one: one.state == "done").done == 6
    assert not (queue.folder / "later.mp4").exists()


def test_the_end_of_the_studio_is_the_end_of_its_renders(queue: RenderQueue) -> None:
    key = queue.add("clip", ["slow"], "clip.mp4").key
    until(queue, key, lambda one: one.done == 3)
    queue.close()
    assert until(queue, key, lambda one: one.state == "cancelled")
    assert not (queue.folder / "clip.mp4").exists()


@pytest.mark.parametrize("error", [OSError(11, "no process can be started"), MemoryError(), RuntimeError("broken")])
@pytest.mark.parametrize("place", ["start_render", "_after", "pack", "forget"])
def test_whatever_becomes_of_a_render_the_next_one_comes(
    queue: RenderQueue, monkeypatch: pytest.MonkeyPatch, error: Exception, place: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        if place == "pack":
            patch.setattr(Render, "pack", fail)
        elif place == "forget":
            patch.setattr(queue, "_forget", fail)
        else:
            patch.setattr(queue_module, place, fail)
        first = queue.add("clip", ["quick"], "a.mp4").key
        ended = until(queue, first, lambda one: one.state in ("failed", "done"))
        assert place == "forget" or (ended.state == "failed" and type(error).__name__ in ended.message)
        time.sleep(0.1)
    until(queue, queue.add("clip", ["quick"], "b.mp4").key, lambda one: one.state == "done")


def test_owners_take_turns(queue: RenderQueue) -> None:
    queue._turn = 0.3
    slow = queue.add("clip", ["slow"], "a.mp4", "one").key
    also = queue.add("clip", ["quick"], "b.mp4", "one").key
    other = queue.add("clip", ["quick"], "c.mp4", "two").key
    until(queue, other, lambda one: one.state == "done")
    assert {one.key: one.state for one in queue.renders()}[also] != "done"
    assert until(queue, slow, lambda one: one.state == "done").done == 6  # resumed from where it was


def test_a_turn_without_a_frame_is_followed_by_a_longer_one(queue: RenderQueue) -> None:
    key = queue.add("clip", ["slow"], "a.mp4", "one").key
    render = until(queue, key, lambda one: one.done == 3)
    running = queue._running
    assert running is not None
    running.began -= 1000
    assert not queue._is_over(running)  # nobody else waits
    with queue._changed:
        queue._renders["x"] = replace(render, key="x", owner="two", state="waiting")
        assert queue._is_over(running)
        queue._longer[key] = 3
        assert not queue._is_over(running)
        del queue._renders["x"]


def test_nobody_fills_the_queue(queue: RenderQueue) -> None:
    queue.add("clip", ["slow"], "a.mp4", "one")
    time.sleep(0.3)
    for _ in range(10):
        queue.add("clip", ["quick"], "a.mp4", "one")
    with pytest.raises(SettingsError, match="10 of your renders are already waiting"):
        queue.add("clip", ["quick"], "a.mp4", "one")
    queue.add("clip", ["quick"], "a.mp4", "two")
