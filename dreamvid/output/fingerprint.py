"""All that a render's frames depend on, as plain text: two renders with the same identity are the same film."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from dreamvid.config.fields import fields_of, input_files
from dreamvid.config.settings import DreamSettings, key_of
from dreamvid.errors import MediaError
from dreamvid.media import list_sequence
from dreamvid.output.recipe import write_recipe

_MOST_READ = 2**28  # bytes
_PIECE = 2**16  # bytes


def fingerprint_job(
    settings: DreamSettings, source: Path | None, facts: Mapping[str, object], *, by_picture: bool = False
) -> dict[str, str]:
    """The identity of a render of `source`; `facts` are what is not in the settings: range, machine, network.

    `by_picture`: the journal compares the pictures of a sequence itself, see `picture_fingerprints`.
    """
    facts_by_key = {key_of(name): facts for name, _, facts in fields_of(type(settings))}
    recipe = {key: text for key, text in write_recipe(settings).items() if facts_by_key[key].affects_frames}
    files = input_files(settings, of_frames=True)
    # The first that differs is what people are told: a layer brings other steps with it.
    keys = sorted(recipe, key=lambda key: (not facts_by_key[key].brings_look, key))
    identity = {key: _plain(recipe[key]) for key in keys}
    for key in keys:
        if facts_by_key[key].repeatable and facts_by_key[key].is_input_file:  # how several are read counts
            identity[key] = _without(identity[key], files.values())
    for name, path in files.items():
        how = _without(_plain(recipe.get(key_of(name), "")), [path])  # it is read
        identity[key_of(name)] = fingerprint(path) + how
    if source is not None:
        pictures = list_sequence(source) if by_picture else None
        identity["source"] = fingerprint(source) if pictures is None else f"{len(pictures)} pictures"
    identity |= {name: str(value) for name, value in facts.items()}
    return identity | {"version of dreamvid": version("dreamvid")}


def _without(text: str, paths: Iterable[Path]) -> str:
    """A text without the names of files, which do not matter."""
    for path in sorted(map(str, paths), key=len, reverse=True):
        text = text.replace(path, "")
    return text


def job_tag(settings: DreamSettings, source: Path | None) -> str:
    """Tell what was asked for from what else might be: the settings as they were given, and the source."""
    asked = json.dumps([write_recipe(settings), None if source is None else fingerprint(source)], sort_keys=True)
    return _short_hash(asked.encode())


def files_of(settings: DreamSettings) -> list[Path]:
    """The files that the settings name, which a render reads and must not write."""
    return list(input_files(settings).values())


def fingerprint(path: Path) -> str:
    """Tell a file, or a sequence of them, from others; names do not matter.

    Up to 256 MiB all of the content counts. Of more, so much of it, evenly spread, and the times of the last change:
    to read everything could take minutes. Raises `MediaError` where a file cannot be read.
    """
    found = _fingerprints(list_sequence(path) or [path])
    return found[0] if len(found) == 1 else _short_hash(" ".join(found).encode())


def picture_fingerprints(path: Path) -> list[str]:
    """The fingerprint of every picture of a sequence, in order; of what is no sequence none. Raises `MediaError`."""
    return _fingerprints(list_sequence(path) or [])


def _fingerprints(files: Sequence[Path]) -> list[str]:
    """Of each file by itself; all of them share what is read."""
    try:
        statuses = [file.stat() for file in files]
        share = min(1.0, _MOST_READ / max(1, sum(status.st_size for status in statuses)))
        return [_fingerprint(file, status, share) for file, status in zip(files, statuses, strict=True)]
    except OSError as error:
        raise MediaError(f"{error.filename}: cannot be read ({error.strerror}); check the file") from error


def _fingerprint(path: Path, status: os.stat_result, share: float) -> str:
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns if share < 1 else ''};".encode())
    with path.open("rb") as stream:
        for place in _places(status.st_size, share):
            stream.seek(place)
            digest.update(stream.read(_PIECE))
    return digest.hexdigest()[:16]


def _places(size: int, share: float) -> Iterator[int]:
    """Where to read pieces that make up a share of a file: from its first byte to its last."""
    if share == 1:
        yield from range(0, size, _PIECE)
        return
    last = max(0, size - _PIECE)
    wanted = round(size * share / _PIECE)
    if wanted < 2:
        yield last // 2
        return
    yield from (last * number // (wanted - 1) for number in range(wanted))


def network_fingerprint(network: object) -> str:
    """Tell a network's weights from others."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values() if isinstance(network, nn.Module) else ():
        digest.update(tensor.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _plain(value: str | list[str]) -> str:
    return value if isinstance(value, str) else " ".join(value)
