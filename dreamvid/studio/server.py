"""The studio as a server: who may reach it, and what it may reach."""

from __future__ import annotations

import contextlib
import hmac
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Read when gradio is loaded: nothing is sent anywhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["GRADIO_RUN_HISTORY"] = "False"

from starlette.middleware import Middleware

from dreamvid.config.settings import Settings
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.studio.controls import list_controls
from dreamvid.studio.door import Door
from dreamvid.studio.guard import check_host, check_upload, is_local
from dreamvid.studio.limits import Limits
from dreamvid.studio.page import build_page
from dreamvid.studio.preview import Previewer
from dreamvid.studio.queue import RenderQueue
from dreamvid.studio.session import Source
from dreamvid.studio.sessions import Sessions
from dreamvid.studio.studio import Studio
from dreamvid.studio.style import CSS, DARK, make_theme
from dreamvid.studio.uploads import Uploads

_FORGET_EVERY, _FORGET_AFTER = 60, 900  # seconds, of pictures that were shown
_MOST_EVENTS, _MOST_THREADS, _MOST_STATES = 500, 100, 500


@dataclass(frozen=True)
class Place:
    """Where the studio is served, and what it begins with.

    Attributes:
        films: the folder that finished films go into.
        names: what it is called besides its host, as behind a proxy.
        password: what is asked for, under any name; None: nothing is.
        port: None: the first free one from 7860 on.
    """

    films: Path
    clip: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    password: str | None = None
    names: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@contextlib.contextmanager
def open_studio(place: Place) -> Iterator[str]:
    """Serve the studio, and yield its address. What was handed in is deleted at the end; finished films stay.

    Raises `SettingsError` where others could reach it without a password, `MediaError` for a clip that cannot be used.
    """
    check_host(place.host, place.password)
    first = None if place.clip is None else Source(place.clip, str(place.clip), check_upload(place.clip, place.limits))
    with tempfile.TemporaryDirectory(prefix="dreamvid-studio-") as name:
        folder = Path(name)
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "page")
        for part in ("page", "handed", "made"):
            (folder / part).mkdir()
        uploads = Uploads(folder / "page", folder / "handed", place.limits.total)
        queue = RenderQueue(place.films, uploads.release)
        sessions = Sessions(uploads, folder / "made", first, place.limits)
        studio = Studio(sessions, uploads, Previewer(), queue, list_controls())
        page = build_page(studio)
        page.delete_cache = (_FORGET_EVERY, _FORGET_AFTER)
        try:
            options = _launch_options(place, folder, uploads)
            try:
                _, url, _ = page.queue(default_concurrency_limit=None, max_size=_MOST_EVENTS).launch(**options)
            except OSError as error:  # whose text is gradio's, about its own variables
                raise SettingsError(
                    f"{place.host}{f':{place.port}' if place.port else ''} is not available or already in use; choose "
                    "another --port"
                ) from error
            threading.Thread(target=_warm_up, args=(studio,), daemon=True).start()
            yield url
        finally:
            queue.close()
            page.close(verbose=False)
            studio.close()


def _launch_options(place: Place, folder: Path, uploads: Uploads) -> dict[str, Any]:
    door = Middleware(
        Door,
        names=(place.host, socket.gethostname(), f"{socket.gethostname()}.local"),
        own=place.names,
        is_open=not is_local(place.host),
        uploads=uploads,
        arrived=folder / "page",
        largest=place.limits.size,
    )
    return {
        "server_name": place.host,
        "server_port": place.port,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "auth": None if place.password is None else _asks_for(place.password),
        "blocked_paths": [str(folder / "handed")],
        "max_file_size": place.limits.size,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": True,
        "max_threads": _MOST_THREADS,
        "state_session_capacity": _MOST_STATES,
        "theme": make_theme(),
        "css": CSS,
        "head": DARK,
        "app_kwargs": {"middleware": [door], "docs_url": None, "redoc_url": None},
    }


def _asks_for(password: str) -> Callable[[str, str], bool]:
    def is_right(_name: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(), password.encode())

    return is_right


def _warm_up(studio: Studio) -> None:
    """Load the network while somebody chooses a clip."""
    with contextlib.suppress(DreamvidError):  # whoever dreams is told
        studio.previewer.model(Settings())
