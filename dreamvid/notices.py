"""Events of the time before there is a frame to show, and the one sink that every function tells them to.

A function that has something to say takes a `tell` and is otherwise plain. A generator of events hands `Outbox.tell`
down, and yields what has come in whenever such a function returns. What takes long enough to be watched, a download,
is itself an iterator of `Progress`, so that it is shown while it goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """Something the user may want to know, in one line."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Downloading:
    """Progress of a download: `done` of `total` bytes have arrived; `total` is None if the server does not say."""

    what: str
    done: int
    total: int | None

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total / 1e6:.0f}"
        return f"downloading {self.what}: {self.done / 1e6:.0f}{of} MB"


Progress = Notice | Downloading

Tell = Callable[[Progress], None]
"""Where functions report; may be called from any thread."""


def ignore(_: Progress) -> None:
    """The sink for callers that nobody watches."""


def run_to_end(events: Iterable[Progress], tell: Tell = ignore) -> None:
    """Run through `events`, which does the work, and `tell` each of them."""
    for event in events:
        tell(event)


class Outbox:
    """What plain functions, also of other threads, have told and a generator has not yielded yet.

    The same notice is passed on only once: a source is opened several times in one render.
    """

    def __init__(self) -> None:
        self._waiting: deque[Progress] = deque()
        self._seen: set[Progress] = set()

    def tell(self, event: Progress) -> None:
        """Take an event."""
        self._waiting.append(event)

    def take(self) -> Iterator[Progress]:
        """Yield what has come in, each event once, in order."""
        while self._waiting:
            event = self._waiting.popleft()
            if event not in self._seen:
                self._seen.add(event)
                yield event
