"""Threads with bounded queues around a render loop, so that the dream core never waits for a file or for the flow."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

S = TypeVar("S")
T = TypeVar("T")
_POLL_SECONDS = 0.1
_LONGEST_FAREWELL = 30.0  # seconds that a thread gets to end in; it dies with the program if it does not
_WAITING_BYTES = 256 * 2**20  # in one queue: a frame of 4K is 100 MB


def depth_within(item_bytes: int, most: int) -> int:
    """How many items of a size may wait in one queue: `most`, or fewer of large ones; one at least."""
    return max(1, min(most, _WAITING_BYTES // item_bytes))


class _StoppedError(Exception):
    """The other side has gone."""


class _Channel(Generic[T]):
    """A bounded queue that either side can close; an exception travels through it like an item.

    Ctrl-C may come at any instruction of the thread that dreams. Inside `queue.Queue` it can leave the lock locked, and
    then the other side, and the whole program, wait for ever; a `SimpleQueue` has no such place. So there are two of
    them: the items, and a token for each that may still be put.
    """

    def __init__(self, depth: int) -> None:
        self._items: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(depth):
            self._room.put(None)
        self.stopped = False

    def put(self, item: T | None, error: BaseException | None = None, last: bool = False) -> None:
        while not self.stopped:
            try:
                self._room.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            self._items.put((item, error, last))
            return
        raise _StoppedError

    def take_all(self) -> Iterator[T]:
        while not self.stopped:
            try:
                item, error, last = self._items.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            self._room.put(None)
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]  # only the last item is None


class ReadAhead(Generic[T]):
    """Iterate `items` in a thread of its own, at most `depth` of them ahead of the consumer.

    A context manager and an iterable, for one pass. Whatever `items` raises is raised at the consumer in its turn.
    Memory: `depth` items waiting, one being made and one in use.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._channel: _Channel[T] = _Channel(depth)
        self._thread = threading.Thread(target=self._produce, name="dreamvid-read-ahead", daemon=True)

    def _produce(self) -> None:
        try:
            for item in self._items:
                self._channel.put(item)
            self._channel.put(None, last=True)
        except _StoppedError:
            return
        except BaseException as error:  # it is raised again where the consumer can see it
            with contextlib.suppress(_StoppedError):
                self._channel.put(None, error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __iter__(self) -> Iterator[T]:
        return self._channel.take_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.stopped = True
        self._thread.join(_LONGEST_FAREWELL)


@contextlib.contextmanager
def map_ahead(function: Callable[[S], T], items: Iterable[S], depth: int, workers: int = 1) -> Iterator[Iterator[T]]:
    """`function` of each of `items`, in order, made by so many threads at most `depth` items ahead of the consumer.

    For one pass. Whatever `items` or `function` raises is raised at the consumer in its turn. Leaving waits for the
    calls that are under way; those that have not begun are dropped.
    """
    pool = ThreadPoolExecutor(workers, "dreamvid-map-ahead")

    def begin(item: S) -> _Box[T]:
        box: _Box[T] = queue.SimpleQueue()  # not the pool's own future: see `_Channel`
        pool.submit(_fill, box, function, item)
        return box

    try:
        with ReadAhead(map(begin, items), depth) as boxes:
            yield map(_open, boxes)
    finally:
        pool.shutdown(cancel_futures=True)


_Box = queue.SimpleQueue[tuple[T | None, BaseException | None]]


def _fill(box: _Box[T], function: Callable[[S], T], item: S) -> None:
    try:
        box.put((function(item), None))
    except BaseException as error:  # it is raised again where the consumer can see it
        box.put((None, error))


def _open(box: _Box[T]) -> T:
    result, error = box.get()
    if error is not None:
        raise error
    return cast(T, result)


class WriteBehind(Generic[T]):
    """Hand items to `write` in a thread of its own, at most `depth` of them behind the producer.

    A context manager. What `write` raises is raised at the next `put`, or on leaving. A clean exit waits until
    everything is written; after an exception whatever still waits is dropped.
    """

    def __init__(self, write: Callable[[T], None], depth: int) -> None:
        self._write = write
        self._channel: _Channel[T] = _Channel(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._consume, name="dreamvid-write-behind", daemon=True)

    def _consume(self) -> None:
        try:
            for item in self._channel.take_all():
                self._write(item)
        except BaseException as error:  # it is raised again where the producer can see it
            self._error = error
            self._channel.stopped = True

    def put(self, item: T) -> None:
        """Queue one item, waiting while `depth` of them are still to be written."""
        try:
            self._channel.put(item)
        except _StoppedError:
            if self._error is not None:
                raise self._error from None
            raise RuntimeError("this writer is closed") from None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._channel.stopped = True
        else:
            with contextlib.suppress(_StoppedError):  # the writer has failed; its own error is raised below
                self._channel.put(None, last=True)
        self._thread.join(None if kind is None else _LONGEST_FAREWELL)
        if kind is None and self._error is not None:
            raise self._error
