from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from train_textures import SIDE, write_textures

from dreamvid.train.settings import TrainSettings


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only lose time in handing work between threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def textures(tmp_path: Path) -> Path:
    return write_textures(tmp_path / "textures")


@pytest.fixture
def tiny(textures: Path, tmp_path: Path) -> TrainSettings:
    """The smallest run that still learns something: 3 steps an epoch."""
    return TrainSettings(
        data=[textures],
        output=tmp_path / "run" / "tiny.safetensors",
        width=0.125,
        middle=0.125,
        resolution=SIDE,
        epochs=2,
        batch_size=8,
        lr=0.1,
        seed=3,
        device="cpu",
        precision="fp32",
    )
