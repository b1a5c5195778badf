"""Finding the training pictures: class folders and zip files of them, splits and lists."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from dreamvid.errors import MediaError, SettingsError, did_you_mean, shown
from dreamvid.runtime.documents import read_text

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
_LARGEST_LIST = 2**28  # bytes: ImageNet's is 50 MB


@dataclass(frozen=True, order=True)
class Picture:
    """One picture of a class: a file below `root`, or a member of the zip file `root`."""

    label: str
    name: str  # relative, with slashes: class/picture.jpg
    root: Path
    member: str | None = None


@dataclass(frozen=True)
class PictureSet:
    """Pictures to train on and to validate with, and the classes in the order of the network's outputs."""

    classes: tuple[str, ...]
    train: tuple[Picture, ...]
    val: tuple[Picture, ...]


def find_pictures(roots: Sequence[Path]) -> tuple[list[Picture], list[str]]:
    """Return all pictures below the roots and all classes, both sorted.

    A root is a folder with one sub-folder per class, a zip file of that, or a folder of such zip files. The class
    is the first folder of a picture's path; in a zip file, one folder around all classes is looked through.

    Raises:
        MediaError: a root does not exist or is no zip file, there are no pictures, a class is empty, or there
            is only one class.
    """
    pictures: list[Picture] = []
    folders: set[str] = set()
    for root in _opened(roots):
        found, seen = _in_zip(root) if root.is_file() else _in_folder(root)
        pictures += found
        folders |= seen
    where = ", ".join(str(root) for root in roots)
    if not pictures:
        raise MediaError(f"no pictures in {where}; give a folder with one subfolder of pictures per class")
    counts = Counter(picture.label for picture in pictures)
    if empty := sorted(folders - set(counts)):
        raise MediaError(f"class {empty[0]!r} in {where} has no pictures; add some or remove the folder")
    if len(counts) == 1:
        raise MediaError(f"there is only one class, {next(iter(counts))!r}, in {where}; at least two are required")
    return sorted(pictures), sorted(counts)


def split_pictures(pictures: Iterable[Picture], share: float, seed: int) -> tuple[list[Picture], list[Picture]]:
    """Split off `share` of every class, at least one picture of it and never all: (train, validation)."""
    by_class: dict[str, list[Picture]] = {}
    for picture in sorted(pictures):
        by_class.setdefault(picture.label, []).append(picture)
    generator = np.random.default_rng(seed)
    train: list[Picture] = []
    val: list[Picture] = []
    for label in sorted(by_class):
        members = by_class[label]
        order = generator.permutation(len(members))
        held_out = min(max(round(len(members) * share), 1), len(members) - 1) if share else 0
        val += [members[i] for i in sorted(order[:held_out])]
        train += [members[i] for i in sorted(order[held_out:])]
    return train, val


def listed_pictures(pictures: Iterable[Picture], list_path: Path) -> list[Picture]:
    """Return the pictures that a text file names, one relative path (class/picture.jpg) a line.

    Raises:
        MediaError: the file cannot be read, or names a picture that is not there.
    """
    known = {picture.name: picture for picture in pictures}
    lines = read_text(list_path, "list of pictures", largest=_LARGEST_LIST, error=MediaError).splitlines()
    names = [PurePosixPath(line.strip().replace("\\", "/")).as_posix() for line in lines if line.strip()]
    missing = [name for name in names if name not in known]
    if missing:
        hint = did_you_mean(missing[0], known, count=1) if len(known) < 20_000 else ""
        raise MediaError(
            f"{len(missing)} of the {len(names)} pictures in {list_path} are not in the data, the first one being "
            f"'{shown(missing[0])}'{hint or '; paths are relative to the class folders'}"
        )
    return [known[name] for name in names]


def choose_pictures(
    roots: Sequence[Path],
    *,
    val_split: float = 0.2,
    val: Path | None = None,
    train_list: Path | None = None,
    val_list: Path | None = None,
    seed: int = 0,
) -> PictureSet:
    """Return what to train on and what to validate with; lists and `val` go before `val_split`.

    Raises:
        MediaError: as `find_pictures` and `listed_pictures`; or `val` has a class that training has not.
        SettingsError: a picture is in both lists.
    """
    found, classes = find_pictures(roots)
    train = listed_pictures(found, train_list) if train_list else found
    held_out: list[Picture] = []
    if val_list is not None:
        held_out = listed_pictures(found, val_list)
        if train_list is None:
            train = sorted(set(train) - set(held_out))
        elif both := set(train) & set(held_out):
            raise SettingsError(
                f"{min(both).name!r} is in both {train_list} and {val_list}; remove it from one of them"
            )
    elif val is not None:
        held_out, val_classes = find_pictures([val])
        if unknown := sorted(set(val_classes) - set(classes)):
            raise MediaError(f"class {unknown[0]!r} of {val} is not in the training data; use the same classes")
    elif val_split:
        train, held_out = split_pictures(train, val_split, seed)
    if lacking := sorted(set(classes) - {picture.label for picture in train}):
        raise MediaError(f"class {lacking[0]!r} has no training pictures; change the lists or the split")
    return PictureSet(tuple(classes), tuple(train), tuple(held_out))


def _opened(roots: Sequence[Path]) -> list[Path]:
    """Replace folders of zip files by the zip files."""
    opened: list[Path] = []
    for root in roots:
        if root.is_dir():
            has_folders = any(entry.is_dir() and not entry.name.startswith(".") for entry in root.iterdir())
            opened += [root] if has_folders else sorted(root.glob("*.zip")) or [root]
        elif root.is_file():
            opened.append(root)
        else:
            raise MediaError(f"{root} does not exist; give a folder or zip file of class folders")
    return opened


def _in_folder(root: Path) -> tuple[list[Picture], set[str]]:
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    pictures = [
        Picture(folder.name, path.relative_to(root).as_posix(), root)
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    ]
    return pictures, {folder.name for folder in folders}


def _in_zip(root: Path) -> tuple[list[Picture], set[str]]:
    try:
        with zipfile.ZipFile(root) as archive:
            members = [(PurePosixPath(info.filename), info.is_dir()) for info in archive.infolist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise MediaError(f"cannot read {root}: {error}; give a folder or zip file of class folders") from error
    members = [
        (path, is_folder)
        for path, is_folder in members
        if not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    ]
    images = [path for path, is_folder in members if not is_folder and path.suffix.lower() in _SUFFIXES]
    # class/picture.jpg has two parts; with one folder around all classes there are at least three.
    is_wrapped = len({path.parts[0] for path in images}) == 1 and all(len(path.parts) > 2 for path in images)
    depth = 1 if is_wrapped else 0
    pictures = [
        Picture(path.parts[depth], PurePosixPath(*path.parts[depth:]).as_posix(), root, path.as_posix())
        for path in images
        if len(path.parts) > depth + 1
    ]
    folders = {path.parts[depth] for path, is_folder in members if is_folder and len(path.parts) > depth}
    return pictures, folders
