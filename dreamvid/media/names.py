"""Names of files: what is there under one, names that are made from others, and those that are one file's for sure."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dreamvid.errors import MediaError, shown

LONGEST_NAME = 255
"""Bytes that all usual file systems allow for a name."""

_FOR_A_HIDDEN_NAME = len("..part")
_FOR_WHAT_LIES_BESIDE = len(".report.jsonl") + _FOR_A_HIDDEN_NAME

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # Path itself cannot be built on before Python 3.12


class OneFile(_Path):
    """The path of one file, whatever is in its name: `20%discount.png` is no pattern of numbered files.

    So are names that are made from those of inputs; a name that a person gives for an output may be a pattern.
    """


_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))})
_FORBIDDEN = frozenset('<>:"|?*')
ON_WINDOWS = os.name == "nt"


def is_reserved_on_windows(name: str) -> bool:
    """Whether Windows takes the name of a file for a device (`nul.mp4`), or cannot store it as it is."""
    stem = name.partition(".")[0].rstrip(" ").upper()
    return stem in _RESERVED or name.endswith((" ", ".")) or any(c in _FORBIDDEN or ord(c) < ord(" ") for c in name)


def key_of_name(path: Path) -> str:
    """What is the same for two paths only if they name one file, whether or not it is there.

    Case counts as far as it does in the folder.
    """
    whole = os.path.abspath(path)  # noqa: PTH100 - it takes out `..`, too
    return whole.casefold() if _is_caseless(Path(whole).parent) else whole


def _is_caseless(folder: Path) -> bool:
    """Whether names in a folder, or in the nearest that is there, differ by more than case: as on Windows and macOS."""
    for place in (folder, *folder.parents):
        other = place.with_name(place.name.swapcase()) if place.name else place
        if other != place and place.exists():
            try:
                return other.samefile(place)
            except OSError:
                return False
    return ON_WINDOWS


def what_is(path: Path) -> Literal["file", "folder", "nothing"]:
    """What is there under a name. Raises `MediaError` where nothing can be, or it cannot be told."""
    try:
        return "folder" if stat.S_ISDIR(path.stat().st_mode) else "file"
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except ValueError:  # a NUL
        raise MediaError(f"'{shown(path)}' is not a valid file name; check it") from None
    except OSError as error:
        raise MediaError(f"{shown(path, 300)}: cannot be read ({error.strerror}); check its name") from None


def made_name(stem: str, ending: str) -> str:
    """The name of an output, beside which its sidecar and its report find room: stem and ending, as long as that is not
    too long."""
    return _fitted(stem, ending, _FOR_WHAT_LIES_BESIDE)


def name_beside(name: str, ending: str) -> str:
    """The name of what belongs to an output, which is written under a hidden name first."""
    return _fitted(name, ending, _FOR_A_HIDDEN_NAME)


def _fitted(stem: str, ending: str, reserved: int) -> str:
    """`stem` and `ending`; of a long stem the beginning, and what tells it from others that begin alike."""
    whole = os.fsencode(stem)
    room = LONGEST_NAME - reserved - len(os.fsencode(ending))
    if len(whole) <= room:
        return stem + ending
    mark = f"~{hashlib.sha256(whole).hexdigest()[:8]}"
    while len(os.fsencode(stem)) + len(mark) > room:  # by characters, of which none may be cut
        stem = stem[:-1]
    return stem + mark + ending
