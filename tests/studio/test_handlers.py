"""What the page says when something cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvid.studio.controls import list_controls
from dreamvid.studio.guard import Limits
from dreamvid.studio.handlers import Handlers
from dreamvid.studio.queue import RenderQueue

PAGE: Any = SimpleNamespace(session_hash="one")


@pytest.fixture
def handlers(tmp_path: Path) -> Iterator[Handlers]:
    (tmp_path / "handed").mkdir()
    queue = RenderQueue(tmp_path / "renders")
    yield Handlers(tmp_path, queue, list_controls(), None, Limits())
    queue.close()


def statuses(handlers: Handlers) -> list[str]:
    """What stands under the picture while it is made anew."""
    return [status for _, status, _ in handlers.show_again(PAGE)]


def test_a_problem_stays_while_the_picture_is_made_anew_and_then_goes(handlers: Handlers) -> None:
    said = handlers.set_schedule("strength", "0.5 + nonsense", PAGE)
    assert "nonsense" in said
    assert all("nonsense" in status for status in statuses(handlers))
    assert not any("nonsense" in status for status in statuses(handlers))


def test_what_is_no_clip_is_said_under_the_picture(handlers: Handlers, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("#EXTM3U\n/etc/hostname\n")
    with pytest.warns(UserWarning, match=r"notes\.mp4"):  # gradio's, where there is no page to show it on
        _, _, said, _ = handlers.open(str(tmp_path / "notes.mp4"), PAGE)
    assert "notes.mp4" in said
    assert all("notes.mp4" in status for status in statuses(handlers))


def test_a_key_without_a_clip_is_a_problem_too(handlers: Handlers) -> None:
    assert "no time" in handlers.set_key("strength", 1.0, PAGE)[1]
    assert all("no time" in status for status in statuses(handlers))
