from __future__ import annotations

import cv2
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    """Test machines have two cores; more threads than that only make the figures noisy."""
    torch.set_num_threads(2)
    cv2.setNumThreads(1)
