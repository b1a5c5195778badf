"""What a render leaves beside its film: the sidecar, and the report whose figures mean what they say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import dreamvid.models
from dreamvid.cli.main import run
from dreamvid.config.settings import Settings, make_settings
from dreamvid.dream import DreamCore, Look, Target
from dreamvid.dream.objective import Score
from dreamvid.dream.objectives.energy import Energy
from dreamvid.errors import MediaError
from dreamvid.media.target import beside
from dreamvid.motion import Motion
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.output.recipe import read_look
from dreamvid.render import FrameDone, Job, render_job
from dreamvid.render.metrics import FrameMetrics, warped_error
from tests.output.test_journal import VALUES, stop_after
from tests.tiny import TinyExtractor, noise

CLIP = Path(__file__).parents[2] / "samples" / "journey.mp4"


def job(target: Path, **values: Any) -> Job:
    return Job(CLIP, target, make_settings(VALUES, {"report": True, "sidecar": True}, values))


def lines(target: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in beside(target, ".report.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("account") / "out.mp4"
    list(render_job(job(target)))
    return target


def test_the_report_has_every_frame_and_no_warped_error_at_a_cut(rendered: Path) -> None:
    report = lines(rendered)
    assert [line["frame"] for line in report] == list(range(20))
    begins = [i for i, line in enumerate(report) if line["warped_error"] is None]
    assert begins == [i for i, line in enumerate(report) if i == 0 or line["shot"] != report[i - 1]["shot"]]
    assert len(begins) == 2
    assert all(line["occluded"] == 1 for line in report if line["warped_error"] is None)
    assert all(line["lift"] > 1 and 0.005 < line["energy"] < 0.5 and line["seconds"] > 0 for line in report)
    assert all(0 < line["warped_error"] < 0.6 for line in report if line["warped_error"] is not None)
    drawn = cv2.imread(str(rendered.with_name("out.mp4.report.png")))
    assert drawn.shape[1] == 1400


def test_the_sidecar_says_what_made_the_film(rendered: Path) -> None:
    told = json.loads(rendered.with_name("out.mp4.json").read_text())
    weights = Path(dreamvid.models.__file__).parent / "weights" / "dreamnet.safetensors"
    assert told["weights"]["dreamnet"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert told["recipe"]["layer"] == ["inception3a"]
    assert told["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert told["timings"]["frames"] == told["timings"]["dreamed now"] == 20
    assert told["timings"]["seconds"] > 0
    assert "source" in told["fingerprints"]


def test_like_takes_a_sidecar_and_finds_it_where_a_file_holds_no_recipe(rendered: Path, tmp_path: Path) -> None:
    assert read_look(rendered.with_name("out.mp4.json"), Settings) == read_look(rendered, Settings)
    bare = tmp_path / "bare.mp4"
    bare.write_bytes(CLIP.read_bytes())
    bare.with_name("bare.mp4.json").write_text(rendered.with_name("out.mp4.json").read_text())
    assert read_look(bare, Settings)["octaves"] == "2"


def test_numbered_pictures_have_theirs_beside_the_folder(tmp_path: Path) -> None:
    target = tmp_path / "frames" / "%05d.png"
    list(render_job(job(target, frames=3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "frames", "frames.json", "frames.report.jsonl", "frames.report.png",
    ]  # fmt: skip
    assert len(lines(target)) == 3
    assert read_look(tmp_path / "frames", Settings) == read_look(target, Settings)
    assert beside(tmp_path / "left_%d.png", ".json").name == f"{tmp_path.name}.left.json"


def test_an_interrupted_report_goes_on_without_gap_or_double(tmp_path: Path, rendered: Path) -> None:
    target = tmp_path / "out.mp4"
    stop_after(job(target), 7)
    kept = tmp_path / "out.mp4.journal" / "report.jsonl"
    beyond = json.loads(kept.read_text().splitlines()[-1]) | {"frame": 15}  # reported, but not saved
    with kept.open("a") as file:
        file.write(json.dumps(beyond) + '\n{"frame": 16, "sh')  # the power went
    dreamed = [event for event in render_job(job(target)) if isinstance(event, FrameDone)]
    report = lines(target)
    assert [line["frame"] for line in report] == list(range(20))
    told = json.loads(target.with_name("out.mp4.json").read_text())
    assert told["timings"]["frames"] == 20
    assert told["timings"]["dreamed now"] == len(dreamed) < 20
    for line, whole in zip(report, lines(rendered), strict=True):
        assert line["objective"] == pytest.approx(whole["objective"], rel=1e-4)


def test_without_a_report_nothing_is_measured_and_without_a_sidecar_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    events = list(render_job(job(target, report=False, sidecar=False, frames=2)))
    assert all(event.figures is None for event in events if isinstance(event, FrameDone))
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("name", ["out.mp4.json", "out.mp4.report.jsonl", "out.mp4.report.png"])
def test_what_is_not_ours_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(MediaError, match=f"{name}: already exists"):
        next(iter(render_job(job(tmp_path / "out.mp4"))))
    assert (tmp_path / name).read_text() == "mine"


def test_an_old_sidecar_of_ours_is_renewed(tmp_path: Path, rendered: Path) -> None:
    sidecar = tmp_path / "out.mp4.json"
    sidecar.write_text(rendered.with_name("out.mp4.json").read_text())
    list(render_job(job(tmp_path / "out.mp4", frames=1, report=False)))
    assert json.loads(sidecar.read_text())["timings"]["frames"] == 1


def test_a_residual_that_moves_with_the_flow_has_no_warped_error() -> None:
    before = noise(32, 48, seed=1) - 0.5
    now = torch.roll(before, 3, dims=3)
    back = np.zeros((32, 48, 2), np.float32)
    back[..., 0] = -3
    reliability = np.ones((32, 48), np.float32)
    reliability[:, :6] = 0  # came in from outside
    still = FrameMotion.of(Motion(np.zeros_like(back), reliability), before.device)
    assert warped_error(before, now, FrameMotion.of(Motion(back, reliability), before.device)) < 1e-5
    assert warped_error(before, now, still) > 0.1
    assert warped_error(before, -before, still) == pytest.approx(2, rel=1e-5)


def test_the_inspector_compares_with_the_frame_before_only() -> None:
    dreamer = DreamCore(TinyExtractor(), Look(octaves=2, iterations=(6,), jitter=0))
    raw = noise(48, 64)
    inspector = FrameMetrics()
    motion = FrameMotion.of(Motion(np.zeros((48, 64, 2), np.float32), np.ones((48, 64), np.float32)), raw.device)
    dreamed = dreamer.dream(raw)
    first = inspector.measure(raw, dreamed, None, dreamer)
    again = inspector.measure(raw, dreamed, motion, dreamer)
    assert first.warped_error is None
    assert again.warped_error == pytest.approx(0, abs=1e-6)
    assert first.lift is not None
    assert first.lift > 1.2


def test_attainment_is_an_rms_a_score_and_a_match() -> None:
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(1, 6, 5, 7, generator=generator)
    assert Target().attainment(features) == pytest.approx(float(features.square().mean().sqrt()), rel=1e-5)
    chosen = features[:, [1, 4]].square().mean().sqrt()
    assert Target(channels=(1, 4)).attainment(features) == pytest.approx(float(chosen), rel=1e-5)
    scores = torch.tensor([[1.0, -2.0, 5.0]])
    assert Target(channels=(2,), objective=Score()).attainment(scores) == pytest.approx(5)
    assert Target(objective=Energy().reversed()).attainment(features.abs()) < 0
    same = Target().guided(features[0].flatten(1)).attainment(features)
    assert same > Target().guided(torch.randn(6, 40, generator=generator)).attainment(features)


def test_attainment_of_a_large_picture_is_looked_at_small() -> None:
    extractor = TinyExtractor()
    sizes: list[tuple[int, int]] = []

    class Watched(TinyExtractor):
        def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
            sizes.append((image.shape[-2], image.shape[-1]))
            return extractor(image)

    DreamCore(Watched(), Look()).attainment(noise(600, 1200))
    assert sizes == [(256, 512)]


def test_flags(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    code = run([str(CLIP), "--model", "dreamnet", "--layer", "inception3a", "--octaves", "1", "--iterations", "1",
                "--max-size", "64", "--frames", "2", "--report", "--no-sidecar", "--progress", "none",
                "-o", str(target)])  # fmt: skip
    assert code == 0
    assert len(lines(target)) == 2
    assert not target.with_name("out.mp4.json").exists()
