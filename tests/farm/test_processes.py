"""The command line in processes of its own: killed, interrupted, given again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.media import open_reader

OPTIONS = [
    "--model", "dreamnet", "--layer", "inception3a", "--octaves", "1", "--iterations", "2", "--warm-iterations", "1",
    "--threads", "1", "--precision", "fp32", "--progress", "json",
]  # fmt: skip
FARM = ["farm", "--address", "local", "--workers", "2", "--chunk", "none"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "dreamvid.cli.main", *words, *OPTIONS]


def run_until(shots: int, sign: signal.Signals, *words: str) -> tuple[int, str]:
    """Start a farm, and send its driver a signal when so many shots are done."""
    process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "farm-progress" and event["done"] >= shots:
            process.send_signal(sign)
            break
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr


def events_of(*words: str) -> list[dict[str, Any]]:
    done = subprocess.run(command(*words), check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def frames_of(path: Path) -> np.ndarray:
    with open_reader(path) as reader:
        return np.stack(list(reader))


def ray_processes_of(folder: str) -> list[str]:
    """Ray's processes that keep a temporary folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text()
        except OSError:
            continue
        if folder in words:
            found.append(words.replace("\0", " "))
    return found


@pytest.mark.slow
def test_a_killed_driver_leaves_no_process_and_its_film_is_gone_on_with(
    twelve_shots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its processes are told from others by this folder; its sockets' names must be short.
    folder = tempfile.mkdtemp(prefix="dv-")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    target = tmp_path / "film.mp4"
    words = [*FARM, str(twelve_shots), "-o", str(target)]
    code, _ = run_until(4, signal.SIGKILL, *words)
    assert code == -signal.SIGKILL
    assert not target.exists()
    limit = time.monotonic() + 60
    while ray_processes_of(folder) and time.monotonic() < limit:
        time.sleep(0.5)
    assert not ray_processes_of(folder)
    events = events_of(*words)
    started = next(event for event in events if event["event"] == "started")
    assert started["resumed"] > 0
    assert sum(event["event"] == "frame-done" for event in events) == started["frames"] - started["resumed"]
    alone = tmp_path / "alone.mp4"
    events_of(str(twelve_shots), "-o", str(alone))
    assert np.array_equal(frames_of(target), frames_of(alone))
    shutil.rmtree(folder)


@pytest.mark.slow
def test_ctrl_c_ends_it_with_one_line_and_130(twelve_shots: Path, tmp_path: Path) -> None:
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in a shell's background; a polite kill will do
    sign = signal.SIGTERM if ignored else signal.SIGINT
    code, stderr = run_until(3, sign, *FARM, str(twelve_shots), "-o", str(tmp_path / "film.mp4"))
    assert code == 130
    (line,) = stderr.splitlines()
    assert line.startswith("dreamvid: interrupted; ")
    assert "run the same command again to resume" in line
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4.farm"}
