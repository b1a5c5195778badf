"""One family of events: what a render, a download or a training says while it runs, and the one sink for it.

A function that has something to say takes a `tell` and is otherwise plain. A generator of events hands `Outbox.tell`
down, and yields what has come in whenever such a function returns. What takes long enough to be watched, a download,
is itself an iterator of `Progress`, so that it is shown while it goes on. The progress bar, the JSON log, the studio
and the tests all read the same events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


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


@dataclass(frozen=True)
class Started:
    """Everything is open and loaded; the first frame comes next. `frames` is None if the clip does not say."""

    source: Path
    target: Path
    frames: int | None
    width: int
    height: int
    rate: Fraction | None
    model: str
    layers: tuple[str, ...]
    device: str
    precision: str
    resumed: int = 0
    """Frames that an interrupted render of the same had finished."""
    passes: int = 1
    """How often each frame is dreamed."""


@dataclass(frozen=True)
class ShotStarted:
    """A shot begins at `frame`; shots and frames count from 0."""

    shot: int
    frame: int


@dataclass(frozen=True)
class Figures:
    """What a finished frame was measured by.

    Attributes:
        objective: how much of what is dreamed of it holds, see `DreamCore.attainment`.
        lift: the same over that of the raw frame; None where there is none.
        warped_error: mean |residual of the frame before, moved along the flow - residual|, over the mean |residual|,
            both where the flow can be trusted: 0 the dream stays on its object, 1 it has nothing to do with what was
            there. None where a shot begins.
    """

    objective: float
    lift: float | None = None
    warped_error: float | None = None


@dataclass(frozen=True)
class FrameDone:
    """One frame is on its way to the encoder.

    `energy` is the RMS of the dream minus the raw frame, and `fresh` the share of the picture that could not be carried
    over, both in [0, 1]; `seconds` is the time since the previous frame. `figures` are measured if a report is wanted.
    """

    frame: int
    shot: int
    energy: float
    fresh: float
    seconds: float
    figures: Figures | None = None


@dataclass(frozen=True)
class BackwardFrameDone:
    """One frame has been dreamed by the backward pass, which comes before the one that is shown.

    `frame` counts from 0; `seconds` is the time that it took.
    """

    frame: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """The file is complete under its final name."""

    target: Path
    frames: int
    seconds: float


@dataclass(frozen=True)
class FarmProgress:
    """Of a film that many machines render: shots, or chunks of long ones, that are done, and workers that are ready."""

    done: int
    units: int
    workers: int


@dataclass(frozen=True)
class FramesLost:
    """Something was tried in vain, a shot as a rule: so many frames that had been done count no more."""

    frames: int
    reason: str


Event = (
    Notice | Downloading | Started | ShotStarted | BackwardFrameDone | FrameDone | Finished | FarmProgress | FramesLost
)
