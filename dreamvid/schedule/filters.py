"""What a curve was before: functions of its past, the same at every frame rate and wherever a render begins.

`smooth` and `envelope` follow a curve step by step from the start of the film, on a grid of 100 steps a second, which
is that of all envelopes; between two steps they are linear. `lag` is the curve itself, some seconds ago.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from dreamvid.schedule.expression import Filtered, NoValue
from dreamvid.schedule.moment import Moment, Timeline
from dreamvid.schedule.names import TIMES

RATE = 100
"""Steps a second."""
_MOST_STEPS = RATE * 24 * 3600
_TINY = 1e-6  # steps, by which times may miss one by rounding

Evaluate = Callable[[Filtered, Moment], float]
"""Gives the value of a filter's operand at a moment."""


class _Followed:
    """The steps of a filter from the start on, as many as were asked for so far."""

    def __init__(self, node: Filtered) -> None:
        self.values: list[float] = []
        self._node = node
        self._up, self._down = (_share(seconds) for seconds in (node.seconds[0], node.seconds[-1]))

    def reach(self, count: int, evaluate: Evaluate, timeline: Timeline) -> None:
        """Follow the curve until there are so many steps."""
        if count > _MOST_STEPS:
            raise NoValue(self._node, "reaches back more than 24 hours")
        step = Fraction(1, RATE)
        for number in range(len(self.values), count):
            value = evaluate(self._node, timeline.moment_at(number * step, step))
            # An envelope rises from nothing; what is smoothed was always as it is first.
            first = 0.0 if self._node.function == "envelope" else value
            level = self.values[-1] if number else first
            self.values.append(level + (self._up if value > level else self._down) * (value - level))


def _share(seconds: float) -> float:
    """By how much of the distance a level comes nearer in a step, for a time constant."""
    return 1 - math.exp(-1 / (RATE * seconds)) if seconds else 1.0


def filtered(node: Filtered, moment: Moment, evaluate: Evaluate) -> float:
    """The value of a filter at a moment; of what is heard the peak during the frame, as of all that is heard."""
    timeline = moment.timeline or _Alone(moment)
    if node.function == "lag":
        seconds = Fraction(moment.seconds) - Fraction(node.seconds[0])
        return evaluate(node, timeline.moment_at(seconds, Fraction(moment.length)))
    followed: _Followed = timeline.memory.setdefault(node, _Followed(node))
    place = float(moment.seconds) * RATE
    first = max(0, math.floor(place + _TINY))
    is_heard = bool(node.operand.names.difference(TIMES))
    end = math.ceil(place + float(moment.length) * RATE - _TINY) if is_heard else 0
    followed.reach(max(first + 2, end), evaluate, timeline)
    low, high = followed.values[first], followed.values[first + 1]
    now: float = low + (high - low) * min(1.0, max(0.0, place - first))
    return max([now, *followed.values[first + 1 : end]])


class _Alone:
    """Of a moment that belongs to no film: what is heard then is heard always."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.memory: dict[object, _Followed] = {}

    def moment_at(self, seconds: Fraction, length: Fraction) -> Moment:
        now = self._moment
        seconds = max(seconds, Fraction(0))
        frame = math.floor(seconds * Fraction(now.fps))
        return replace(now, seconds=seconds, frame=frame, length=length, timeline=self)
