"""Pictures as batches of tensors: decoded once into memory where they fit, batch by batch where they do not."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamvid.errors import MediaError
from dreamvid.train.pictures import Picture

_MEMORY_BYTES = 4 * 2**30  # pictures beyond this are decoded as they are needed
_PROBED_PICTURES = 64
_WORKERS = 8

UInt8Image = NDArray[np.uint8]


def decode_square(encoded: bytes, side: int) -> UInt8Image | None:
    """Decode a picture and return its centered square as (side, side, 3) uint8 RGB; `None` if unreadable."""
    if not encoded:
        return None
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        return None
    height, width = image.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    if short != side:
        square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if short > side else cv2.INTER_CUBIC)
    return np.ascontiguousarray(square, dtype=np.uint8)


def stored_side(pictures: Sequence[Picture], resolution: int) -> int:
    """Return the side at which to keep pictures: room for crops (8/7 of the resolution), but no enlarging.

    Raises:
        MediaError: none of the pictures looked at can be read.
    """
    sides = []
    with _Reader() as reader:
        for picture in pictures[:: max(1, len(pictures) // _PROBED_PICTURES)]:
            encoded = reader.read(picture)
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
            if image is not None:
                sides.append(min(image.shape[:2]))
    if not sides:
        raise MediaError(
            f"{pictures[0].root}: neither {pictures[0].name!r} nor others can be read; check that they are pictures"
        )
    return int(np.clip(np.median(sides), resolution, round(resolution * 8 / 7)))


class PictureStore:
    """Pictures of one split, ready to be drawn in any order.

    `labels` are the class numbers, one a picture. Where all pictures fit in `memory_bytes` they are decoded at
    once and unreadable ones dropped; otherwise they are decoded by threads two batches ahead, and unreadable
    ones are left out of their batch. `skipped` names those found so far.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[str],
        side: int,
        *,
        memory_bytes: int = _MEMORY_BYTES,
    ) -> None:
        number = {label: i for i, label in enumerate(classes)}
        self.side = side
        self.skipped: set[str] = set()
        self._pictures = list(pictures)
        self._memory: UInt8Image | None = None
        if len(pictures) * side * side * 3 <= memory_bytes:
            self._memory = self._decode_all()
        self.labels = torch.tensor([number[picture.label] for picture in self._pictures], dtype=torch.long)

    def __len__(self) -> int:
        return len(self._pictures)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ((N, 3, side, side) uint8, (N,) labels) for consecutive parts of `order`, on the CPU."""
        parts = [part.numpy() for part in torch.split(order, batch_size)]
        if self._memory is not None:
            for part in parts:
                yield torch.from_numpy(self._memory[part]).permute(0, 3, 1, 2), self.labels[part]
            return
        with _Reader() as reader, ThreadPoolExecutor(_WORKERS) as pool:
            pending: list[list[Future[UInt8Image | None]]] = []
            for i, part in enumerate(parts):
                while len(pending) + i < len(parts) and len(pending) < 3:
                    coming = parts[i + len(pending)]
                    pending.append([pool.submit(self._decode, self._pictures[j], reader) for j in coming])
                decoded = zip(part, [future.result() for future in pending.pop(0)], strict=True)
                readable = [(k, image) for k, image in decoded if image is not None]
                batch = np.zeros((len(readable), self.side, self.side, 3), np.uint8)
                for row, (_, image) in zip(batch, readable, strict=True):
                    row[...] = image
                yield torch.from_numpy(batch).permute(0, 3, 1, 2), self.labels[[k for k, _ in readable]]

    def _decode(self, picture: Picture, reader: _Reader) -> UInt8Image | None:
        image = decode_square(reader.read(picture), self.side)
        if image is None:
            self.skipped.add(f"{picture.root}/{picture.name}")
        return image

    def _decode_all(self) -> UInt8Image:
        memory = np.empty((len(self._pictures), self.side, self.side, 3), np.uint8)
        readable: list[Picture] = []
        with _Reader() as reader, ThreadPoolExecutor(_WORKERS) as pool:
            decoded = pool.map(lambda picture: self._decode(picture, reader), self._pictures)
            for picture, image in zip(self._pictures, decoded, strict=True):
                if image is not None:
                    memory[len(readable)] = image
                    readable.append(picture)
        self._pictures = readable
        return memory[: len(readable)]


class _Reader:
    """A context that reads encoded pictures, and keeps zip files open in between. Threads may share it."""

    def __enter__(self) -> _Reader:
        self._stack = ExitStack()
        self._archives: dict[Path, zipfile.ZipFile] = {}
        self._opening = Lock()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, picture: Picture) -> bytes:
        """Return the file's bytes, or none at all where it cannot be read: then it counts as unreadable."""
        try:
            if picture.member is None:
                return (picture.root / picture.name).read_bytes()
            return self._archive(picture.root).read(picture.member)
        except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error):  # RuntimeError: encrypted
            return b""

    def _archive(self, path: Path) -> zipfile.ZipFile:
        with self._opening:
            if path not in self._archives:
                self._archives[path] = self._stack.enter_context(zipfile.ZipFile(path))
            return self._archives[path]
