"""The functions and constants of an expression."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class Function(NamedTuple):
    """A function as it is written, and what it computes from floats.

    None for `where`, which must not compute both, and for functions of the past.
    """

    signature: str
    compute: Callable[..., float] | None

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many values."""
        values = self.signature.count(",") + 1
        return count >= values - 1 if self.signature.endswith("…)") else count == values


def _smooth(x: float) -> float:
    return x * x * (3 - 2 * x)


def _smoothstep(a: float, b: float, x: float) -> float:
    if a == b:
        return float(x >= a)
    return _smooth(min(max((x - a) / (b - a), 0.0), 1.0))


def _lattice(index: int) -> float:
    """The `index`-th number, in [0, 1), of SplitMix64 seeded with 0 (Steele, Lea & Flood 2014)."""
    mask = 2**64 - 1
    z = (index + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return ((z ^ z >> 31) >> 11) / 2**53


def _noise(x: float) -> float:
    """Value noise: a random number at each whole `x`, joined smoothly."""
    cell = math.floor(x)
    left, right = _lattice(cell), _lattice(cell + 1)
    return left + (right - left) * _smooth(x - cell)


_ALL = (
    Function("sin(x)", math.sin),
    Function("cos(x)", math.cos),
    Function("tan(x)", math.tan),
    Function("abs(x)", abs),
    Function("min(a, b, …)", min),
    Function("max(a, b, …)", max),
    Function("sqrt(x)", math.sqrt),
    Function("exp(x)", math.exp),
    Function("log(x)", math.log),
    Function("floor(x)", math.floor),
    Function("ceil(x)", math.ceil),
    Function("round(x)", round),
    Function("clamp(x, low, high)", lambda x, low, high: min(max(x, low), high)),
    Function("lerp(a, b, x)", lambda a, b, x: a + (b - a) * x),
    Function("smoothstep(a, b, x)", _smoothstep),
    Function("where(c, a, b)", None),
    Function("noise(x)", _noise),
    Function("saw(x)", lambda x: x % 1),
    Function("tri(x)", lambda x: 1 - abs(2 * (x % 1) - 1)),
    Function("pulse(x, width)", lambda x, width: x % 1 < width),
    Function("gate(x, threshold)", lambda x, threshold: x if x >= threshold else 0),
)
_OF_THE_PAST = (
    Function("smooth(x, seconds)", None),
    Function("lag(x, seconds)", None),
    Function("envelope(x, attack, release)", None),
)

FILTERS = {function.name: function for function in _OF_THE_PAST}
"""Those that need to know what was before; `dreamvid.schedule.filters` computes them."""
FUNCTIONS = {function.name: function for function in (*_ALL, *_OF_THE_PAST)}
"""What can be called. saw, tri and pulse have period 1 and go from 0 to 1; pulse is 1 for `width` of each period."""

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
