"""Arithmetic that a person types, read by hand into a small tree. What is not in the tree cannot happen.

    1 + 2*beat        0.5 if t < 4 else 1        clamp(bass**2, 0.2, 0.8)        2 < t % 8 < 4 and onset > 0.5

Precedence, chained comparisons, `and`/`or` and `%` are Python's, except that all arithmetic is in float: nothing can
grow without end, and a power that has no real value is an error. Truth is 1 and 0; what is not 0 is true.

    Number   0.5            Unary   -x, not x              Call     sin(x)
    Name     t, pi          Chain   a + b - c, a < b < c   Choice   a if c else b

`str` of a tree is a text that is read as an equal tree.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dreamvid.schedule.functions import CONSTANTS, FUNCTIONS


class Lookup(Protocol):
    """What an expression is evaluated with; raises `NoValue` where there is no value."""

    def __call__(self, name: str) -> float:
        """The value of a variable."""
        ...

    def filtered(self, node: Filtered) -> float:
        """The value of a function of the past."""
        ...


class NoValue(ArithmeticError):  # noqa: N818 - a value is missing, no error was made
    """Which part of an expression has no value, and why, in words that follow on it: `divides by zero`."""

    def __init__(self, part: object, reason: str) -> None:
        super().__init__(f"{part} {reason}")
        self.part, self.reason = part, reason


# How tightly a node holds together: an operand that holds less tightly than its place asks for needs parentheses.
CHOICE, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)

BINDING = (
    {"or": OR, "and": AND}
    | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARISON)
    | {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "**": POWER}
)

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_COMPUTE: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": math.pow,
}


class Expression(ABC):
    """A node of the tree and all that is below it. Immutable and hashable."""

    __slots__ = ()

    @property
    @abstractmethod
    def binding(self) -> int:
        """How tightly its text holds together."""

    @property
    @abstractmethod
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below."""

    @abstractmethod
    def evaluate(self, lookup: Lookup) -> float:
        """Its value: a finite float. Raises `NoValue` where there is none."""

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    def names(self) -> frozenset[str]:
        """The variables in it."""
        return frozenset().union(*(child.names for child in self.children))

    @property
    def constant(self) -> float | None:
        """Its value if there is no variable in it, else None."""
        return None if self.names else self.evaluate(_Nothing())


class _Nothing:
    """Where no variable is known."""

    def __call__(self, name: str) -> float:
        raise NoValue(name, "is not known")

    def filtered(self, node: Filtered) -> float:
        raise NoValue(node, "is not known")


def _compute(part: Expression, function: Callable[..., float], *values: object) -> float:
    try:
        value = float(function(*values))
    except ZeroDivisionError:
        raise NoValue(part, "divides by zero") from None
    except OverflowError:
        raise NoValue(part, "is too large to compute") from None
    except ValueError:
        raise NoValue(part, "has no value") from None
    if not math.isfinite(value):
        raise NoValue(part, "is too large to compute")
    return value


def _within(node: Expression, binding: int) -> str:
    return str(node) if node.binding >= binding else f"({node})"


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A number without a sign."""

    value: float
    binding = ATOM
    children = ()

    def evaluate(self, lookup: Lookup) -> float:  # noqa: ARG002
        return self.value

    def __str__(self) -> str:
        return repr(self.value).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """A variable or a constant."""

    name: str
    binding = ATOM
    children = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset() if self.name in CONSTANTS else frozenset({self.name})

    def evaluate(self, lookup: Lookup) -> float:
        return CONSTANTS[self.name] if self.name in CONSTANTS else _compute(self, lookup, self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`-x` or `not x`."""

    symbol: str
    operand: Expression

    @property
    def binding(self) -> int:
        return NOT if self.symbol == "not" else SIGN

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.operand,)

    def evaluate(self, lookup: Lookup) -> float:
        value = self.operand.evaluate(lookup)
        return float(not value) if self.symbol == "not" else -value

    def __str__(self) -> str:
        return f"{self.symbol}{' ' * (self.symbol == 'not')}{_within(self.operand, self.binding)}"


@dataclass(frozen=True, slots=True)
class Chain(Expression):
    """Operands joined by operators that bind alike: `a + b - c`, `a < b <= c`. So a long sum is not a deep tree."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]

    @property
    def binding(self) -> int:
        return BINDING[self.rest[0][0]]

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.first, *(operand for _, operand in self.rest))

    def evaluate(self, lookup: Lookup) -> float:
        value = self.first.evaluate(lookup)
        for symbol, operand in self.rest:
            if symbol in ("and", "or"):
                if bool(value) == (symbol == "or"):
                    return value
                value = operand.evaluate(lookup)
            elif symbol in _COMPARE:
                right = operand.evaluate(lookup)
                if not _COMPARE[symbol](value, right):
                    return 0.0
                value = right
            else:
                value = _compute(self, _COMPUTE[symbol], value, operand.evaluate(lookup))
        return 1.0 if self.binding == COMPARISON else value

    def __str__(self) -> str:
        if self.binding == POWER:  # groups from the right: 2**-3**2 is 2**(-(3**2))
            return f"{_within(self.first, ATOM)}**{_within(self.rest[0][1], SIGN)}"
        space = "" if self.binding == PRODUCT else " "
        parts = (f"{space}{symbol}{space}{_within(operand, self.binding + 1)}" for symbol, operand in self.rest)
        return _within(self.first, self.binding + 1) + "".join(parts)


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function of values. `where` looks only at the one that it chooses."""

    function: str
    arguments: tuple[Expression, ...]
    binding = ATOM

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def evaluate(self, lookup: Lookup) -> float:
        compute = FUNCTIONS[self.function].compute
        if compute is None:
            return Choice(*self.arguments).evaluate(lookup)
        return _compute(self, compute, *[argument.evaluate(lookup) for argument in self.arguments])

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Filtered(Expression):
    """A function of what its operand was before, and of times in seconds; see `dreamvid.schedule.filters`."""

    function: str
    operand: Expression
    seconds: tuple[float, ...]
    binding = ATOM

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.operand,)

    @property
    def names(self) -> frozenset[str]:
        return self.operand.names | {"t"}

    def evaluate(self, lookup: Lookup) -> float:
        return _compute(self, lookup.filtered, self)

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, (self.operand, *map(Number, self.seconds))))})"


@dataclass(frozen=True, slots=True)
class Choice(Expression):
    """`a if c else b`; looks only at the one that it chooses."""

    condition: Expression
    chosen: Expression
    other: Expression
    binding = CHOICE

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.condition, self.chosen, self.other)

    def evaluate(self, lookup: Lookup) -> float:
        return (self.chosen if self.condition.evaluate(lookup) else self.other).evaluate(lookup)

    def __str__(self) -> str:
        return f"{_within(self.chosen, OR)} if {_within(self.condition, OR)} else {self.other}"
