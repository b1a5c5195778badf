"""What is let in to the server: requests for this host, from its own page, of a bearable size, about its own files.

Browsers send a page's requests to wherever its name leads, and names can be made to lead here ("DNS rebinding"); and
any page may post to any address. So a request must name a host that is ours, and where it says what page it comes
from, that must be the same host's.
"""

from __future__ import annotations

import functools
import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dreamvid.errors import ResourceError
from dreamvid.studio.guard import is_local
from dreamvid.studio.password import Attempts, TooManyAttemptsError
from dreamvid.studio.uploads import Uploads

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
_LARGEST_BODY = 10**6  # bytes, of what is no upload
_LARGEST_NEST = 50
_NOT_SERVED = (
    "proxy=", "process_recording", "component_server", "vibe-", "undo-vibe-", "run/", "api/", "dev/", "runs",
    "run-history", "deep_link", "profiling", "stream/", "custom_component",
)  # fmt: skip
"""Of gradio's own, what the page does not need: fetching from elsewhere, passing the queue by, writing files."""


class _RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Door:
    """Middleware before gradio's server."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        names: Collection[str],
        own: Collection[str],
        is_open: bool,
        uploads: Uploads,
        arrived: Path,
        largest: int,
    ) -> None:
        """`names` are those of the host, `own` those that only the studio has, such as a proxy's, perhaps with a port;
        `is_open`: others may reach it, by any of its addresses; `arrived` is where uploads lie, `largest` how many
        bytes one may have."""
        self._app = app
        self._names = frozenset(map(_name_of, (*names, *own))) - {""}
        self._own = frozenset(map(_place_of, own))
        self._is_open = is_open
        self._uploads = uploads
        self._arrived = arrived.resolve()
        self._largest = largest
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page uses no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        send = functools.partial(_send_with_policy, send)
        path = "/" + scope["path"].removeprefix("/gradio_api").strip("/")
        try:
            self._check_sender(scope)
            _check_path(path)
            await self._serve(path, scope, receive, send)
        except (_RefusedError, ResourceError, TooManyAttemptsError) as refused:
            status = refused.status if isinstance(refused, _RefusedError) else 429
            status = 507 if isinstance(refused, ResourceError) else status
            await _answer(path, status, str(refused))(scope, receive, send)

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
        elif path == "/upload":
            size = _length(Headers(scope=scope))
            if size > self._largest + _LARGEST_BODY:
                most = f"the studio accepts at most {self._largest / 1e9:g} GB"
                raise _RefusedError(413, f"{size / 1e9:.1f} GB is too large; {most}")
            await anyio.to_thread.run_sync(self._uploads.reserve, size)
            try:
                await self._app(scope, receive, send)
            finally:
                self._uploads.give_back(size)
        else:
            body = await _read_body(receive)
            if path == "/login":
                await self._log_in(scope, _replay(body, receive), send)
                return
            self._check_files(body)
            await self._app(scope, _replay(body, receive), send)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = str((scope.get("client") or ("somewhere",))[0])
        await self._attempts.wait(address)

        async def notice(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 200:
                    self._attempts.came_in(address)
                elif message["status"] == 400:
                    self._attempts.failed(address)
            await send(message)

        await self._app(scope, receive, notice)

    def _check_sender(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(_name_of(host)):
            raise _RefusedError(
                421, f"the studio is not served as '{_name_of(host)}'; give this name with --name, or use its address"
            )
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        # A proxy may ask in the name of its own, but from a page under the name that people know.
        if origin is not None and _origin_of(origin) not in (_place_of(host), *self._own):
            raise _RefusedError(403, "this request comes from another page; use the studio's own page")
        is_visit = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not is_visit:
            raise _RefusedError(403, "this request comes from another page; use the studio's own page")

    def _is_ours(self, name: str) -> bool:
        if name in self._names or is_local(name):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._is_open  # an address leads nowhere else

    def _check_files(self, body: bytes) -> None:
        """Raise where a body names a file that was not uploaded; gradio would fetch it from wherever it is."""
        if not body:
            return
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise _RefusedError(400, "this is not a request from the studio's page") from None
        for path in _named_files(given):
            if "\0" in path or not Path(path).is_absolute() or self._arrived not in Path(path).resolve().parents:
                raise _RefusedError(403, "the request names a file that was not uploaded here; drop it in instead")


def _check_path(path: str) -> None:
    named = unquote(path).lstrip("/")
    if named.startswith(_NOT_SERVED) or (named.startswith("file=") and "://" in named):
        raise _RefusedError(404, "the studio does not serve this path")


def _answer(path: str, status: int, text: str) -> Response:
    """As gradio's page expects it there."""
    is_plain = path in ("/", "/upload")
    headers = {"connection": "close"}  # the rest of what is being sent is not wanted
    if is_plain:
        return PlainTextResponse(text, status, headers=headers)
    return JSONResponse({"detail": text, "error": text}, status, headers=headers)


async def _send_with_policy(send: Send, message: Message) -> None:
    """Tell browsers to load nothing from elsewhere; gradio's page would ask for fonts and a script."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", []), *_HEADERS]
    await send(message)


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "")
    if not (text.isascii() and text.isdigit()):
        raise _RefusedError(411, "the request has no valid Content-Length; send one")
    return int(text[:20])


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _RefusedError(400, "the request was cut off")
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > _LARGEST_BODY:
            raise _RefusedError(413, f"more than {_LARGEST_BODY / 1e6:g} MB at once is too much for the studio")
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body` first."""
    left = [body]

    async def give() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return give


def _named_files(value: Any, depth: int = 0) -> Iterator[str]:
    """Every `path` in what came as JSON: gradio takes any such for a file."""
    if depth > _LARGEST_NEST:
        raise _RefusedError(400, "this is not a request from the studio's page")
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _named_files(one, depth + 1)


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    return _place_of(host)[0]


def _origin_of(origin: str) -> tuple[str, int | None]:
    try:
        return _place_of(urlsplit(origin).netloc)
    except ValueError:
        return "", None


def _place_of(netloc: str) -> tuple[str, int | None]:
    """Name and port; None is the usual port of either protocol."""
    try:
        parts = urlsplit(f"//{netloc}")
        port = parts.port
    except ValueError:
        return "", None
    return (parts.hostname or "").lower().rstrip("."), None if port in (80, 443) else port
