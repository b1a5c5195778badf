"""The estimate: near enough to what the render then takes, and it leaves nothing behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import ZoomSettings, build_settings, make_settings
from dreamvid.errors import SettingsError
from dreamvid.media.segments import packet_sizes
from dreamvid.render import Finished, Job, render_job, targets
from dreamvid.render.carry import SETTLING_PASSES
from dreamvid.render.estimate import Estimate, estimate_job
from dreamvid.runtime.events import Downloading, Notice, Progress
from dreamvid.zoom.estimate import estimate_zoom
from dreamvid.zoom.job import NOISE, ZoomJob
from tests.output.test_journal import VALUES
from tests.told import Told

SAMPLES = Path(__file__).parents[2] / "samples"


def job(target: Path, **values: Any) -> Job:
    return Job(SAMPLES / "journey.mp4", target, make_settings(VALUES, {"every": 1, "cuts": "none"}, values))


def test_it_is_near_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    estimate = estimate_job(job(target))
    assert not list(tmp_path.iterdir())
    (finished,) = [event for event in render_job(job(target)) if isinstance(event, Finished)]
    assert (estimate.frames, estimate.width, estimate.height) == (20, 96, 54)
    assert estimate.seconds / finished.seconds == pytest.approx(1, abs=0.8)  # machines are busy with other things, too
    film = sum(packet_sizes(target))  # without sound and container
    assert 0.3 < estimate.size / film < 3
    assert estimate.seconds == pytest.approx(estimate.begin + 19 * estimate.frame)
    assert estimate.memory is None or estimate.memory > 10**8
    assert estimate.free > 0


def test_a_cut_costs_what_a_shots_first_frame_takes_more(tmp_path: Path) -> None:
    steep = estimate_job(job(tmp_path / "out.mp4", iterations=9, warm_iterations=1, octaves=1))
    assert steep.cut / steep.frame == pytest.approx(8 + SETTLING_PASSES)
    even = estimate_job(job(tmp_path / "out.mp4", iterations=1, warm_iterations=1, octaves=1))
    assert even.cut / even.frame == pytest.approx(SETTLING_PASSES)


def test_parts_sequences_and_every(tmp_path: Path) -> None:
    estimate = estimate_job(job(tmp_path / "new" / "%05d.png", start="1", frames=8, every=3))
    assert estimate.frames == 8
    assert not (tmp_path / "new").exists()
    assert estimate.size > 8 * 1000


def test_a_download_is_told_of_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = 2.0

    def fetching(*_: Any, **__: Any) -> Iterator[Progress]:
        yield Notice("downloading")
        yield Downloading("weights", 0, 1)
        time.sleep(patience)
        yield Downloading("weights", 1, 1)

    monkeypatch.setattr(targets, "fetch_network", fetching)
    told = Told()
    began = time.perf_counter()
    estimate = estimate_job(job(tmp_path / "out.mp4"), told)
    assert told == ["downloading"]
    assert estimate.begin < time.perf_counter() - began - patience


def test_a_zoom(tmp_path: Path) -> None:
    values = {"model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "size": "64x48",
              "duration": 4, "loop": True}  # fmt: skip
    settings = build_settings(ZoomSettings, values)
    estimate = estimate_zoom(ZoomJob(NOISE, tmp_path / "z.mp4", settings))
    assert estimate.frames == 96
    assert estimate.seconds == pytest.approx(estimate.begin + (95 + 24) * estimate.frame)  # 24 are dreamed before
    assert not list(tmp_path.iterdir())


def test_a_still_has_no_estimate(tmp_path: Path) -> None:
    still = Job(SAMPLES / "portrait.jpg", tmp_path / "a.png", make_settings(VALUES, {"start": None, "frames": None}))
    with pytest.raises(SettingsError, match=r"--estimate: .* is a still picture"):
        estimate_job(still)


def test_packets_are_the_frames(tmp_path: Path) -> None:
    sizes = packet_sizes(SAMPLES / "journey.mp4")
    assert len(sizes) == 96
    assert sizes[0] == max(sizes[:10])
    assert sum(sizes) < (SAMPLES / "journey.mp4").stat().st_size


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    look = ["--model", "dreamnet", "--layer", "inception3a", "--octaves", "1", "--iterations", "1", "--max-size", "64"]
    assert run([str(SAMPLES / "journey.mp4"), *look, "-o", str(tmp_path / "o.mp4"), "--estimate"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("96 frames of 64x36\ntime    about ")
    assert "free on the disk" in shown
    zoom = ["zoom", "noise", "--size", "64x48", *look[:-2], "-o", str(tmp_path / "z.mp4"), "--estimate"]
    assert run([*zoom, "--progress", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 240
    assert set(told) == {"event", *Estimate.__dataclass_fields__}
    assert not list(tmp_path.iterdir())
