"""Nobody waits for long behind somebody else, and what nobody wants any more ends."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvid.config.settings import make_settings
from dreamvid.studio import motion, preview
from dreamvid.studio.preview import Previewer
from dreamvid.studio.renders import Renders
from dreamvid.studio.studio import Studio
from dreamvid.studio.turns import NoLongerWantedError, Turns

SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"
QUICK = {"model": "dreamnet", "layer": "conv2", "octaves": "2", "iterations": "2", "step": "1"}


def test_turns_go_round() -> None:
    turns, order = Turns(length=0.02), []
    start = threading.Barrier(3)

    def work(name: str) -> None:
        start.wait()
        with turns.turn() as turn:
            for _ in range(4):
                order.append(name)
                time.sleep(0.03)
                turn.pass_on()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, "abc"))
    assert len(order) == 12
    assert all(set(order[first : first + 3]) == set("abc") for first in (0, 3, 6, 9))


def test_whoever_no_longer_wants_it_leaves_the_queue() -> None:
    turns = Turns()
    with turns.turn():
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(turns.turn(lambda: False).__enter__)
            with pytest.raises(NoLongerWantedError):
                waiting.result(5)
        assert len(turns._queue) == 1
    with turns.turn() as turn, pytest.raises(NoLongerWantedError):
        turn.is_wanted = lambda: False
        turn.pass_on()
    turns.close(1)
    with pytest.raises(NoLongerWantedError):
        turns.turn().__enter__()


def test_an_endless_dream_stalls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "DRAFT_SIDE", 64)
    monkeypatch.setattr(preview, "SHOWN_SIDE", 96)
    previewer = Previewer("cpu")
    endless, quick = make_settings(QUICK | {"iterations": "10000"}), make_settings(QUICK)
    look_at = [
        partial(previewer.look_at, SAMPLE, settings, 40, Fraction(24000, 1001)) for settings in (endless, quick)
    ]
    wanted = threading.Event()
    wanted.set()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: list(previewer.show(look_at[0], endless, wanted.is_set)))
        while not previewer._turns._queue:
            time.sleep(0.01)
        assert list(previewer.show(look_at[1], quick))[-1].is_final
        assert not first.done()
        wanted.clear()
        assert first.result(5) == []


def test_frames_in_motion_for_one_page_at_a_time(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def render(session: Any, *_: Any) -> Path:
        nonlocal at_once, most
        with lock:
            at_once, most = at_once + 1, max(most, at_once + 1)
        time.sleep(0.05)
        with lock:
            at_once -= 1
        return Path(f"{session.key}.webp")

    monkeypatch.setattr("dreamvid.studio.renders.render_motion", render)
    renders = Renders(studio)

    def play(name: str) -> list[Any]:
        return [picture for picture, _ in renders.motion(SimpleNamespace(session_hash=name))]  # type: ignore[arg-type]

    with ThreadPoolExecutor(8) as pool:
        played = list(pool.map(play, [*"abcd", *"aaaa"]))
    assert most == 1
    assert all(any(one[-1] == f"{name}.webp" for one in played) for name in "abcd")


@pytest.mark.slow
def test_frames_in_motion_come_out_and_end_when_nobody_wants_them(studio: Studio, tmp_path: Path) -> None:
    session = studio.sessions.get("one")
    session.open(SAMPLE)
    session.merge(QUICK)
    assert motion.render_motion(session, studio.previewer).stat().st_size > 1000
    session.merge({"iterations": "10000"})
    end = time.monotonic() + 2
    with pytest.raises(NoLongerWantedError):
        motion.render_motion(session, studio.previewer, lambda: time.monotonic() < end)
    assert time.monotonic() - end < 6
    assert [path.name for path in session.made.iterdir()] == ["motion.webp"]
