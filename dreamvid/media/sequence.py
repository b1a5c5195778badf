"""Numbered image sequences (`frames/%05d.png`) and folders of images: which files, in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.images.header import READABLE_SUFFIXES
from dreamvid.media.names import OneFile, what_is

_NUMBER = re.compile(r"(?<!%)((?:%%)*)%(0?)(\d{0,2})d", re.ASCII)
_HASHES = re.compile(r"#{2,18}")  # one alone is in too many names: `Song #1.mp4`


@dataclass(frozen=True)
class NumberedFiles:
    """The files that a pattern such as `frames/%05d.png` stands for; the number is in the last part only."""

    folder: Path
    prefix: str
    suffix: str
    width: int
    filled: bool

    def path(self, number: int) -> Path:
        """Return the file with this number."""
        digits = f"{number:0{self.width}d}" if self.filled else f"{number:{self.width}d}"
        return self.folder / f"{self.prefix}{digits}{self.suffix}"

    def existing(self) -> dict[int, Path]:
        """Return the files on disk that the pattern names, by number, in order."""
        if not self.folder.is_dir():
            return {}
        middle = re.compile(re.escape(self.prefix) + r"\s*([0-9]{1,18})" + re.escape(self.suffix), re.IGNORECASE)
        found = {
            int(match[1]): entry
            for entry in self.folder.iterdir()
            if (match := middle.fullmatch(entry.name)) and _is_named(entry, self.path(int(match[1])))
        }
        return dict(sorted(found.items()))


def _is_named(entry: Path, path: Path) -> bool:
    """Whether a file of a folder is the one that a path names; where the file system ignores case, in any case."""
    if entry.name == path.name:
        return True
    try:
        return len(entry.name) == len(path.name) and entry.name.lower() == path.name.lower() and path.samefile(entry)
    except OSError:  # case counts here, and there is no file of that name
        return False


def parse_pattern(source: Path | str) -> NumberedFiles | None:
    """Return the numbered files that `source` is a pattern of; None if its name holds no `%d`, or it is a `OneFile`.

    `%05d` is a number filled with zeros to five digits, as is `#####`; `%d` is one that is not filled, `%%` a percent
    sign. Raises MediaError if there is more than one number.
    """
    if isinstance(source, OneFile):
        return None
    path = Path(source)
    numbers = list(_NUMBER.finditer(path.name))
    hashes = list(_HASHES.finditer(path.name))
    if not numbers and not hashes:
        return None
    if len(numbers) + len(hashes) > 1:
        raise MediaError(f"{path}: a pattern must contain exactly one number; write it as in frames/%05d.png")
    if hashes:
        start, end = hashes[0].span()
        return NumberedFiles(path.parent, path.name[:start], path.name[end:], end - start, filled=True)
    found = numbers[0]
    prefix = (path.name[: found.start()] + found[1]).replace("%%", "%")
    suffix = path.name[found.end() :].replace("%%", "%")
    return NumberedFiles(path.parent, prefix, suffix, int(found[3] or 1), bool(found[2]))


def list_sequence(source: Path | str) -> list[Path] | None:
    """Return the images of a numbered sequence or of a folder, in order; None if `source` is neither.

    A sequence starts at the lowest number on disk and may have no gap. A folder is read in natural order
    (`frame2.png` before `frame10.png`) and hidden files are passed over.
    Raises MediaError if there is no image, or one of a sequence is missing.
    """
    path = Path(source)
    kind = what_is(path)
    if kind == "folder":
        images = [
            entry
            for entry in path.iterdir()
            if entry.suffix.lower() in READABLE_SUFFIXES and not entry.name.startswith(".") and entry.is_file()
        ]
        if not images:
            raise MediaError(
                f"{path}: the folder contains no images; put {', '.join(sorted(READABLE_SUFFIXES))} files there"
            )
        return sorted(images, key=lambda entry: (_natural_key(entry.name), entry.name))
    if kind == "file":
        return None
    pattern = parse_pattern(path)
    if pattern is None:
        return None
    files = pattern.existing()
    if not files:
        raise MediaError(f"{path}: no file matches the pattern; check the folder and the number of digits")
    first, last = min(files), max(files)
    if len(files) != last - first + 1:
        gap = next(number for number in range(first, last) if number not in files)
        raise MediaError(
            f"{pattern.path(gap)} is missing: the sequence runs from {first} to {last}; add it or renumber the files"
        )
    return list(files.values())


def first_number(source: Path | str, paths: list[Path]) -> int:
    """The number of the first of the `paths` that `list_sequence` has found; 1 in a folder, which has no pattern."""
    pattern = None if Path(source).is_dir() else parse_pattern(source)
    if pattern is None:
        return 1
    return int(paths[0].name[len(pattern.prefix) : len(paths[0].name) - len(pattern.suffix)])


def _natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Digits compare as numbers, the rest without case."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part.casefold())
        for part in re.split(r"(\d+)", name)
    ]
