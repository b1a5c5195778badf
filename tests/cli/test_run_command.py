from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import make_settings
from dreamvid.errors import SettingsError
from dreamvid.media import probe
from dreamvid.render import Job, render_job
from dreamvid.render.batch import is_done, read_batch
from tests.output.stopping import stop_after

SAMPLES = Path(__file__).parents[2] / "samples"
SHARED = (
    "shared: {model: dreamnet, layer: inception3a, octaves: 1, iterations: 1, max-size: 96, frames: 3, audio: none}"
)


def write(folder: Path, clips: str, shared: str = SHARED) -> Path:
    path = folder / "job.yaml"
    path.write_text(f"{shared}\nclips:\n{clips}")
    return path


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for name in ("a.mp4", "c.mp4"):
        (tmp_path / name).write_bytes((SAMPLES / "known_flow.mp4").read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"no film at all")
    return tmp_path


def test_what_fails_does_not_keep_the_rest_from_being_rendered(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = write(clips, "- a.mp4\n- input: broken.mp4\n- {input: c.mp4, output: third.mkv, step: 3, frames: 2}\n")
    assert run(["run", str(job), "--progress", "none"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "2 rendered, 0 already complete, 1 failed"
    assert any(line.startswith("clip 2: ") and "broken.mp4" in line for line in lines)
    assert probe(clips / "a.dream.mp4").frame_count == 3
    assert probe(clips / "third.mkv").frame_count == 2
    assert not (clips / "broken.dream.mp4").exists()


def test_a_second_run_renders_what_is_missing_or_another_job(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = write(clips, "- a.mp4\n- c.mp4\n")
    assert run(["run", str(job), "--progress", "none"]) == 0
    (clips / "c.dream.mp4").unlink()
    assert run(["run", str(job), "--progress", "none"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "1 rendered, 1 already complete, 0 failed"
    assert all(is_done(one) for one in read_batch(job))
    changed = write(clips, "- a.mp4\n- {input: c.mp4, step: 2}\n")
    assert [is_done(one) for one in read_batch(changed)] == [True, False]
    assert run(["run", str(changed), "--progress", "none"]) == 1  # another render stands there
    assert "c.dream.mp4: already exists" in capsys.readouterr().err
    assert run(["run", str(changed), "--progress", "none", "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clips: []", r"a job file needs a list `clips:`"),
        ("clip: [a.mp4]\nclips: [a.mp4]", r"a job file has no key 'clip'; did you mean clips"),
        ("clips: [a.mp4, {inputs: b.mp4}]", r"clip 2: has no `input:`"),
        ("clips: [{input: a.mp4, stepp: 2}]", r"clip 1: there is no setting 'stepp'; did you mean step"),
        ("clips: [{input: a.mp4, step: -2}]", r"clip 1: --step: .*greater than or equal to 0"),
        ("shared: [1]\nclips: [a.mp4]", r"`shared` must contain settings"),
        ("clips: [a.mp4, a.mp4]", r"two clips have the output .*a.dream.mp4"),
        ("clips: [", r"not valid YAML"),
        ("clips: !!python/object/apply:os.system ['true']", r"not valid YAML"),
    ],
)
def test_a_wrong_job_file_is_one_clear_line_before_anything_is_rendered(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_batch(path)


def test_a_missing_job_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere.yaml: no such job file"):
        read_batch(tmp_path / "nowhere.yaml")


def test_pictures_are_done_when_all_of_them_are(clips: Path) -> None:
    values = {"model": "dreamnet", "octaves": 1, "iterations": 1, "max_size": 64, "frames": 4, "save_every": 0}
    job = Job(clips / "a.mp4", clips / "out" / "%03d.png", make_settings(values))
    assert not is_done(job)
    stop_after(job, 2)
    assert not is_done(job)
    list(render_job(job))
    assert is_done(job)
    assert not is_done(replace(job, settings=job.settings.replace(seed=2)))
