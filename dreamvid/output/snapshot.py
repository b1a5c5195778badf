"""What a loop needs to go on from a frame: tensors and numbers, on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from dreamvid.runtime.documents import parse_json


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state after `done` frames: named tensors, and numbers that JSON can hold.

    Where frames are dreamed twice, `ahead` of them have been dreamed backward by then. `files` lie in the journal's
    folder already, and belong to the state.
    """

    done: int
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    ahead: int = 0
    files: tuple[str, ...] = ()


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is there whole after a power cut, or is still what it was."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def make_durable(path: Path) -> None:
    """Let a finished file be on the disk before this returns."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Store a snapshot; its tensors must be on the CPU."""
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in snapshot.tensors.items()}
    metadata = {"done": str(snapshot.done), "numbers": json.dumps(dict(snapshot.numbers))}
    if snapshot.ahead:
        metadata |= {"ahead": str(snapshot.ahead), "files": json.dumps(snapshot.files)}
    write_durably(path, save(tensors, metadata))


def read_snapshot(path: Path) -> Snapshot:
    """Read what `write_snapshot` wrote. Raises `OSError` or `ValueError` where the file is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    ahead, files = int(metadata.get("ahead", "0")), parse_json(metadata.get("files", "[]"))
    return Snapshot(int(metadata["done"]), tensors, parse_json(metadata["numbers"]), ahead, tuple(files))
