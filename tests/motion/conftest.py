from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
sys.path.append(str(SAMPLES))  # the tests ask make_samples for the truth


def read_sample(name: str) -> list[np.ndarray]:
    """Return the frames of a sample clip, (H, W, 3) float32 RGB in [0, 1]."""
    capture = cv2.VideoCapture(str(SAMPLES / f"{name}.mp4"))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1].astype(np.float32) / 255)
    return frames


@pytest.fixture(scope="session")
def journey() -> list[np.ndarray]:
    return read_sample("journey")


@pytest.fixture(scope="session")
def known_flow() -> list[np.ndarray]:
    return read_sample("known_flow")
