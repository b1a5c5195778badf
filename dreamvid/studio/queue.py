"""Renders that outlive the page: each is the shown command line, run as a process of its own, one at a time."""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.studio.processes import complaint, keep_last, start_render, stop

State = Literal["waiting", "running", "done", "cancelled", "failed"]

_log = logging.getLogger("dreamvid.studio")
_FAREWELL = 20.0  # seconds
_LOOK_EVERY = 1.0  # seconds, whether a turn is over
_MOST_WAITING, _MOST_WAITING_EACH = 100, 10
_ENDED_KEPT = 50


@dataclass(frozen=True)
class Render:
    """What a render has come to.

    Attributes:
        key: what it is called by, as long as the studio runs; nothing else ever is.
        place: in the order in which renders were asked for.
        words: what follows `dreamvid`.
        owner: whose it is; those who wait take turns.
        frames: None while it is not known.
    """

    key: str
    place: int
    title: str
    words: tuple[str, ...]
    target: Path
    owner: str = ""
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
        return self.target.parent.with_suffix(".zip") if self._is_folder else self.target

    @property
    def _is_folder(self) -> bool:
        return "%" in self.target.name

    def pack(self) -> None:
        """Make what there is to download. Raises `OSError`."""
        if self._is_folder:
            shutil.make_archive(str(self.target.parent), "zip", self.target.parent)


@dataclass
class _Running:
    key: str
    process: subprocess.Popen[str]
    began: float = field(default_factory=time.monotonic)
    first_frame: float = field(default_factory=time.monotonic)
    done_before: int = 0
    resumed: int = 0


class RenderQueue:
    """Renders of all who use this studio. Whatever happens to one of them, the next one comes.

    Owners take turns: where others wait, a render that has run for a while goes to the end of the queue and is resumed
    later from where it was. A turn without a single frame is followed by one twice as long.
    """

    def __init__(self, folder: Path, forget: Callable[[str], None] = lambda _: None, turn: float = 600.0) -> None:
        """`folder` is where finished films go; it is made when it is needed. `forget` is called with the key of each
        render that needs its source no more; `turn` is in seconds."""
        self.folder = folder
        self._forget = forget
        self._turn = turn
        self._renders: dict[str, Render] = {}
        self._places = itertools.count(1)
        self._served: dict[str, int] = {}
        """By owner: when, in the order of starts, one of theirs was started last."""
        self._starts = itertools.count(1)
        self._longer: dict[str, int] = {}
        """By render: how often its turn has been doubled."""
        self._changed = threading.Condition()
        self._running: _Running | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="renders", daemon=True)
        self._worker.start()
        threading.Thread(target=self._keep_time, name="turns", daemon=True).start()

    def renders(self) -> list[Render]:
        """All renders, the latest first."""
        with self._changed:
            return sorted(self._renders.values(), key=lambda render: -render.place)

    def add(self, title: str, words: Sequence[str], name: str, owner: str = "") -> Render:
        """Put a render in the queue; `name` is the output's, to which a number is added where it is taken.

        Raises `SettingsError` where too many wait, `DreamvidError` where the folder cannot be made.
        """
        with self._changed:
            self._check_room(owner)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DreamvidError(
                    f"{self.folder}: cannot be created for the films ({error.strerror}); choose another --folder"
                ) from error
            place, target = next(self._places), self._free(name)
            render = Render(secrets.token_hex(8), place, title, tuple(words), target, owner)
            self._renders[render.key] = render
            self._changed.notify_all()
            return render

    def cancel(self, key: str) -> None:
        """Take a render out, or stop it: what is done of it is kept, and `resume` goes on from there."""
        with self._changed:
            render = self._renders.get(key)
            if render is None or render.state not in ("waiting", "running"):
                return
            self._renders[key] = replace(render, state="cancelled", seconds_left=None)
            if self._running is not None and self._running.key == key:
                self._running.process.terminate()
            self._changed.notify_all()

    def resume(self, key: str) -> None:
        """Resume a render that was cancelled or failed. Raises `SettingsError` where too many wait."""
        with self._changed:
            render = self._renders.get(key)
            if render is not None and render.state in ("cancelled", "failed"):
                self._check_room(render.owner)
                self._renders[key] = replace(render, state="waiting", message="")
                self._changed.notify_all()

    def close(self) -> None:
        """Stop all; what runs puts its state away first."""
        with self._changed:
            self._closed = True
            for render in self._renders.values():
                if render.state in ("waiting", "running"):
                    self._renders[render.key] = replace(render, state="cancelled", seconds_left=None)
            running = self._running
            self._changed.notify_all()
        if running is not None:
            stop(running.process)
        self._worker.join(_FAREWELL)

    def _check_room(self, owner: str) -> None:
        waiting = self._waiting()
        if len(waiting) >= _MOST_WAITING:
            raise SettingsError(f"{len(waiting)} renders are already waiting; try again later")
        own = sum(render.owner == owner for render in waiting)
        if own >= _MOST_WAITING_EACH:
            raise SettingsError(f"{own} of your renders are already waiting; wait for one, or cancel one")

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

    def _waiting(self) -> list[Render]:
        """Those that wait, the next one first: of whoever was served longest ago."""
        waiting = [render for render in self._renders.values() if render.state == "waiting"]
        return sorted(waiting, key=lambda render: (self._served.get(render.owner, 0), render.place))

    def _work(self) -> None:
        while (render := self._next()) is not None:
            try:
                self._run(render)
            except Exception as error:  # the next one must come, whatever became of this one
                _log.exception("%s: the render failed", render.target.name)
                self._end(render.key, "failed", f"{type(error).__name__}: {error}".rstrip(": "))
            try:
                self._tidy_up()
            except Exception:
                _log.exception("files of finished renders cannot be removed")

    def _next(self) -> Render | None:
        """The render whose turn it is, once there is one; None: the studio ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting())
            if self._closed:
                return None
            render = replace(self._waiting()[0], state="running")
            self._renders[render.key] = render
            self._served[render.owner] = next(self._starts)
            return render

    def _run(self, render: Render) -> None:
        with self._changed:
            if self._renders[render.key].state != "running":  # cancelled already
                return
            process = start_render(render.words, render.target)
            self._running = running = _Running(render.key, process, done_before=render.done)
        try:
            problem = self._follow(running)
            if self._is_running(render.key):  # and not cancelled meanwhile, or waiting again
                if not problem:
                    render.pack()
                self._end(render.key, "failed" if problem else "done", problem)
        finally:
            stop(process)
            with self._changed:
                self._running = None

    def _is_running(self, key: str) -> bool:
        with self._changed:
            return self._renders[key].state == "running"

    def _end(self, key: str, state: State, message: str) -> None:
        with self._changed:
            render = self._renders[key]
            if render.state == "running":
                self._renders[key] = replace(render, state=state, seconds_left=None, message=message)

    def _tidy_up(self) -> None:
        """Forget the oldest of those that ended, and the sources of those that are done."""
        with self._changed:
            ended = [one for one in self._renders.values() if one.state in ("done", "cancelled", "failed")]
            ended.sort(key=lambda render: render.place)
            gone = ended[:-_ENDED_KEPT]
            for render in gone:
                del self._renders[render.key]
                self._longer.pop(render.key, None)
            owners = {render.owner for render in self._renders.values()}
            self._served = {owner: start for owner, start in self._served.items() if owner in owners}
        for render in {*gone, *(one for one in ended if one.state == "done")}:
            self._forget(render.key)

    def _follow(self, running: _Running) -> str:
        """Read what a render says until it ends; return what went wrong, or nothing."""
        process = running.process
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("a render is started with pipes")
        complaints: list[str] = []
        listener = threading.Thread(target=keep_last, args=(process.stderr, complaints), daemon=True)
        listener.start()
        with process.stdout, process.stderr:
            for line in process.stdout:
                self._hear(running, line)
            code = process.wait()
            listener.join()
        return complaint(complaints, code) if code else ""

    def _hear(self, running: _Running, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # no event of ours
        with self._changed:
            render = self._renders[running.key]
            self._renders[running.key] = _after(render, running, event)

    def _keep_time(self) -> None:
        """End turns that have lasted while others wait."""
        with self._changed:
            while not self._closed:
                self._changed.wait(_LOOK_EVERY)
                running = self._running
                if running is not None and self._is_over(running):
                    render = self._renders[running.key]
                    if render.done <= running.done_before:
                        self._longer[running.key] = self._longer.get(running.key, 0) + 1
                    self._renders[running.key] = replace(render, state="waiting", seconds_left=None)
                    running.process.terminate()

    def _is_over(self, running: _Running) -> bool:
        render = self._renders[running.key]
        lasted = time.monotonic() - running.began
        others = any(one.owner != render.owner for one in self._waiting())
        return render.state == "running" and others and lasted > self._turn * 2.0 ** self._longer.get(running.key, 0)


def _after(render: Render, running: _Running, event: Any) -> Render:
    """What is known of a render after an event of its."""
    match event:
        case {"event": "started", "frames": frames, "resumed": int(resumed)}:
            running.first_frame, running.resumed = time.monotonic(), resumed
            return replace(render, frames=frames, done=resumed)
        case {"event": "frame-done", "frame": int(frame)}:
            done = frame + 1
            pace = (time.monotonic() - running.first_frame) / max(1, done - running.resumed)
            left = None if render.frames is None else pace * (render.frames - done)
            return replace(render, done=done, seconds_left=left)
    return render


def _suffixes() -> itertools.chain[str]:
    return itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
