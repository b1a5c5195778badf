"""The studio as it is served: gradio with the door before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dreamvid.studio import sessions
from dreamvid.studio.limits import Limits
from dreamvid.studio.sessions import Sessions
from dreamvid.studio.uploads import Uploads

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "films").mkdir()
    (folder / "films" / "private.txt").write_text("not for you")
    words = [sys.executable, "-m", "dreamvid.cli.main", "studio", "--no-browser", "--folder", str(folder / "films")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as it:
        assert it.stdout is not None
        with httpx.Client(base_url=it.stdout.readline().split()[3], trust_env=False, timeout=60) as client:
            yield client
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as under nohup, which the studio respects
        it.send_signal(signal.SIGTERM if ignored else signal.SIGHUP)  # the terminal is closed
        assert it.wait(60) == 130


def test_nothing_is_recorded_and_errors_are_shown(served: httpx.Client) -> None:
    config = served.get("/config").json()
    assert config["run_history"] is False
    assert config["show_error"] is True
    assert served.get("/gradio_api/runs").status_code == 404


def test_the_door_is_before_it(served: httpx.Client) -> None:
    assert served.get("/").status_code == 200
    assert served.get("/", headers={"host": "evil.example"}).status_code == 421
    assert served.post("/gradio_api/upload", headers={"origin": "http://evil.example"}).status_code == 403
    assert served.get("/gradio_api/file=http://localhost:1/x").status_code == 404


def test_files_in_its_folders_are_not_served(served: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> None:
    private = next(tmp_path_factory.getbasetemp().glob("studio*/films/private.txt"))
    assert served.get(f"/gradio_api/file={private}").status_code == 403


def test_an_address_in_the_place_of_a_file_is_not_fetched(served: httpx.Client) -> None:
    presses = served.get("/config").json()["dependencies"]
    drop = next(one for one in presses if any(event == "upload" for _, event in one["targets"]))
    body = {"fn_index": drop["id"], "session_hash": "one"}
    file = {"path": "http://localhost:1/x.png", "meta": {"_type": "gradio.FileData"}}
    answer = served.post("/gradio_api/queue/join", json={**body, "data": [file]})
    assert (answer.status_code, "was not uploaded" in answer.text) == (403, True)
    with (SAMPLES / "portrait.jpg").open("rb") as picture:
        file["path"] = served.post("/gradio_api/upload", files={"files": picture}).json()[0]
    assert served.post("/gradio_api/queue/join", json={**body, "data": [file]}).status_code == 200


def test_pages_that_are_gone_are_forgotten(uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    all_of_them = Sessions(uploads, tmp_path / "made", None, Limits())
    for name in ("stays", "left", "asleep"):
        all_of_them.get(name).open_upload(SAMPLES / "portrait.jpg")
    stays, left, asleep = all_of_them.get("stays"), all_of_them.get("left"), all_of_them.get("asleep")
    all_of_them.leave("left")
    assert all_of_them.get("left") is left  # it came back
    all_of_them.leave("left")
    left.seen -= 1000
    asleep.seen -= 100_000
    monkeypatch.setattr(sessions, "_SWEEP_EVERY", 0)
    all_of_them.get("stays")
    assert list(all_of_them._sessions) == ["stays"]
    assert [path.parent.parent for path in stays.files()] == [tmp_path / "handed"]
    assert len(list((tmp_path / "handed").iterdir())) == len(list((tmp_path / "made").iterdir())) == 1
    time.sleep(0.05)  # the sweep's thread


def test_there_are_only_so_many_pages(uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST", 3)
    all_of_them = Sessions(uploads, tmp_path / "made", None, Limits())
    for number in range(5):
        all_of_them.get(str(number))
    assert list(all_of_them._sessions) == ["2", "3", "4"]
