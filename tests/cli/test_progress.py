"""What people see while a render goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dreamvid.cli import progress
from dreamvid.config.settings import make_settings
from dreamvid.render import Event, Finished, FrameDone, Job, ShotStarted, Started, render_job, targets
from dreamvid.runtime.events import Downloading, Notice, Progress

PICTURE = Path(__file__).parents[2] / "samples" / "sky.jpg"


def started() -> Started:
    return Started(Path("clip.mp4"), Path("out.mp4"), 7, 64, 48, Fraction(24), "dreamnet", ("conv1",), "cpu", "fp32")


def shown(events: Iterator[Event], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal shows."""
    screen = io.StringIO()

    def terminal(**options: Any) -> Console:
        return Console(**{**options, "stderr": False, "file": screen, "force_terminal": True, "width": 120})

    monkeypatch.setattr(progress, "Console", terminal)
    progress.show(events, "rich")
    return screen.getvalue()


def test_the_bar_counts_megabytes_of_a_download_and_then_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[progress.Progress] = []

    class Seen(progress.Progress):
        def __init__(self, *columns: Any, **options: Any) -> None:
            super().__init__(*columns, **options)
            bars.append(self)

    monkeypatch.setattr(progress, "Progress", Seen)
    states: list[str] = []

    def events() -> Iterator[Event]:
        yield Notice("downloading the vgg16 weights from http://example.org")
        yield Downloading("the vgg16 weights", 211_000_000, 528_000_000)
        states.append(render_of(bars[0]))
        yield started()
        states.append(render_of(bars[0]))
        yield Finished(Path("out.mp4"), 7, 1.0)

    assert "from http://example.org" in shown(events(), monkeypatch)
    assert "the vgg16 weights" in states[0]
    assert "211/528 MB" in states[0]
    assert "0/7" in states[1]
    assert "MB" not in states[1]
    assert "vgg16" not in states[1]


def render_of(bar: progress.Progress) -> str:
    console = Console(file=io.StringIO(), width=120)
    with console.capture() as capture:
        console.print(bar.get_renderable())
    return capture.get()


def test_a_download_is_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    progress.show(iter([Downloading("the vgg16 weights", 3, None)]), "json")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "downloading", "what": "the vgg16 weights", "done": 3, "total": None}


def test_a_render_tells_of_a_download_while_it_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard: list[Event] = []

    def fetching(*_: Any, **__: Any) -> Iterator[Progress]:
        yield Downloading("the weights", 1, 2)
        assert heard == [Downloading("the weights", 1, 2)], "it was kept back until the end"
        raise InterruptedError

    monkeypatch.setattr(targets, "fetch_network", fetching)
    job = Job(PICTURE, target=tmp_path / "out.png", settings=make_settings({"max_size": 64}))
    with pytest.raises(InterruptedError):
        for event in render_job(job):
            heard.append(event)  # noqa: PERF402 - looked at while it grows
    assert heard


def test_what_is_told_of_a_frame_comes_before_it(tmp_path: Path) -> None:
    values = {"model": "dreamnet", "layer": "conv1", "octaves": 1, "iterations": 1, "memory": 0.001, "max_size": 200}
    events = list(render_job(Job(PICTURE, target=tmp_path / "out.png", settings=make_settings(values))))
    kinds = [type(event) for event in events if not isinstance(event, ShotStarted)]
    assert kinds == [Started, Notice, FrameDone, Finished]
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "does not fit in memory" in notice.text
