"""A file with options behind its name: `shot.%04d.exr:layer=diffuse,first=1001`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dreamvid.config.types import parse_path
from dreamvid.errors import shown

_OPTIONS = re.compile(r"(?P<path>.+?):(?P<options>[a-z]+=[^:]*)", re.DOTALL)

Reader = Callable[[str], Any]
"""Makes the value of an option of its text. Raises `ValueError`."""


def read_file_options(text: str, readers: Mapping[str, Reader]) -> tuple[Path, dict[str, Any]]:
    """The file, and the options by name, of `FILE[:K=V,…]`. Raises `ValueError`."""
    found = _OPTIONS.fullmatch(text)
    if found is None:
        return parse_path(text), {}
    said = {}
    for item in found["options"].split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in readers or not equals:
            raise ValueError(f"'{shown(item)}' is not one of {', '.join(f'{name}=' for name in readers)}")
        try:
            said[key] = readers[key](value)
        except ValueError as error:
            raise ValueError(f"{key}={shown(value)}: {error}") from None
    return parse_path(found["path"]), said


def write_file_options(path: Path, options: Mapping[str, str]) -> str:
    """The text that `read_file_options` reads."""
    said = ",".join(f"{name}={value}" for name, value in options.items())
    return f"{path}:{said}" if said else str(path)


def read_name(value: str) -> str:
    """A name. Raises `ValueError` where there is none."""
    if not value:
        raise ValueError("give a name")
    return value
