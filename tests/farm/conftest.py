from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.config.settings import make_settings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.farm.cluster import import_ray
from dreamvid.farm.driver import open_pool
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import WorkerPool
from dreamvid.media import open_writer
from dreamvid.runtime.frames import to_frame
from tests.tiny import noise

import_ray()  # with our settings, before a test module imports it without

HOUR = ClipTimecode.parse("01:00:00:00", Fraction(24), "A001")
"""Of their first frame."""

LENGTHS = (3, 6, 4, 9, 3, 5, 7, 3, 8, 4, 3, 5)
"""Frames of the twelve shots."""


def write_clip(path: Path, lengths: tuple[int, ...], step: int = 2) -> None:
    """A film of pans over noise, one for each shot, 96x64 at 24 frames a second."""
    with open_writer(path, width=96, height=64, rate=Fraction(24), codec="ffv1", timecode=HOUR) as writer:
        for shot, frames in enumerate(lengths, 1):
            scene = to_frame(noise(64, 96 + step * frames, shot, low=0.0, high=1.0))
            for frame in range(frames):
                writer.write(scene[:, step * frame : step * frame + 96])


@pytest.fixture(scope="session")
def twelve_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("farm") / "twelve.mkv"
    write_clip(path, LENGTHS)
    return path


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """Two workers of one core each, in a Ray cluster of this machine alone: started once for all tests."""
    with open_pool(FarmSettings(address="local", workers=2), make_settings({"threads": 1})) as pool:
        yield pool
