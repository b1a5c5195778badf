"""Editing the boxes of a QuickTime or MP4 file whose index comes last, so that no offset moves."""

from __future__ import annotations

from pathlib import Path

_HEADS = {b"stsd": 8, b"hvc1": 78, b"hev1": 78, b"avc1": 78}  # bytes between the head of a box and the boxes in it


def box(kind: bytes, data: bytes) -> bytes:
    """A box with its length and its name."""
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def add_box(path: Path, inside: list[bytes], added: bytes, *, number: int = 0) -> None:
    """Put a box at the end of the one that `inside` names from the outermost on; `number` counts those of the second
    name, as tracks are.
    """
    data = bytearray(path.read_bytes())
    begin, end = 0, len(data)
    for depth, kind in enumerate(inside):
        begin, end = _find(data, begin, end, kind, number if depth == 1 else 0)
        data[begin : begin + 4] = (end - begin + len(added)).to_bytes(4, "big")
        inner = begin + 8 + _HEADS.get(kind, 0)
        if depth + 1 == len(inside):
            data[end:end] = added
        begin = inner
    path.write_bytes(data)


def _find(data: bytearray, begin: int, end: int, kind: bytes, number: int) -> tuple[int, int]:
    while begin < end:
        size = int.from_bytes(data[begin : begin + 4], "big")
        if data[begin + 4 : begin + 8] == kind:
            if not number:
                return begin, begin + size
            number -= 1
        begin += size
    raise LookupError(kind)
