"""How everything that takes frames begins and ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifecycle(ABC):
    """Something that is started, and then either finished or aborted.

    As a context manager it starts, and finishes; or aborts where the block is left by an exception.
    """

    def start(self) -> None:  # noqa: B027 - some need no preparation
        """Make ready. Called once, before all else."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the output; where that fails, leave what `abort` leaves."""

    @abstractmethod
    def abort(self) -> None:
        """Stop without an output. May be called more than once."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.abort()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abort()
