"""Messages to the user that any part may emit before there is a frame to show: notices and download progress."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


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


Said = Notice | Downloading


def outcome(steps: Generator[Said, None, T], tell: Callable[[str], None] = lambda _: None) -> T:
    """Run through steps that may have something to say, `tell` it line by line, and return what they return."""
    while True:
        try:
            said = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        tell(str(said))
