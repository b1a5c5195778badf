from __future__ import annotations

import os
import sys

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
