"""Recorded steps: on a GPU a step is recorded once per octave and replayed, instead of being launched piece by piece.

A step is some two hundred small operations, and on small octaves the processor takes longer to ask for them than the
GPU to do them. A CUDA graph asks for all of them at once ("CUDA Graphs" in the notes of PyTorch's documentation). What
changes from step to step, the shift and the length, is read from the device, so one record serves all steps of an
octave, and all frames.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dreamvid.dream.ascent import Ascent, IndexedRoll, Roll
from dreamvid.runtime.events import Notice, Tell, ignore
from dreamvid.runtime.memory import is_out_of_memory

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a function that works on fixed tensors, and gives back one that does the same, faster. May run the function
some times. Raises `RuntimeError` where it cannot be recorded."""

_MOST_GRAPHS = 24  # octaves, with and without a gain, of a few looks
_MOST_SEEN = 256
_LARGEST_DEVIATION = 0.1  # of a step, on average: bf16 and other orders of sums stay below a hundredth
_WRITTEN_ANEW: dict[str, Any] = {
    "octaves": 1, "octave_scale": 1.0, "octave_sizes": None, "iterations": (), "step": 0.0, "step_decay": 1.0,
    "jitter": 0, "seed": 0,
}  # fmt: skip
"""Of a look, what only says how many steps there are, and of what size, length and shift."""

_WARM_UPS = 2  # libraries choose their algorithms and make their plans there


class Move(NamedTuple):
    """A step's shift down and to the right, in pixels, and its length, in [0, 1] per pixel on average."""

    dy: int
    dx: int
    length: float


class StepGraphs:
    """The recorded steps of dreamers that share them; the network must be the same for all.

    A step is recorded when it is asked for a second time: what comes only once, such as each frame's look where
    `spread` varies, is not worth it. Each record is tried against a plain step. Where that fails, or none can be made,
    all steps are plain from then on, and a line says so.
    """

    def __init__(self, record: Record | None, tell: Tell = ignore) -> None:
        """`record` None: every step is plain, and `tell` hears nothing of it."""
        self._record = record
        self._graphs: OrderedDict[Hashable, _Graph] = OrderedDict()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._tell = tell

    def run(self, ascent: Ascent, image: Tensor, moves: Iterable[Move]) -> Tensor | None:
        """`image` after all `moves` of an untiled ascent; None where there is no record of it."""
        graph = self._graph(ascent, image)
        return None if graph is None else graph.run(ascent, image, moves)

    def clear(self) -> None:
        """Forget all records, and give their memory back."""
        self._graphs.clear()

    def _graph(self, ascent: Ascent, image: Tensor) -> _Graph | None:
        if self._record is None:
            return None
        key = _key(ascent, image)
        if key in self._graphs:
            self._graphs.move_to_end(key)
            return self._graphs[key]
        if key not in self._seen:
            self._seen[key] = None
            if len(self._seen) > _MOST_SEEN:
                self._seen.popitem(last=False)
            return None
        try:
            graph = _Graph(ascent, image, self._record)
            deviation = graph.deviation(ascent, image)
        except RuntimeError as error:
            reason = "too little memory" if is_out_of_memory(error) else str(error).strip().partition("\n")[0]
            self._give_up(f"could not be recorded ({reason})")
            return None
        if not deviation < _LARGEST_DEVIATION:
            self._give_up(f"came out differently when replayed (by {deviation:.2g} of a step)")
            return None
        self._graphs[key] = graph
        if len(self._graphs) > _MOST_GRAPHS:
            self._graphs.popitem(last=False)
        return graph

    def _give_up(self, reason: str) -> None:
        self._record = None
        self.clear()
        self._tell(
            Notice(f"CUDA graphs are not used: a step {reason}; the result is the same, but rendering is slower")
        )


class _Graph:
    """One recorded step, and the tensors that it works on."""

    def __init__(self, ascent: Ascent, image: Tensor, record: Record) -> None:
        self._image, self._base = image.clone(), ascent.base.clone()
        self._gain = None if ascent.gain is None else ascent.gain.clone()
        self._places = [None if place is None else place.clone() for place in ascent.places]
        self._dy, self._dx = (torch.zeros((), dtype=torch.int64, device=image.device) for _ in range(2))
        self._length = torch.zeros((), device=image.device)
        # Kept: what it holds must stay where it was recorded.
        self._ascent = ascent.on(self._base, self._gain, self._places)
        self._replay = record(self._step)

    def _step(self) -> None:
        shift = IndexedRoll(self._dy, self._dx)
        self._image.copy_(self._ascent.step(self._image, shift, self._length))

    def run(self, ascent: Ascent, image: Tensor, moves: Iterable[Move]) -> Tensor:
        self._image.copy_(image)
        self._base.copy_(ascent.base)
        if self._gain is not None and ascent.gain is not None:
            self._gain.copy_(ascent.gain)
        for own, place in zip(self._places, ascent.places, strict=True):
            if own is not None and place is not None:
                own.copy_(place)
        for move in moves:
            self._dy.fill_(move.dy)
            self._dx.fill_(move.dx)
            self._length.fill_(move.length)
            self._replay()
        return self._image.clone()

    def deviation(self, ascent: Ascent, image: Tensor) -> float:
        """How far a replayed step is from a plain one, on average, as a share of its length."""
        move = Move(3, -5, 0.01)
        plain = ascent.step(image, Roll(move.dy, move.dx), move.length)
        replayed = self.run(ascent, image, [move])
        return float((replayed - plain).abs().mean() / move.length)


def _key(ascent: Ascent, image: Tensor) -> Hashable:
    """What a record is good for: all that a step depends on and that is not written anew before each replay.

    Guides are part of what the look climbs; records hold theirs, so that no other guide can be taken for one.
    """
    placed = tuple(place is not None for place in ascent.places)
    return tuple(image.shape), ascent.gain is None, placed, replace(ascent.look, **_WRITTEN_ANEW)


def cuda_record(device: torch.device) -> Record:
    """Records on a CUDA device. All records share their working memory, as no two are replayed at a time."""
    pools: list[Any] = []

    def record(function: Callable[[], None]) -> Callable[[], None]:
        with torch.cuda.device(device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    function()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # `thread_local`: the threads that read ahead may use the device meanwhile.
            with torch.cuda.graph(graph, pool=pools[0] if pools else None, capture_error_mode="thread_local"):
                function()
            if not pools:
                pools.append(graph.pool())
        replay: Callable[[], None] = graph.replay
        return replay

    return record
