"""The workers, as the driver sees them: given work, listened to, replaced when they die."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dreamvid.errors import DreamvidError
from dreamvid.farm.cluster import FarmError, Share
from dreamvid.farm.messages import Facts, Message, Stretch, Task
from dreamvid.farm.plan import Unit
from dreamvid.farm.versions import code_version
from dreamvid.farm.worker import Depot, Worker
from dreamvid.runtime.events import Notice

Item = TypeVar("Item", Unit, Stretch)
_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_STARTS = 3  # in a row that may fail before a place is given up
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Joined:
    """A worker is ready."""

    facts: Facts


@dataclass(frozen=True)
class Reported(Generic[Item]):
    """A worker has sent a message about a unit."""

    item: Item
    message: Message


@dataclass(frozen=True)
class Lost(Generic[Item]):
    """A try of a unit has come to nothing; `last`: it will not be tried again."""

    item: Item
    reason: str
    last: bool


class _Hand:
    """One worker's place: an actor, what it is doing, and what is awaited of it."""

    def __init__(self) -> None:
        self.actor: Any = None
        self.ref: Any = None
        self.item: Any = None
        self.facts: Facts | None = None
        self.stage = "starting"  # starting, preparing, idle, busy; refused: for this film; gone: for good
        self.failed_starts = 0


class WorkerPool:
    """As many workers as the share says; a context manager. Whoever is ready works, others join when they are."""

    def __init__(self, ray: Any, share: Share, tries: int) -> None:
        self._ray, self.share, self._tries = ray, share, tries
        self._hands = [_Hand() for _ in range(share.workers)]
        self._task: Any = None
        self.machine: tuple[str, str] | None = None
        """Device and precision of all workers, once one is ready."""
        self._expected_networks = ""
        self._complaint = ""
        self._waited_since = time.monotonic()

    def __enter__(self) -> WorkerPool:
        ray = self._ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._depot = ray.remote(Depot).options(num_cpus=0, scheduling_strategy=here).remote()
        self._actor_class = ray.remote(Worker).options(
            num_cpus=self.share.cpus, num_gpus=self.share.gpus, max_restarts=0, scheduling_strategy="SPREAD"
        )
        for hand in self._hands:
            self._start(hand)
        return self

    def __exit__(self, *_: object) -> None:
        for actor in (self._depot, *(hand.actor for hand in self._hands if hand.actor is not None)):
            self._ray.kill(actor)

    @property
    def ready(self) -> int:
        """How many workers are ready or at work."""
        return sum(hand.stage in ("idle", "busy") for hand in self._hands)

    def assign(self, task: Task, machine: tuple[str, str] | None) -> None:
        """Turn to a film. `machine` are the device and precision that it was begun on; None: the first worker's."""
        self._ray.get(self._depot.allow.remote([file.path for file in task.files.values()]))
        self._task = self._ray.put(task)
        self.machine, self._expected_networks = machine, task.networks
        for hand in self._hands:
            if hand.stage not in ("starting", "gone"):
                self._prepare(hand)

    def work(self, items: Iterable[Item]) -> Iterator[Joined | Reported[Item] | Lost[Item] | Notice]:
        """Have all items done, in this order as far as workers are free; tell what happens.

        What a dead worker was at is done next, what failed is tried again last. Raises `FarmError` where no worker
        is left.
        """
        waiting: deque[Item] = deque(items)
        tries: Counter[Item] = Counter()
        self._waited_since = time.monotonic()
        while waiting or any(hand.stage == "busy" for hand in self._hands):
            for hand in self._hands:
                if hand.stage == "idle" and waiting:
                    self._begin(hand, waiting.popleft())
            yield from self._warn_of_waiting()
            for hand in self._listen():
                for report in self._hear(hand):
                    if isinstance(report, Lost):
                        item = report.item
                        tries[item] += 1
                        last = tries[item] >= self._tries
                        if not last:
                            waiting.append(item) if hand.stage == "idle" else waiting.appendleft(item)
                        report = Lost(item, report.reason, last)
                    yield report

    def _listen(self) -> list[_Hand]:
        """Those that have something to say, after a second at the latest."""
        awaited = {hand.ref: hand for hand in self._hands if hand.ref is not None}
        if not awaited and not any(hand.stage == "idle" for hand in self._hands):
            raise FarmError(f"there are no workers left: {self._complaint or 'none could be started'}")
        if not awaited:
            return []
        ready, _ = self._ray.wait(list(awaited), timeout=_POLL_SECONDS)
        if ready:  # and whoever else is ready
            ready, _ = self._ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
        return [awaited[ref] for ref in ready]

    def _hear(self, hand: _Hand) -> Iterator[Joined | Reported[Any] | Lost[Any] | Notice]:
        """What came from a worker."""
        errors = self._ray.exceptions
        ref, hand.ref = hand.ref, None
        try:
            answer = self._ray.get(ref)
        except errors.RayTaskError as error:
            yield from self._fail(hand, _reason_of(error.cause))
        except errors.RayError as error:
            yield from self._bury(hand, error)
        else:
            match hand.stage:
                case "starting" if answer != code_version():
                    yield from self._give_up(
                        hand, f"a worker runs dreamvid {answer}, but this machine runs {code_version()}"
                    )
                case "starting":
                    self._prepare(hand)
                case "preparing":
                    yield from self._welcome(hand, answer)
                case _:
                    item = hand.item
                    if answer.done:
                        hand.stage, hand.item = "idle", None
                    else:
                        hand.ref = hand.actor.more.remote()
                    yield Reported(item, answer)

    def _welcome(self, hand: _Hand, facts: Facts) -> Iterator[Joined | Notice]:
        machine = (facts.device, facts.precision)
        if facts.networks != self._expected_networks:
            yield from self._refuse(
                hand, f"{facts.node} has different weights ({facts.networks}, here {self._expected_networks})"
            )
        elif self.machine not in (None, machine):
            ours = " in ".join(self.machine or ())
            yield from self._refuse(
                hand, f"{facts.node} would render on {' in '.join(machine)}, the other workers on {ours}"
            )
        else:
            self.machine = machine
            hand.facts, hand.stage, hand.failed_starts = facts, "idle", 0
            yield Joined(facts)

    def _start(self, hand: _Hand) -> None:
        hand.actor = self._actor_class.remote(self.share.threads)
        hand.ref, hand.stage = hand.actor.code_version.remote(), "starting"

    def _prepare(self, hand: _Hand) -> None:
        if self._task is None:
            return
        hand.ref, hand.stage = hand.actor.prepare.remote(self._task, self._depot), "preparing"

    def _begin(self, hand: _Hand, item: Any) -> None:
        hand.item, hand.stage = item, "busy"
        hand.ref = hand.actor.begin.remote(item)

    def _fail(self, hand: _Hand, reason: str) -> Iterator[Lost[Any] | Notice]:
        """A worker is well, but what it was asked for has failed."""
        if hand.stage != "busy":
            yield from self._refuse(hand, f"a worker could not be prepared: {reason}")
            return
        item, hand.item, hand.stage = hand.item, None, "idle"
        yield Lost(item, reason, last=False)

    def _refuse(self, hand: _Hand, complaint: str) -> Iterator[Notice]:
        """A worker cannot be used for this film."""
        self._complaint, hand.stage = complaint, "refused"
        yield Notice(f"{complaint}; it is excluded")

    def _give_up(self, hand: _Hand, complaint: str) -> Iterator[Notice]:
        """A worker cannot be used at all."""
        yield from self._refuse(hand, complaint)
        self._ray.kill(hand.actor)
        hand.actor, hand.stage = None, "gone"

    def _bury(self, hand: _Hand, error: Exception) -> Iterator[Lost[Any] | Notice]:
        """A worker has died: another takes its place."""
        stage, item, hand.item = hand.stage, hand.item, None
        self._ray.kill(hand.actor)
        if stage == "busy":
            where = "" if hand.facts is None else f" (process {hand.facts.process} on {hand.facts.node})"
            self._start(hand)
            yield Lost(item, f"its worker died{where}", last=False)
            return
        hand.failed_starts += 1
        if hand.failed_starts >= _STARTS:
            yield from self._give_up(hand, f"a worker could not be started ({_short(error)})")
        else:
            self._start(hand)

    def _warn_of_waiting(self) -> Iterator[Notice]:
        if self.ready:
            self._waited_since = time.monotonic()
        elif time.monotonic() - self._waited_since > _PATIENCE_SECONDS:
            self._waited_since = time.monotonic()
            free = self._ray.available_resources()
            yield Notice(
                f"no worker is ready yet: each needs {self.share}, but only {free.get('GPU', 0):g} GPUs and "
                f"{free.get('CPU', 0):g} cores are free; `ray status` shows details"
            )


def _reason_of(cause: BaseException) -> str:
    """An error of ours as it is, others with their kind."""
    return str(cause) if isinstance(cause, DreamvidError) else f"{type(cause).__name__}: {_short(cause)}"


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
