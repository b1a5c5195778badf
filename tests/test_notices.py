"""The sink, and what is started and then finished or aborted."""

from __future__ import annotations

import threading

import pytest

from dreamvid.runtime.events import Downloading, Notice, Outbox, run_to_end
from dreamvid.runtime.lifecycle import Lifecycle
from tests.told import Told


def test_an_outbox_gives_each_event_once_and_in_order() -> None:
    outbox = Outbox()
    for event in (Notice("a"), Downloading("x", 1, 2), Notice("a"), Downloading("x", 2, 2)):
        outbox.tell(event)
    assert list(outbox.take()) == [Notice("a"), Downloading("x", 1, 2), Downloading("x", 2, 2)]
    outbox.tell(Notice("a"))
    outbox.tell(Notice("b"))
    assert list(outbox.take()) == [Notice("b")]


def test_an_outbox_takes_from_any_thread() -> None:
    outbox = Outbox()
    threads = [
        threading.Thread(target=lambda first=first: [outbox.tell(Notice(str(first + i))) for i in range(500)])
        for first in (0, 500)
    ]
    for thread in threads:
        thread.start()
    found = []
    while any(thread.is_alive() for thread in threads):
        found += outbox.take()
    found += outbox.take()
    assert sorted(int(str(event)) for event in found) == list(range(1000))


def test_each_event_is_told_as_it_comes() -> None:
    told = Told()

    def work():  # type: ignore[no-untyped-def]
        yield Notice("begun")
        assert told == ["begun"]
        yield Notice("done")

    run_to_end(work(), told)
    assert told == ["begun", "done"]


class Traced(Lifecycle):
    def __init__(self, failing: str = "") -> None:
        self.failing, self.calls = failing, []  # type: ignore[var-annotated]

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.failing:
            raise OSError(name)

    def start(self) -> None:
        self._call("start")

    def finish(self) -> None:
        self._call("finish")

    def abort(self) -> None:
        self._call("abort")


def test_what_is_started_is_finished_or_aborted() -> None:
    whole = Traced()
    with whole:
        assert whole.calls == ["start"]
    assert whole.calls == ["start", "finish"]
    broken = Traced()
    with pytest.raises(ValueError, match="in between"), broken:
        raise ValueError("in between")
    assert broken.calls == ["start", "abort"]


@pytest.mark.parametrize(("failing", "calls"), [("start", ["start", "abort"]), ("finish", ["start", "finish"])])
def test_what_cannot_be_started_is_aborted(failing: str, calls: list[str]) -> None:
    faulty = Traced(failing)
    with pytest.raises(OSError, match=failing), faulty:
        pass
    assert faulty.calls == calls
