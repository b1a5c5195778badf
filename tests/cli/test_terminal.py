"""Streams that close, are full or hold few characters, signals, and a working folder that is gone."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dreamvid.cli import main
from dreamvid.cli.terminal import LastingStream, settle_streams, take_signals
from dreamvid.media.ffmpeg import run_ffmpeg

DREAMVID = [sys.executable, "-m", "dreamvid"]
LOOK = [
    "--model", "dreamnet", "--layer", "inception3a", "--octaves", "1", "--iterations", "1", "--warm-iterations", "1",
    "--step", "1", "--threads", "1", "--cuts", "none", "--no-sidecar",
]  # fmt: skip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "größe—日本.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=0.25", "-pix_fmt", "yuv420p"]
    code, _, stderr = run_ffmpeg([*picture, f"file:{path}"])
    assert not code, stderr
    return path


def test_a_reader_that_leaves_early_ends_nothing(clip: Path) -> None:
    with subprocess.Popen(
        [*DREAMVID, str(clip), *LOOK, "--progress", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), said) == (0, b"")
    assert clip.with_name("größe—日本.dream.mp4").is_file()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_names_go_through_streams_of_few_characters(encoding: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, stream in written.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding))
    settle_streams()
    assert main.run([str(clip), *LOOK]) == 0
    sys.stdout.flush()
    assert b"\\u65e5" in written["stdout"].getvalue()


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "| head -n 1 >/dev/null; exit ${PIPESTATUS[0]}"])
def test_closed_streams_are_no_error(redirection: str, tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m dreamvid presets {redirection}"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["--help", "presets"])
def test_a_full_disk_behind_standard_output_is_one_line(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*DREAMVID, command], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"dreamvid: standard output: cannot be written (No space left on device)\n"


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && '{sys.executable}' -m dreamvid presets"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"working directory no longer exists" in done.stderr


def test_signals_are_taken_but_those_that_somebody_wants_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[int, object] = {}
    ignored = {signal.SIGHUP: signal.SIG_IGN}
    monkeypatch.setattr(signal, "getsignal", lambda number: ignored.get(number, signal.SIG_DFL))
    monkeypatch.setattr(signal, "signal", taken.__setitem__)
    take_signals()
    assert taken == {signal.SIGTERM: signal.default_int_handler}
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    take_signals()
    assert taken[signal.SIGHUP] is signal.default_int_handler


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", failing)
    assert main.run(["clip.mp4"]) == 1
    assert capsys.readouterr().err.startswith("dreamvid: out of memory")


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ImportError("no module named x")

    monkeypatch.setattr(main, "app", failing)
    with pytest.raises(ImportError):
        main.run(["clip.mp4"])


def test_a_lasting_stream_is_the_stream_in_all_else() -> None:
    inner = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = LastingStream(inner)
    stream.write("é")
    stream.flush()
    assert stream.buffer.getvalue() == b"\\xe9"
    assert stream.encoding == "ascii"
    assert stream.failure is None


_INTERRUPTED_WHILE_A_THREAD_COMPUTES = """
import atexit, threading, time
import torch
from dreamvid.cli import main

torch.set_num_threads(1)
matrix = torch.randn(64, 64, requires_grad=True)

def compute():
    while True:
        result = matrix
        for _ in range(20):
            result = torch.tanh(result @ matrix)
        result.sum().backward()

def interrupt(arguments):
    time.sleep(0.3)
    return 130

for _ in range(3):
    threading.Thread(target=compute, daemon=True).start()
atexit.register(print, "cleaned up")
main.run = interrupt
main.main([])
"""


def test_a_command_that_is_interrupted_in_the_middle_of_a_computation_leaves_in_peace() -> None:
    words = [sys.executable, "-c", _INTERRUPTED_WHILE_A_THREAD_COMPUTES]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (130, "cleaned up", "")
