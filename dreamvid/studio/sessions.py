"""Who is there: one session a page, from its first event until some time after it was closed."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from dreamvid.studio.limits import Limits
from dreamvid.studio.session import Session, Source
from dreamvid.studio.uploads import Uploads

_MAY_COME_BACK = 300.0  # seconds after a page was closed: connections break
_MAY_SLEEP = 6 * 3600.0  # seconds without any event
_SWEEP_EVERY, _SWEPT_AFTER = 60.0, 1800.0  # seconds
_MOST = 200


class Sessions:
    """The sessions of all pages, by the names that the server has given these. Safe in threads."""

    def __init__(self, uploads: Uploads, made: Path, first: Source | None, limits: Limits) -> None:
        """`made` is a folder for what is made to be fetched; `first` is what every page begins with."""
        self._uploads, self._made, self._first, self._limits = uploads, made, first, limits
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._swept = time.monotonic()

    def get(self, name: str) -> Session:
        """The session of a page, a new one where there is none."""
        with self._lock:
            self._sweep()
            session = self._sessions.get(name)
            if session is None:
                session = self._sessions[name] = self._new(name)
            session.seen, session.has_left = time.monotonic(), False
            return session

    def leave(self, name: str) -> None:
        """A page was closed."""
        with self._lock:
            session = self._sessions.get(name)
            if session is not None:
                session.leave()

    def close(self) -> None:
        """All pages are closed."""
        with self._lock:
            for session in self._sessions.values():
                session.leave()

    def _new(self, name: str) -> Session:
        while len(self._sessions) >= _MOST:
            oldest = min(self._sessions, key=lambda key: (not self._sessions[key].has_left, self._sessions[key].seen))
            self._sessions.pop(oldest).close()
        made = Path(tempfile.mkdtemp(dir=self._made))
        session = Session(name, self._uploads, made, self._limits)
        if self._first is not None:
            session.look_at(self._first)
        return session

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept < _SWEEP_EVERY:
            return
        self._swept = now
        for name, session in list(self._sessions.items()):
            if now - session.seen > (_MAY_COME_BACK if session.has_left else _MAY_SLEEP):
                self._sessions.pop(name).close()
        threading.Thread(target=self._uploads.sweep, args=(_SWEPT_AFTER,), name="sweep", daemon=True).start()
