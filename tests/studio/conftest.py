from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from dreamvid.studio.controls import list_controls
from dreamvid.studio.limits import Limits
from dreamvid.studio.preview import Previewer
from dreamvid.studio.queue import RenderQueue
from dreamvid.studio.session import Session
from dreamvid.studio.sessions import Sessions
from dreamvid.studio.studio import Studio
from dreamvid.studio.uploads import Uploads


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    for name in ("page", "handed", "made"):
        (tmp_path / name).mkdir()
    return Uploads(tmp_path / "page", tmp_path / "handed", 10**9)


@pytest.fixture
def new_session(tmp_path: Path, uploads: Uploads) -> Callable[..., Session]:
    def make(**given: Any) -> Session:
        return Session("somebody", uploads, tmp_path / "made", **given)

    return make


@pytest.fixture
def studio(tmp_path: Path, uploads: Uploads) -> Iterator[Studio]:
    queue = RenderQueue(tmp_path / "renders", uploads.release)
    sessions = Sessions(uploads, tmp_path / "made", None, Limits())
    yield Studio(sessions, uploads, Previewer("cpu"), queue, list_controls())
    queue.close()
