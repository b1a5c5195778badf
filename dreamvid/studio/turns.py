"""One thing at a time for many people: nobody is served for long while others wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_LOOK_EVERY = 0.5  # seconds, whether whoever waits still wants it


class NoLongerWantedError(Exception):
    """Nobody waits any more for what was being done."""


class Turns:
    """Whoever has waited longest has the next turn."""

    def __init__(self, length: float = 0.25) -> None:
        """`length` in seconds is how long one turn may be while others wait."""
        self._length = length
        self._queue: deque[Turn] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def turn(self, is_wanted: Callable[[], bool] = lambda: True) -> Turn:
        """To be entered, and again and again; for one thread at a time."""
        return Turn(self, is_wanted)

    def close(self, patience: float) -> None:
        """Give no more turns, and wait so many seconds for the one that is being taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._queue, patience)

    def _take(self, turn: Turn) -> float:
        with self._changed:
            self._queue.append(turn)
            while self._queue[0] is not turn or self._closed:
                if self._closed or not turn.is_wanted():
                    self._queue.remove(turn)
                    self._changed.notify_all()
                    raise NoLongerWantedError
                self._changed.wait(_LOOK_EVERY)
            return time.monotonic()

    def _leave(self, turn: Turn) -> None:
        with self._changed:
            self._queue.remove(turn)
            self._changed.notify_all()

    def _is_over(self, began: float) -> bool:
        return self._closed or (len(self._queue) > 1 and time.monotonic() - began > self._length)


class Turn:
    """A context manager: within it, it is this one's turn. Entering raises `NoLongerWantedError`."""

    def __init__(self, turns: Turns, is_wanted: Callable[[], bool]) -> None:
        self.is_wanted = is_wanted
        self._turns = turns
        self._began: float | None = None  # None: it is somebody else's turn

    def pass_on(self) -> None:
        """Let others have a turn if this one has lasted. Raises `NoLongerWantedError`."""
        if not self.is_wanted():
            raise NoLongerWantedError
        if self._began is not None and self._turns._is_over(self._began):
            self._end()
            self._begin()

    def __enter__(self) -> Turn:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        self._began = self._turns._take(self)

    def _end(self) -> None:
        if self._began is not None:
            self._began = None
            self._turns._leave(self)
