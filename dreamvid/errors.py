"""Errors that a user can cause and fix.

    DreamvidError            exit code 1
    ├── MediaError           a file cannot be read, written, decoded or encoded
    ├── ModelError           a network, its weights or one of its layers is not available
    ├── ResourceError        there is not enough memory
    └── SettingsError        a value, preset or configuration is invalid; exit code 2

Every message is one line that says what is wrong, where, and what to do about it; the command line
prints it as is, without a traceback. Any other exception is a bug in dreamvid and shows a traceback.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable


def printable(text: str, length: int | None = None) -> str:
    """`text` in one line that is safe to print, at most `length` characters of it."""
    if length is not None and len(text) > length:
        text = f"{text[:length]}…"
    return "".join(
        c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def shown(value: object, length: int = 60) -> str:
    """Any value in one line that is safe to print, at most `length` characters of it."""
    if isinstance(value, int) and value.bit_length() > 4 * length:  # Python refuses to print thousands of digits
        return f"a number with about {value.bit_length() * 3 // 10} digits"
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return printable(",".join(shown(item, length) for item in itertools.islice(value, length)), length)
    return printable(str(value), length)


class DreamvidError(Exception):
    """The base class of all errors that a user can cause or fix.

    Its message is a single line that is safe to print, whatever it quotes: file names may contain line feeds and
    terminal control sequences.
    """

    exit_code = 1

    def __init__(self, *message: object) -> None:
        super().__init__(*(printable(part) if isinstance(part, str) else part for part in message))


class MediaError(DreamvidError):
    """A file cannot be read, written, decoded or encoded."""


class ModelError(DreamvidError):
    """A network, its weights or one of its layers is not available."""


class ResourceError(DreamvidError):
    """There is not enough memory."""


class SettingsError(DreamvidError):
    """A value, preset or configuration file is invalid."""

    exit_code = 2


_LONGEST_WORD = 100  # characters of one that is compared with others


def did_you_mean(word: str, known: Iterable[str], count: int = 3) -> str:
    """Return `"; did you mean a, b?"` for the names in `known` closest to `word`, or `""` if none is close."""
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word[:_LONGEST_WORD].lower(), folded, n=count, cutoff=0.6)
    return f"; did you mean {', '.join(folded[name] for name in close)}?" if close else ""
