"""The one door for text that other people wrote: YAML, JSON and plain text, from files and from the tags of films.

A reader gets plain values (None, bool, int, float, str, list, dict) and nothing else, or one line that says what is
wrong. How much there is, how deep it goes, how often it repeats itself by aliases, how many digits a number has and
whether it is finite is checked here and nowhere else.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from dreamvid.errors import DreamvidError, SettingsError, shown

LARGEST = 2**20
"""Bytes of a file of settings or jobs, unless its reader says otherwise."""

_DEEPEST = 24  # lists and mappings in each other
_MOST_VALUES = 100_000  # aliases written out
_MOST_DIGITS = 18  # of a whole number: what is longer is text, and no number that anything here takes

T = TypeVar("T")


class DocumentError(ValueError):
    """What is wrong with a text, in words that follow on the name of what holds it."""


def read_text(
    path: Path, what: str, *, largest: int = LARGEST, error: type[DreamvidError] = SettingsError
) -> str:
    """The text of a file, which messages call `what`: "job file".

    Raises `error` where the file is missing, a folder, a pipe, larger than `largest` bytes or no text.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe or a device could wait for ever
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or a device"
            raise error(f"{path}: is a {kind}, not a {what}; give a file")
        if status.st_size > largest:
            raise error(f"{path}: is too large for a {what}: it is larger than {largest} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise error(f"{path}: no such {what}; check the name") from None
    except UnicodeDecodeError:
        raise error(f"{path}: cannot be read as a {what}: it is not UTF-8 text") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}); check its permissions") from None
    except ValueError:  # what no file system takes, such as a NUL
        raise error(f"'{shown(path)}' is not a valid name for a {what}; check it") from None


def read_yaml(path: Path, what: str) -> Any:
    """The values of a YAML file. Raises `SettingsError` where it cannot be read, or is not what `parse_yaml` takes."""
    return _named(path, lambda: parse_yaml(read_text(path, what)), SettingsError)


def read_json(path: Path, what: str, *, largest: int = LARGEST, error: type[DreamvidError] = SettingsError) -> Any:
    """The values of a JSON file. Raises `error` where it cannot be read, or is not what `parse_json` takes."""
    return _named(path, lambda: parse_json(read_text(path, what, largest=largest, error=error)), error)


def parse_yaml(text: str) -> Any:
    """The values of a YAML text. Numbers are decimal; dates, times such as 1:02.5 and yes or no are text.

    Raises `DocumentError` where it is no YAML, has tags, or is deeper or larger, its aliases written out, than settings
    are.
    """
    try:
        _check_events(yaml.parse(text, Loader=_Loader))
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader that knows even less
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise DocumentError(f"is not valid YAML: {shown(_reason(error), 200)}") from None
    return _checked(values)


def parse_json(text: str | bytes, *, most: int = _MOST_VALUES) -> Any:
    """The values of a JSON text, at most so many.

    Raises `DocumentError` where it is no JSON, holds a number that is not finite or has too many digits, or is deeper
    or larger than anything that is written here.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole_number)
    except RecursionError:
        raise DocumentError("is nested too deeply") from None
    except DocumentError:
        raise
    except ValueError as error:  # of JSON, and of bytes that are no text
        raise DocumentError(f"is not valid JSON: {shown(error, 200)}") from None
    return _checked(values, most)


def _named(path: Path, parse: Callable[[], T], error: type[DreamvidError]) -> T:
    try:
        return parse()
    except DocumentError as problem:
        raise error(f"{path}: {problem}") from None


def _checked(values: Any, most: int = _MOST_VALUES) -> Any:
    """The same values. Raises `DocumentError` for what is too deep, too much, or a number that is not finite."""
    level, depth, count = [values], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > _DEEPEST + 1 or count > most:
            raise DocumentError("is nested too deeply" if depth > _DEEPEST else "contains too many values")
        following: list[Any] = []
        for value in level:
            if isinstance(value, float) and not math.isfinite(value):
                raise DocumentError("contains a number that is not finite")
            if isinstance(value, dict):
                following += value.values()
            elif isinstance(value, list):
                following += value
        level = following
    return values


def _refuse_constant(name: str) -> float:
    raise DocumentError(f"contains {name}, which is not a finite number")


def _whole_number(digits: str) -> int:
    if len(digits) > 2 * _MOST_DIGITS:
        raise DocumentError(f"contains a number with {len(digits)} digits")
    return int(digits)


# YAML.


if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML was built with it


class _Loader(_SafeLoader):
    """Makes of plain words what YAML 1.2 does, in decimal: no dates, no sexagesimal numbers, no yes and no."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML fills it


for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", rf"[-+]?(?:0|[1-9][0-9]{{0,{_MOST_DIGITS - 1}}})", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]{1,99}\.[0-9]{0,99}|\.[0-9]{1,99}|[0-9]{1,99}(?=[eE]))(?:[eE][-+]?[0-9]{1,5})?",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), ["" if one == "\0" else one for one in _first]
    )


def _check_events(events: Iterable[Any]) -> None:
    """Raise `DocumentError` for a document that would become too much, before anything is made of it.

    Of every list and mapping it is counted how many values it has, with those of its aliases.
    """
    open_counts: list[int] = [0]
    open_anchors: list[str | None] = []
    counts: dict[str, int] = {}
    for event in events:
        if getattr(event, "tag", None) is not None:
            raise DocumentError(f"is not valid YAML here: the tag {shown(event.tag)} is not supported; remove it")
        match event:
            case yaml.AliasEvent():
                if event.anchor not in counts:
                    raise DocumentError(f"uses the alias *{shown(event.anchor)} before its anchor is complete")
                open_counts[-1] += counts[event.anchor]
            case yaml.ScalarEvent():
                open_counts[-1] += 1
                if event.anchor:
                    counts[event.anchor] = 1
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                open_counts.append(1)
                open_anchors.append(event.anchor)
                if len(open_counts) > _DEEPEST + 1:
                    raise DocumentError("is nested too deeply")
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                count, anchor = open_counts.pop(), open_anchors.pop()
                open_counts[-1] += count
                if anchor:
                    counts[anchor] = count
        if open_counts[-1] > _MOST_VALUES:
            raise DocumentError("contains too many values")


def _reason(error: Exception) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "").replace('in "<byte string>", ', "").split())
