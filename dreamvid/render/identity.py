"""All that a render's frames depend on, as plain text: two renders with the same identity are the same film."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from dreamvid.media import list_sequence
from dreamvid.settings import DreamSettings, key_of
from dreamvid.varying import Varying

_NO_MATTER = {"threads", "save_every", "device", "precision"}  # what was made of the last two is told separately
_FILES = ("weights", "guide", "mask", "react")
_SAMPLE = 2**20  # bytes


def recipe(settings: DreamSettings) -> dict[str, str]:
    """Every setting as a person would write it, by its name on the command line."""
    varying = settings.as_text()
    written = {}
    for name in type(settings).model_fields:
        if name in Varying.model_fields:
            continue
        value = getattr(settings, name)
        if value is not None:
            written[key_of(name)] = varying.get(name) or _text(value)
    return written


def identify(settings: DreamSettings, source: Path | None, facts: Mapping[str, object]) -> dict[str, str]:
    """The identity of a render of `source`; `facts` are what is not in the settings: range, machine, network."""
    names = {key_of(name) for name in _NO_MATTER}
    identity = {key: value for key, value in recipe(settings).items() if key not in names}
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None:
            identity[name] = fingerprint(path)
    if source is not None:
        identity["source"] = fingerprint(source)
    identity |= {name: str(value) for name, value in facts.items()}
    return identity | {"version of dreamvid": version("dreamvid")}


def fingerprint(path: Path) -> str:
    """Tell a file, or a sequence of them, from others: names do not matter, sizes and parts of the content do."""
    files = list_sequence(path) or [path]
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{size};".encode())
        if len(files) > 1:
            continue  # sizes tell; thousands of large frames would take minutes to read
        with file.open("rb") as stream:
            for place in (0, max(0, size // 2 - _SAMPLE // 2), max(0, size - _SAMPLE)):
                stream.seek(place)
                digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:16]


def network_fingerprint(network: object) -> str:
    """Tell a network's weights from others."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values() if isinstance(network, nn.Module) else ():
        digest.update(tensor.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) and not hasattr(value, "_fields") else str(value)
