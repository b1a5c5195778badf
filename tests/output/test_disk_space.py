"""The look at the disk before a render."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dreamvid.errors import MediaError
from dreamvid.output.disk_space import check_disk_space
from dreamvid.render import Notice, Started, render_job
from tests.output.test_journal import job


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the disk is said to have."""
    room = {"bytes": 10**12}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": room["bytes"]}))
    return room


@pytest.mark.parametrize(
    ("name", "codec", "little", "enough"),
    [("a.mp4", "h264", 10**8, 2 * 10**9), ("a.mov", "prores", 10**9, 10**10), ("%04d.png", "h264", 10**9, 10**10)],
)
def test_too_little_is_refused_doubtful_is_said_enough_is_silent(
    tmp_path: Path, free: dict[str, Any], name: str, codec: str, little: int, enough: int
) -> None:
    def check() -> str | None:
        return check_disk_space(tmp_path / "new" / name, codec, 1440, 1920, 1080)

    free["bytes"] = enough
    assert check() is None
    free["bytes"] = little
    with pytest.raises(MediaError, match=r"needs about .* GB, but only .* GB are free in .*; free up space"):
        check()
    warned = []
    for share in (0.2, 0.3, 0.4, 0.6, 0.8):
        free["bytes"] = int(little + share * (enough - little))
        try:
            warned.append(check())
        except MediaError:
            warned.append("refused")
    assert any(text and "can be resumed once there is space" in text for text in warned)


def test_a_render_says_so_before_it_begins(tmp_path: Path, free: dict[str, Any]) -> None:
    free["bytes"] = 2000
    with pytest.raises(MediaError, match="free up space"):
        list(render_job(job(tmp_path / "out.mp4")))
    assert not list(tmp_path.iterdir())
    free["bytes"] = 50_000
    events = list(render_job(job(tmp_path / "out.mp4")))
    notices = [i for i, event in enumerate(events) if isinstance(event, Notice)]
    (started,) = [i for i, event in enumerate(events) if isinstance(event, Started)]
    assert notices[0] < started
