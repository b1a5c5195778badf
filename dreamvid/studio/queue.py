"""Renders that outlive the page: each is the shown command line, run as a process of its own, one after the other."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

State = Literal["waiting", "running", "done", "cancelled", "failed"]

_LAST_LINES = 20
_PATIENCE = 20.0  # seconds for a render to put its state away before it is killed


@dataclass(frozen=True)
class Render:
    """What a render has come to; `words` are what follows `dreamvid`, `frames` None while it is not known."""

    number: int
    title: str
    words: tuple[str, ...]
    target: Path
    state: State = "waiting"
    frames: int | None = None
    done: int = 0
    seconds_left: float | None = None
    message: str = ""

    @property
    def file(self) -> Path | None:
        """What there is to download, once it is finished: numbered pictures come as a ZIP file."""
        if self.state != "done":
            return None
        packed = self.target.parent.with_suffix(".zip")
        return packed if "%" in self.target.name else self.target


@dataclass
class _Running:
    process: subprocess.Popen[str]
    began: float = field(default_factory=time.monotonic)
    resumed: int = 0


class RenderQueue:
    """Renders of all who use this studio, in the order in which they were asked for."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where finished films go; it is made when it is needed."""
        self.folder = folder
        self._renders: dict[int, Render] = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._running: _Running | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="renders", daemon=True)
        self._worker.start()

    def renders(self) -> list[Render]:
        """All renders, the latest first."""
        with self._changed:
            return sorted(self._renders.values(), key=lambda render: -render.number)

    def add(self, title: str, words: Sequence[str], name: str) -> Render:
        """Put a render in the queue; `name` is the output's, to which a number is added where it is taken."""
        with self._changed:
            self.folder.mkdir(parents=True, exist_ok=True)
            target = self._free(name)
            render = Render(next(self._numbers), title, tuple(words), target)
            self._renders[render.number] = render
            self._changed.notify_all()
            return render

    def cancel(self, number: int) -> None:
        """Take a render out, or stop it: what is done of it is kept, and `resume` goes on from there."""
        with self._changed:
            render = self._renders.get(number)
            if render is None or render.state not in ("waiting", "running"):
                return
            was_running = render.state == "running"
            self._renders[number] = replace(render, state="cancelled", seconds_left=None)
            if was_running and self._running is not None:
                self._running.process.terminate()
            self._changed.notify_all()

    def resume(self, number: int) -> None:
        """Go on with a render that was cancelled or failed."""
        with self._changed:
            render = self._renders.get(number)
            if render is not None and render.state in ("cancelled", "failed"):
                self._renders[number] = replace(render, state="waiting", message="")
                self._changed.notify_all()

    def close(self) -> None:
        """Stop all; what runs puts its state away first."""
        with self._changed:
            self._closed = True
            for render in self._renders.values():
                if render.state in ("waiting", "running"):
                    self._renders[render.number] = replace(render, state="cancelled", seconds_left=None)
            running = self._running
            self._changed.notify_all()
        if running is not None:
            _stop(running.process)
        self._worker.join(_PATIENCE)

    def _free(self, name: str) -> Path:
        """A path in the folder that neither a file nor another render has."""
        taken = {render.target for render in self._renders.values()}
        if "%" in name:  # numbered pictures lie in a folder of their own
            folder, _, pattern = name.rpartition("/")
            candidates = (self.folder / (folder + suffix) / pattern for suffix in _suffixes())
            return next(path for path in candidates if path not in taken and not path.parent.exists())
        plain = Path(name)
        candidates = (self.folder / f"{plain.stem}{suffix}{plain.suffix}" for suffix in _suffixes())
        return next(path for path in candidates if path not in taken and not path.exists())

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._waiting():
                    self._changed.wait()
                if self._closed:
                    return
                render = self._renders[self._waiting()[0]]
                self._renders[render.number] = replace(render, state="running")
                self._running = running = _Running(_start(render))
            self._follow(render.number, running)
            _stop(running.process)

    def _waiting(self) -> list[int]:
        return sorted(number for number, render in self._renders.items() if render.state == "waiting")

    def _follow(self, number: int, running: _Running) -> None:
        """Read what a render says until it ends."""
        process = running.process
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("a render is started with pipes")
        complaints: list[str] = []
        listener = threading.Thread(target=_keep_last, args=(process.stderr, complaints), daemon=True)
        listener.start()
        for line in process.stdout:
            self._hear(number, running, line)
        code = process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()
        with self._changed:
            self._running = None
            render = self._renders[number]
            if render.state != "running":  # cancelled meanwhile, and perhaps waiting again
                return
            problem = complaints[-1].removeprefix("dreamvid: ") if complaints else f"it ended with code {code}"
            if code == 0 and "%" in render.target.name:
                shutil.make_archive(str(render.target.parent), "zip", render.target.parent)
            ended: State = "done" if code == 0 else "failed"
            self._renders[number] = replace(
                render, state=ended, seconds_left=None, message="" if code == 0 else problem
            )

    def _hear(self, number: int, running: _Running, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # no event of ours
        with self._changed:
            render = self._renders[number]
            match event.get("event"):
                case "started":
                    running.began, running.resumed = time.monotonic(), event["resumed"]
                    render = replace(render, frames=event["frames"], done=event["resumed"])
                case "frame-done":
                    done = event["frame"] + 1
                    pace = (time.monotonic() - running.began) / max(1, done - running.resumed)
                    left = None if render.frames is None else pace * (render.frames - done)
                    render = replace(render, done=done, seconds_left=left)
            self._renders[number] = render


def _suffixes() -> itertools.chain[str]:
    return itertools.chain([""], (f"-{number}" for number in itertools.count(2)))


def _start(render: Render) -> subprocess.Popen[str]:
    words = [*render.words, "-o", str(render.target), "--progress", "json"]
    return subprocess.Popen(
        [sys.executable, "-m", "dreamvid.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C is for the studio, which then stops its renders in its own way
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process politely, and at last by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _keep_last(lines: IO[str], kept: list[str]) -> None:
    for line in lines:
        if line.strip():
            kept.append(line.strip())
            del kept[:-_LAST_LINES]
