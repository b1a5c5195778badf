"""TIFF files whose colors are stored as luma and chroma: few programs write them, scanners and old cameras do."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dreamvid.errors import MediaError
from dreamvid.media import probe, read_image

HEIGHT, WIDTH = 16, 24
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
PICTURE = np.stack([COLUMNS * 9, ROWS * 14, 255 - COLUMNS * 5], -1).astype(np.uint8)


def chroma_tiff(across: int, down: int, *, orientation: int = 1, deflated: bool = False) -> bytes:
    """A TIFF of `PICTURE` with one pair of chroma samples for `across` x `down` pixels, written by hand."""
    stored = np.asarray(Image.fromarray(PICTURE).convert("YCbCr"))
    pixels = b"".join(
        block[..., 0].tobytes() + bytes(round(float(block[..., part].mean())) for part in (1, 2))
        for y in range(0, HEIGHT, down)
        for x in range(0, WIDTH, across)
        for block in [stored[y : y + down, x : x + across]]
    )
    pixels = zlib.compress(pixels) if deflated else pixels
    whole = [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1]  # the range of each component, as fractions
    values: dict[int, tuple[str, list[int]]] = {
        256: ("H", [WIDTH]), 257: ("H", [HEIGHT]), 258: ("H", [8, 8, 8]), 259: ("H", [8 if deflated else 1]),
        262: ("H", [6]), 273: ("I", [0]), 274: ("H", [orientation]), 277: ("H", [3]), 278: ("H", [HEIGHT]),
        279: ("I", [len(pixels)]), 530: ("H", [across, down]), 531: ("H", [1]), 532: ("r", whole),
    }  # fmt: skip
    begin = 8 + 2 + 12 * len(values) + 4
    more = b""
    tags = struct.pack("<H", len(values))
    longer = {258: 6, 532: 48}
    values[273] = ("I", [begin + sum(longer.values())])
    for tag, (kind, numbers) in values.items():
        raw = struct.pack(f"<{len(numbers)}{kind.replace('r', 'I')}", *numbers)
        code, count = {"H": 3, "I": 4, "r": 5}[kind], len(numbers) // (2 if kind == "r" else 1)
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", begin + len(more))
        more += raw if len(raw) > 4 else b""
        tags += struct.pack("<HHI", tag, code, count) + place
    return b"II*\0" + struct.pack("<I", 8) + tags + bytes(4) + more + pixels


def read(folder: Path, data: bytes) -> npt.NDArray[np.float32]:
    path = folder / "x.tif"
    path.write_bytes(data)
    frame = read_image(path)
    assert frame.shape[:2] == (probe(path).height, probe(path).width)
    return frame * 255


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2)])
def test_subsampled_chroma_is_read(tmp_path: Path, across: int, down: int, deflated: bool) -> None:
    found = read(tmp_path, chroma_tiff(across, down, deflated=deflated))
    assert np.abs(found - PICTURE).mean() < 4 + 3 * across


def test_it_is_turned_as_its_tag_says(tmp_path: Path) -> None:
    upright = read(tmp_path, chroma_tiff(2, 2))
    for orientation, turned in ((3, upright[::-1, ::-1]), (6, np.rot90(upright, -1)), (2, upright[:, ::-1])):
        found = read(tmp_path, chroma_tiff(2, 2, orientation=orientation))
        assert np.abs(found - turned).max() < 1, orientation


def test_one_that_is_cut_short_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"x\.tif: "):
        read(tmp_path, chroma_tiff(2, 2)[:150])
