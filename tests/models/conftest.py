from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from dreamvid.models import Network, load_network


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or fills, the weights cache of whoever runs it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="session")
def random_network() -> Callable[[str], Network]:
    """Networks with random weights, each made once; tests must not change them."""
    return cache(lambda name: load_network(name, random_seed=7))


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(3))
