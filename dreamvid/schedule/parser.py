"""From text to the tree of an expression, by precedence climbing (Pratt 1973); never by way of Python's own parser."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Literal, NamedTuple

from dreamvid.errors import did_you_mean, printable
from dreamvid.schedule.expression import (
    BINDING,
    CHOICE,
    NOT,
    OR,
    POWER,
    SIGN,
    Call,
    Chain,
    Choice,
    Expression,
    Filtered,
    Name,
    NoValue,
    Number,
    Unary,
)
from dreamvid.schedule.fault import Fault
from dreamvid.schedule.functions import FILTERS, FUNCTIONS
from dreamvid.schedule.names import HIGHEST, KEYWORDS, NO_NAMES, PLAYED, Names

MAX_LENGTH = 2_000  # characters of one expression
MAX_NESTING = 24  # parentheses in parentheses; keeps every walk over a tree far from Python's recursion limit

_MOST_FILTERS = 16  # each has to follow the whole film
LONGEST = 3600  # seconds, of what a function of the past is given

NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"

_TOKEN = re.compile(
    rf"(?P<number>{NUMBER})|(?P<name>[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*)"
    r"|(?P<symbol>\*\*|[<>=!]=|[-+*/%<>(),])|(?P<space>\s+)"
)

_HINTS = {
    "=": "; equality is written ==",
    "^": "; powers are written **",
    "&": "; write and",
    "|": "; write or",
    "!": "; write not",
    ".": "; numbers are written 0.5",
}


class _Token(NamedTuple):
    kind: Literal["number", "name", "word", "symbol", "end"]
    text: str
    start: int
    end: int


def parse_expression(text: str, names: Names = NO_NAMES) -> Expression:
    """The tree of `text`, in which the variables and `names` may stand.

    Raises `Fault` where the text is no expression, is too long or too deep, names what is not there, or where a part
    of it that never changes has no value, such as 1/0.
    """
    _check_length(text, text)
    parser = _Parser(text, names)
    tree = parser.read(CHOICE)
    parser.expect_end()
    _check_length(str(tree), text)  # so that what is printed can be read again
    return tree


def _check_length(printed: str, text: str) -> None:
    if len(printed) > MAX_LENGTH:
        raise Fault(f"an expression may have at most {MAX_LENGTH} characters", 0, len(text))


def _split(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise Fault(_describe_stranger(text[position]), position, position + 1)
        if found["number"]:
            tokens.append(_Token("number", found[0], *found.span()))
        elif found["name"]:
            tokens.append(_Token("word" if found[0] in KEYWORDS else "name", found[0], *found.span()))
        elif found["symbol"]:
            tokens.append(_Token("symbol", found[0], *found.span()))
        position = found.end()
    return [*tokens, _Token("end", "", len(text), len(text))]


def _describe_stranger(character: str) -> str:
    # Some look like others: a Greek omicron like an o, the minus sign of a web page like a hyphen.
    called = f" ({unicodedata.name(character, 'unnamed').lower()})" if not character.isascii() else ""
    return f"'{printable(character)}'{called} is not allowed in an expression{_HINTS.get(character, '')}"


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self._tokens = _split(text)
        self._index = 0
        self._nesting = 0
        self._filters = 0
        self._names = names

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _take(self) -> _Token:
        token = self._next
        self._index += 1
        return token

    def _accept(self, *words: str) -> bool:
        if self._next.text not in words:
            return False
        self._index += 1
        return True

    def _fault(self, reason: str, token: _Token | None = None) -> Fault:
        token = token or self._next
        return Fault(reason, token.start, token.end)

    def expect_end(self) -> None:
        """Raise a `Fault` if anything is left."""
        token = self._next
        if token.text == ")":
            raise self._fault("this parenthesis was never opened")
        if token.text == ",":
            raise self._fault("commas may only separate the arguments of a function; decimals use a point: 0.5")
        if token.kind in ("number", "name") or token.text == "(":
            raise self._fault("an operator such as * is missing before this")
        if token.kind != "end":
            raise self._fault("this is not allowed here")

    def read(self, binding: int) -> Expression:
        """What follows, as far as it holds together at least as tightly as `binding`."""
        start = self._next.start
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._fault(f"this is nested too deeply: more than {MAX_NESTING} levels")
        tree = self._read_operand(binding)
        while (level := BINDING.get(self._next.text, -1)) >= binding:
            tree = self._checked(self._read_chain(tree, level), start)
        if binding == CHOICE and self._accept("if"):
            condition = self.read(OR)
            if not self._accept("else"):
                raise self._fault("'else' is missing here: a if c else b")
            tree = Choice(condition, tree, self.read(CHOICE))
        self._nesting -= 1
        return tree

    def _read_chain(self, first: Expression, level: int) -> Expression:
        rest: list[tuple[str, Expression]] = []
        while BINDING.get(self._next.text) == level:
            symbol = self._take().text
            rest.append((symbol, self.read(SIGN if level == POWER else level + 1)))
        return Chain(first, tuple(rest))

    def _read_operand(self, binding: int) -> Expression:
        token = self._take()
        if token.kind == "number":
            return self._make_number(token)
        if token.kind == "name":
            return self._read_call(token) if self._next.text == "(" else self._make_name(token)
        if token.text == "(":
            inner = self.read(CHOICE)
            self._close(token)
            return inner
        if token.text == "-":
            return Unary("-", self.read(SIGN))
        if token.text == "+":
            return self.read(SIGN)
        if token.text == "not":
            if binding > NOT:
                raise self._fault("'not' needs parentheses here: (not …)", token)
            return Unary("not", self.read(NOT))
        missing = "a value is missing at the end" if token.kind == "end" else "expected a value"
        raise self._fault(missing, token)

    def _make_number(self, token: _Token) -> Expression:
        value = float(token.text)
        if math.isinf(value):
            raise self._fault("this number is too large", token)
        return Number(value)

    def _make_name(self, token: _Token) -> Expression:
        name = token.text
        if name in FUNCTIONS:
            raise self._fault(f"'{name}' is a function: write {FUNCTIONS[name].signature}", token)
        if name.rpartition(".")[2] in PLAYED and self._names.has_notes:
            raise self._fault(f"'{printable(name, 40)}' needs a number: {PLAYED[name.rpartition('.')[2]]}", token)
        if not self._names.knows(name):
            raise self._fault(f"there is no '{printable(name, 40)}'{self._names.suggest(name)}", token)
        return Name(name)

    def _read_call(self, name: _Token) -> Expression:
        if name.text.rpartition(".")[2] in PLAYED:
            return self._read_played(name)
        if name.text not in FUNCTIONS:
            if self._names.knows(name.text):
                raise self._fault(
                    f"'{printable(name.text, 40)}' is a value, not a function; multiplication is written *", name
                )
            hint = did_you_mean(name.text, FUNCTIONS) or f"; use one of {', '.join(FUNCTIONS)}"
            raise self._fault(f"there is no function '{printable(name.text, 40)}'{hint}", name)
        arguments = self._read_arguments()
        function = FUNCTIONS[name.text]
        if not function.takes(len(arguments)):
            raise self._fault(
                f"write {function.signature}, not {len(arguments)} value{'s' * (len(arguments) != 1)}", name
            )
        if name.text in FILTERS:
            return self._make_filter(name, arguments)
        return self._checked(Call(name.text, tuple(arguments)), name.start)

    def _make_filter(self, name: _Token, arguments: list[Expression]) -> Expression:
        self._filters += 1
        if self._filters > _MOST_FILTERS:
            raise self._fault(f"an expression may have at most {_MOST_FILTERS} functions of the past", name)
        seconds = [argument.constant for argument in arguments[1:]]
        if not all(number is not None and 0 <= number <= LONGEST for number in seconds):
            raise self._fault(
                f"write {FILTERS[name.text].signature}, with times from 0 to {LONGEST} seconds that do not change", name
            )
        return Filtered(name.text, arguments[0], tuple(number for number in seconds if number is not None))

    def _read_arguments(self) -> list[Expression]:
        opening = self._take()
        arguments: list[Expression] = []
        while not arguments or self._accept(","):
            arguments.append(self.read(CHOICE))
        self._close(opening)
        return arguments

    def _read_played(self, name: _Token) -> Expression:
        """A note or a controller, of a channel or track perhaps: a variable whose name holds numbers."""
        if not self._names.has_notes:
            raise self._fault(f"there is no '{printable(name.text, 40)}'{self._names.suggest(name.text)}", name)
        kind = name.text.rpartition(".")[2]
        numbers = [argument.constant for argument in self._read_arguments()]
        if len(numbers) > (2 if kind == "note" else 1):
            raise self._fault("write note(36), or note(36, 47) for a range" if kind == "note" else "write cc(1)", name)
        if not all(number is not None and number in range(HIGHEST + 1) for number in numbers):
            raise self._fault(f"write {PLAYED[kind]}, with a whole number from 0 to {HIGHEST}", name)
        return Name(f"{name.text}({', '.join(f'{number:g}' for number in numbers)})")

    def _close(self, opening: _Token) -> None:
        if self._next.kind == "end":
            raise self._fault("this parenthesis is never closed", opening)
        if not self._accept(")"):
            raise self._fault("expected ')' or an operator")

    def _checked(self, tree: Expression, start: int) -> Expression:
        """`tree`, which was read from `start` on, unless it never has a value."""
        try:
            _ = tree.constant
        except NoValue as error:
            raise Fault(f"this {error.reason}", start, self._tokens[self._index - 1].end) from None
        return tree
