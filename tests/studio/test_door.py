"""Only the studio's own page is served, with bodies of a bearable size, about files that were uploaded."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dreamvid.studio.door import Door
from dreamvid.studio.password import Attempts, TooManyAttemptsError
from dreamvid.studio.uploads import Uploads

Ask = Callable[..., tuple[int, str]]
JSON = {"content-type": "application/json"}


class Server:
    """Stands in for gradio's: takes the password "right", and says "served" to all else."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.bodies.append(body)
        status = 400 if scope["path"].strip("/") == "login" and body != b"right" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def door(server: Server, uploads: Uploads, tmp_path: Path) -> Door:
    return Door(server, ("::1", "[", ""), ("dreams.example",), False, uploads, tmp_path / "page", 10**8)


async def ask_door(
    door: Door, path: str, method: str = "GET", body: bytes = b"", client: str = "10.0.0.1", **headers: str
) -> tuple[int, str]:
    """Status and text of what the door answers; `_` in headers' names stands for `-`."""
    given = {"host": "localhost:7860", **({"content-length": str(len(body))} if body else {})}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answer.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    await door(scope, receive, send)
    names = {name for name, _ in answer[0]["headers"]}
    assert {b"content-security-policy", b"x-content-type-options"} <= names
    return answer[0]["status"], answer[1]["body"].decode()


@pytest.fixture
def ask(door: Door) -> Ask:
    return lambda *words, **more: asyncio.run(ask_door(door, *words, **more))


@pytest.mark.parametrize(
    "host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST.", "dreams.example", "127.1.2.3"]
)
def test_the_hosts_own_names_are_served(ask: Ask, host: str) -> None:
    assert ask("/", host=host) == (200, "served")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "[", "evil.example:7860"])
def test_other_names_are_not(ask: Ask, server: Server, host: str) -> None:
    for method, path in (("GET", "/config"), ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/upload")):
        status, text = ask(path, method, host=host)
        assert status == 421
        assert "--name" in text
    assert server.bodies == []


def test_a_studio_for_others_is_served_at_any_address(server: Server, uploads: Uploads, tmp_path: Path) -> None:
    door = Door(server, (), (), True, uploads, tmp_path / "page", 10**8)
    assert asyncio.run(ask_door(door, "/", host="192.168.1.5:7860"))[0] == 200
    assert asyncio.run(ask_door(door, "/", host="evil.example"))[0] == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": ""},
        {"origin": "https://dreams.example:8443"},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
    ],
)
def test_other_pages_are_refused(ask: Ask, server: Server, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/config"), ("POST", "/gradio_api/upload"), ("POST", "/gradio_api/queue/join")):
        assert ask(path, method, b"x", **headers) == (403, ask(path, method, b"x", **headers)[1])
    assert server.bodies == []


def test_its_own_page_and_links_to_it_are_served(ask: Ask) -> None:
    own = {"origin": "http://localhost:7860", "sec_fetch_site": "same-origin"}
    assert ask("/gradio_api/queue/join", "POST", b"{}", **own)[0] == 200
    assert ask("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200
    proxied = {"host": "dreams.example", "origin": "https://dreams.example"}
    assert ask("/gradio_api/queue/join", "POST", b"{}", **proxied)[0] == 200
    assert ask("/gradio_api/queue/join", "POST", b"{}", origin="https://dreams.example")[0] == 200


@pytest.mark.parametrize(
    "path", ["proxy=http://x/", "file=http://x/", "file=https%3A//x/", "run/predict", "api/x", "vibe-edit", "runs",
             "process_recording", "component_server", "run-history/buckets"],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_served(ask: Ask, server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        assert ask(f"/gradio_api/{path}", method, b"{}")[0] == 404
    assert server.bodies == []


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:1/x", "https://x/y.png", "file:///etc/passwd", "/etc/passwd", "page/../../x", "//x/y",
             "ftp://x", "data:text/plain,x", "x\0y", ""],
)  # fmt: skip
def test_files_that_were_not_uploaded_are_refused(ask: Ask, server: Server, tmp_path: Path, path: str) -> None:
    (tmp_path / "page" / "link").symlink_to("/etc")
    for one in (path, f"{tmp_path}/page/../made/x", f"{tmp_path}/page/link/passwd", f"{tmp_path}/page"):
        for data in ([{"path": one, "meta": {"_type": "gradio.FileData"}}], {"a": [{"b": {"path": one}}]}):
            body = json.dumps({"data": data, "fn_index": 1}).encode()
            assert ask("/gradio_api/queue/join", "POST", body, **JSON)[0] == 403
    assert server.bodies == []


def test_files_that_were_uploaded_are_passed_on(ask: Ask, server: Server, tmp_path: Path) -> None:
    body = json.dumps({"data": [{"path": f"{tmp_path}/page/abc/clip.mp4", "url": "http://localhost/x"}]}).encode()
    assert ask("/gradio_api/queue/join", "POST", body)[0] == 200
    assert server.bodies == [body]


@pytest.mark.parametrize("body", [b"not json", b"[" * 5000, b'{"a":' * 200 + b"1" + b"}" * 200])
def test_what_is_no_request_is_refused(ask: Ask, server: Server, body: bytes) -> None:
    assert ask("/gradio_api/queue/join", "POST", body)[0] == 400
    assert server.bodies == []


def test_bodies_are_small_but_for_uploads(ask: Ask) -> None:
    assert ask("/gradio_api/queue/join", "POST", b"1" * (10**6 + 1))[0] == 413
    assert ask("/login", "POST", b"1" * (10**6 + 1))[0] == 413
    assert ask("/gradio_api/upload", "POST", b"1" * (10**6 + 1))[0] == 200
    assert ask("/gradio_api/upload", "POST", b"", content_length=str(2 * 10**8))[0] == 413
    assert ask("/gradio_api/upload/", "POST", b"", content_length=str(2 * 10**8))[0] == 413
    assert ask("/gradio_api/upload", "POST", b"", transfer_encoding="chunked")[0] == 411


def test_uploads_end_where_the_total_is_reached(server: Server, tmp_path: Path, uploads: Uploads) -> None:
    few = Uploads(tmp_path / "page", tmp_path / "handed", 10_000)
    door = Door(server, (), (), False, few, tmp_path / "page", 10**8)
    for _ in range(3):  # what is given back may be used again
        assert asyncio.run(ask_door(door, "/gradio_api/upload", "POST", b"1" * 6000))[0] == 200
    (tmp_path / "page" / "clip.mp4").write_bytes(bytes(6000))
    status, text = asyncio.run(ask_door(door, "/gradio_api/upload", "POST", b"1" * 6000))
    assert status == 507
    assert "stores at most 1e-05 GB of uploads" in text
    few.sweep(-1)
    assert asyncio.run(ask_door(door, "/gradio_api/upload", "POST", b"1" * 6000))[0] == 200


def test_old_uploads_are_swept_and_new_ones_stay(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "page" / "abc").mkdir()
    (tmp_path / "page" / "abc" / "clip.mp4").write_bytes(b"x")
    uploads.sweep(60)
    assert (tmp_path / "page" / "abc" / "clip.mp4").exists()
    kept = uploads.keep(tmp_path / "page" / "abc" / "clip.mp4", "one")
    uploads.sweep(-1)
    assert list((tmp_path / "page").iterdir()) == []
    assert kept.read_bytes() == b"x"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each attempt waits, without waiting."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("dreamvid.studio.password.asyncio.sleep", sleep)
    return waits


def test_passwords_that_are_tried_take_longer_each_time_and_are_logged(
    ask: Ask, quick: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dreamvid.studio"):
        for _ in range(9):
            assert ask("/login", "POST", b"wrong")[0] == 400
    assert quick[0] == 0
    assert quick[1] == pytest.approx(0.5, abs=0.2)
    assert quick[8] == pytest.approx(30, abs=0.2)
    assert caplog.messages[-1] == "wrong password from 10.0.0.1, the 9th in a row"
    assert ask("/login", "POST", b"right")[0] == 200
    assert ask("/login/", "POST", b"wrong")[0] == 400
    assert quick[-1] < 5


def test_other_addresses_are_slowed_too_since_they_can_be_made_up(ask: Ask, quick: list[float]) -> None:
    for number in range(40):
        ask("/login", "POST", b"wrong", client=f"10.0.1.{number}")
    assert quick[-1] == pytest.approx(40 * 0.25, abs=1)


def test_all_addresses_of_one_network_are_one() -> None:
    attempts = Attempts()
    attempts.failed("2001:db8::1")
    attempts.failed("2001:db8::2")
    assert [count for count, _ in attempts._failures.values()] == [2]


def test_only_a_few_wait() -> None:
    async def try_all() -> list[BaseException | None]:
        attempts = Attempts()
        attempts.failed("10.0.0.1")
        return await asyncio.gather(*(attempts.wait("10.0.0.1") for _ in range(6)), return_exceptions=True)

    refused = [isinstance(one, TooManyAttemptsError) for one in asyncio.run(try_all())]
    assert refused == [False] * 3 + [True] * 3
