"""The studio as a server: who may reach it, and what it may reach."""

from __future__ import annotations

import contextlib
import hmac
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Read when gradio is loaded: nothing is sent anywhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from starlette.middleware import Middleware

from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.settings import Settings
from dreamvid.studio.controls import list_controls
from dreamvid.studio.guard import Limits, check_host, check_upload
from dreamvid.studio.handlers import Handlers
from dreamvid.studio.page import build_page
from dreamvid.studio.queue import RenderQueue
from dreamvid.studio.style import CSS, DARK, make_theme

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_FORGET_EVERY, _FORGET_AFTER = 600, 3600  # seconds, of pictures that were shown


@dataclass(frozen=True)
class Place:
    """Where the studio is served, and what it begins with.

    Attributes:
        films: the folder that finished films go into.
        password: what is asked for, under any name; None: nothing is.
        port: None: the first free one from 7860 on.
    """

    films: Path
    clip: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    password: str | None = None
    limits: Limits = field(default_factory=Limits)


@contextlib.contextmanager
def open_studio(place: Place) -> Iterator[str]:
    """Serve the studio, and yield its address. What was handed in is deleted at the end; finished films stay.

    Raises `SettingsError` where others could reach it without a password, `MediaError` for a clip that cannot be used.
    """
    check_host(place.host, place.password)
    with tempfile.TemporaryDirectory(prefix="dreamvid-studio-") as name:
        folder = Path(name)
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "page")
        for part in ("handed", "made"):
            (folder / part).mkdir()
        queue = RenderQueue(place.films)
        handlers = Handlers(folder, queue, list_controls(), place.clip, place.limits)
        page = build_page(handlers)
        page.delete_cache = (_FORGET_EVERY, _FORGET_AFTER)
        try:
            if place.clip is not None:
                check_upload(place.clip, place.limits)
            options = _launch_options(place, folder / "handed")
            try:
                _, url, _ = page.queue(default_concurrency_limit=None).launch(**options)
            except OSError as error:  # whose text is gradio's, about its own variables
                raise SettingsError(
                    f"{place.host}{f':{place.port}' if place.port else ''} cannot be served on, or is in use; "
                    "choose another --port"
                ) from error
            threading.Thread(target=_warm_up, args=(handlers,), daemon=True).start()
            yield url
        finally:
            queue.close()
            page.close(verbose=False)
            handlers.close()


def _launch_options(place: Place, handed: Path) -> dict[str, Any]:
    return {
        "server_name": place.host,
        "server_port": place.port,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "auth": None if place.password is None else _asks_for(place.password),
        "allowed_paths": [str(place.films.resolve())],
        "blocked_paths": [str(handed)],
        "max_file_size": place.limits.size,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "theme": make_theme(),
        "css": CSS,
        "head": DARK,
        "app_kwargs": {"middleware": [Middleware(_KeepsToItself)], "docs_url": None, "redoc_url": None},
    }


def _asks_for(password: str) -> Callable[[str, str], bool]:
    def is_right(_name: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(), password.encode())

    return is_right


def _warm_up(handlers: Handlers) -> None:
    """Load the network while somebody chooses a clip."""
    with contextlib.suppress(DreamvidError):  # whoever dreams is told
        handlers.previewer.model(Settings())


class _KeepsToItself:
    """Tells browsers to load nothing from elsewhere; gradio's page would ask for fonts and a script."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        async def send_with_policy(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_policy if scope["type"] == "http" else send)
