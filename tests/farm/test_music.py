"""What a picture follows in a song is the same in every piece of a film: on a farm, and after an interruption."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.config.settings import make_settings
from dreamvid.farm.driver import render_on_farm
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import WorkerPool
from dreamvid.media import open_reader
from dreamvid.output import recorder
from dreamvid.render import FrameDone, Job, render_job
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import listen
from dreamvid.runtime.events import FarmProgress
from tests.farm.conftest import write_clip
from tests.music.song import COUNTED, PARTS, write_song
from tests.output.stopping import stop_after

QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1, "threads": 1,
    "precision": "fp32", "codec": "ffv1", "audio": "none", "flow": "none", "save_every": 0,
}  # fmt: skip
LENGTHS = (4, 11, 3, 12)
FRAMES = sum(LENGTHS)
RATE = Fraction(24)


def frames_of(path: Path) -> npt.NDArray[np.float32]:
    with open_reader(path) as reader:
        return np.stack(list(reader))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_song(tmp_path_factory.mktemp("song"))


@pytest.fixture(scope="module")
def job(song: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Job:
    clip = tmp_path_factory.mktemp("clip") / "clip.mkv"
    write_clip(clip, LENGTHS)
    return Job(clip, settings=make_settings(QUICK, song))


@pytest.fixture(scope="module")
def alone(job: Job, tmp_path_factory: pytest.TempPathFactory) -> npt.NDArray[np.float32]:
    target = tmp_path_factory.mktemp("alone") / "film.mkv"
    list(render_job(replace(job, target=target)))
    return frames_of(target)


def test_all_of_it_moves_in_the_song(song: dict[str, Any]) -> None:
    """Else the tests below would say nothing."""
    for name in (*COUNTED, *PARTS):
        settings = make_settings(QUICK, song | {"strength": f"{name} / 100"})
        clock = Clock(RATE, FRAMES, listen(settings, None, RATE))
        values = [settings.at(clock.moment(frame)).strength for frame in range(FRAMES)]
        assert len(set(values[FRAMES // 2 :])) > 1, name


@pytest.mark.slow
def test_a_film_of_shots_is_that_of_one_process(
    job: Job, alone: npt.NDArray[np.float32], pool: WorkerPool, tmp_path: Path
) -> None:
    events = list(render_on_farm(replace(job, target=tmp_path / "farm.mkv"), FarmSettings(chunk="none"), pool))
    assert np.array_equal(frames_of(tmp_path / "farm.mkv"), alone)
    assert sum(isinstance(event, FrameDone) for event in events) == FRAMES


def test_chunks_follow_the_song_from_where_they_begin(
    job: Job, song: dict[str, Any], pool: WorkerPool, tmp_path: Path
) -> None:
    """Frames that are each dreamed anew, so that where a chunk begins makes no other difference."""
    anew = replace(job, settings=make_settings(QUICK, song, {"blend": 0, "cuts": "none"}))
    list(render_job(replace(anew, target=tmp_path / "alone.mkv")))
    farm = FarmSettings(chunk=8, run_in=2, fade=0)
    events = list(render_on_farm(replace(anew, target=tmp_path / "farm.mkv"), farm, pool))
    assert FarmProgress(4, 4, 2) in events
    assert np.array_equal(frames_of(tmp_path / "farm.mkv"), frames_of(tmp_path / "alone.mkv"))


@pytest.mark.parametrize("stop", [pytest.param(6, marks=pytest.mark.slow), 17])
def test_an_interrupted_film_goes_on_with_the_song(
    stop: int, job: Job, alone: npt.NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "segment_length", lambda *_, **__: 4)
    broken = replace(job, target=tmp_path / "film.mkv")
    stop_after(broken, stop)
    assert not (tmp_path / "film.mkv").exists()
    dreamed = [event.frame for event in render_job(broken) if isinstance(event, FrameDone)]
    assert dreamed[0] > 0
    assert np.array_equal(frames_of(tmp_path / "film.mkv"), alone)
