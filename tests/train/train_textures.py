"""A tiny data set whose classes are patterns."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np

SIDE = 32
PICTURES_PER_CLASS = 10


def texture(kind: str, seed: int) -> np.ndarray:
    """A picture whose class is its pattern, and whose colors say nothing: (32, 32, 3) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] + random.integers(0, 8)
    phase = {"across": y, "along": x, "slanted": x + y}[kind] * 2 * np.pi / 8
    dark, bright = random.integers(0, 100, 3), random.integers(150, 255, 3)
    share = (0.5 + 0.5 * np.sin(phase))[..., None]
    return (dark + share * (bright - dark)).astype(np.uint8)


def write_textures(root: Path, count: int = PICTURES_PER_CLASS, seed: int = 0) -> Path:
    """Write a data set of three classes into a folder."""
    for number, kind in enumerate(("across", "along", "slanted")):
        folder = root / kind
        folder.mkdir(parents=True)
        for i in range(count):
            assert cv2.imwrite(str(folder / f"{i:03d}.png"), texture(kind, seed + 1000 * number + i))
    return root


def zip_folder(root: Path, path: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, f"{inside}{file.relative_to(root).as_posix()}")
    return path
