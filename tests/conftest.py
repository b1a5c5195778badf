from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from typing import Any

# Where the environment forbids it, each of the hundred programs that the tests start would compile torch anew: 13 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded; see dreamvid.cli.main

import cv2
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    """Test machines have two cores; more threads than that only make the figures noisy. Beside others, one."""
    torch.set_num_threads(1 if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1 else 2)
    cv2.setNumThreads(1)


@pytest.fixture(autouse=True, scope="session")
def _one_dreamnet() -> Iterator[None]:
    """The renders of a process share the embedded network, which nothing changes: to build and to trace it anew takes
    longer than the frames of most tests. How networks are loaded is tested in `tests/models`, and by every program that
    the tests start."""
    from dreamvid.models import Network
    from dreamvid.render import targets

    load, extractor = targets.load_fetched_network, Network.extractor
    dreamnet = functools.cache(lambda: load("dreamnet"))
    extractors = functools.lru_cache(16)(lambda taps, options: extractor(dreamnet(), taps, **dict(options)))

    def load_once(name: str, *, weights: Any = None) -> Network:
        return dreamnet() if name == "dreamnet" and weights is None else load(name, weights=weights)

    def extract_once(network: Network, taps: Any, **options: Any) -> Any:
        if network.spec.name != "dreamnet" or network is not dreamnet():
            return extractor(network, taps, **options)
        return extractors(tuple(taps), tuple(sorted(options.items())))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "load_fetched_network", load_once)
        patch.setattr(Network, "extractor", extract_once)
        yield
