"""A sink for tests."""

from __future__ import annotations

from dreamvid.runtime.events import Progress


class Told(list[str]):
    """The lines that were told."""

    def __call__(self, event: Progress) -> None:
        self.append(str(event))
