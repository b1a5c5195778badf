from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from dreamvid.runtime.pipeline import ReadAhead, WriteBehind, depth_within, map_ahead


class Counting:
    """0, 1, 2, … and how many have been asked for."""

    def __init__(self, count: int, fail_at: int | None = None) -> None:
        self.count, self.fail_at, self.made = count, fail_at, 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            if number == self.fail_at:
                raise ValueError("broken source")
            self.made += 1
            yield number



def test_read_ahead_keeps_order_and_ends() -> None:
    with ReadAhead(range(50), 3) as items:
        assert list(items) == list(range(50))


def test_read_ahead_runs_ahead_but_not_further_than_its_depth() -> None:
    source = Counting(100)
    with ReadAhead(source, 4) as items:
        first = next(iter(items))
        time.sleep(0.3)
        assert first == 0
        assert 4 <= source.made <= 1 + 4 + 1


def test_what_the_source_raises_arrives_in_its_turn() -> None:
    seen = []
    with pytest.raises(ValueError, match="broken source"), ReadAhead(Counting(9, fail_at=3), 8) as items:
        seen.extend(items)
    # `extend` takes what came before the error
    assert seen == [0, 1, 2]


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with ReadAhead(Counting(10**9), 2) as items:
        next(iter(items))
    assert threading.active_count() == before


def test_map_ahead_keeps_order_though_some_take_longer() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.05 / (1 + number))
        return number * number

    with map_ahead(slow_at_first, range(30), 4, workers=3) as squares:
        assert list(squares) == [number * number for number in range(30)]


def test_map_ahead_works_at_so_many_at_a_time() -> None:
    together = threading.Barrier(3, timeout=10)  # breaks, and raises, unless three calls meet
    with map_ahead(lambda _: together.wait(), range(9), 3, workers=3) as results:
        assert len(list(results)) == 9


def test_map_ahead_runs_no_further_than_its_depth_and_drops_the_rest() -> None:
    source, called = Counting(10**9), []
    threads = threading.active_count()
    with map_ahead(called.append, source, 3) as results:
        next(results)
        time.sleep(0.2)
        assert 3 <= source.made <= 1 + 3 + 1
    assert len(called) <= 5
    assert threading.active_count() == threads


@pytest.mark.parametrize("source", [Counting(9), Counting(9, fail_at=3)])
def test_what_a_mapped_call_or_its_source_raises_arrives_in_its_turn(source: Counting) -> None:
    def fail_at_three(number: int) -> int:
        if number == 3:
            raise ValueError("broken source")
        return number

    seen = []
    with pytest.raises(ValueError, match="broken source"), map_ahead(fail_at_three, source, 8, workers=2) as results:
        seen.extend(results)
    assert seen == [0, 1, 2]


def test_write_behind_writes_everything_in_order_before_it_is_left() -> None:
    written: list[int] = []

    def write(item: int) -> None:
        time.sleep(0.01)
        written.append(item)

    with WriteBehind(write, 3) as output:
        for number in range(10):
            output.put(number)
    assert written == list(range(10))


def test_write_behind_lets_only_so_many_wait() -> None:
    gate = threading.Event()
    put = []
    with WriteBehind(lambda _: gate.wait() and None, 2) as output:

        def produce() -> None:
            for number in range(10):
                output.put(number)
                put.append(number)

        producer = threading.Thread(target=produce)
        producer.start()
        time.sleep(0.3)
        waiting = len(put)
        gate.set()
        producer.join()
    assert waiting <= 1 + 2


@pytest.mark.parametrize("fails_at", [0, 5])
def test_what_the_writer_raises_reaches_the_producer(fails_at: int) -> None:
    def write(item: int) -> None:
        if item == fails_at:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(write, 1) as output:
        for number in range(6):
            output.put(number)


def test_after_an_error_of_the_producer_what_waits_is_dropped() -> None:
    gate = threading.Event()
    written: list[int] = []

    def write(item: int) -> None:
        gate.wait()
        written.append(item)

    with pytest.raises(KeyboardInterrupt), WriteBehind(write, 5) as output:
        for number in range(4):
            output.put(number)
        threading.Timer(0.2, gate.set).start()
        raise KeyboardInterrupt
    assert len(written) <= 1


def test_fewer_large_items_wait_but_always_one() -> None:
    frame = 3840 * 2160 * 3 * 4
    assert [depth_within(size, 4) for size in (frame // 4, frame, 3 * frame)] == [4, 2, 1]


_INTERRUPTED = """
import faulthandler, random, signal
from dreamvid.runtime import pipeline
from dreamvid.runtime.pipeline import ReadAhead, WriteBehind, map_ahead

pipeline._POLL_SECONDS = 0.002
faulthandler.dump_traceback_later(50, exit=True)
moments = random.Random(3)


def rounds():
    with ReadAhead(iter(range(10**9)), 2) as numbers, map_ahead(abs, numbers, 2) as mapped:
        with WriteBehind(lambda _: None, 2) as output:
            # From here on: Python's own start of a thread does not withstand it.
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.0005, 0.005))
            for number in mapped:
                output.put(number)


for _ in range(150):
    try:
        rounds()
    except KeyboardInterrupt:
        pass
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that interrupts")
def test_ctrl_c_at_any_moment_leaves_nobody_waiting() -> None:
    """With `queue.Queue` and futures one in some hundred hung for ever: a lock was taken and not given back."""
    script = "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)\n" + _INTERRUPTED
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout == "done\n", done.stderr[-3000:]
