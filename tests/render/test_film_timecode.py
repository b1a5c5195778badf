"""The timecode of films: moved with their first frame, the same when resumed, at other rates, in pictures and lists."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import ZoomSettings, build_settings, make_settings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import open_reader, probe
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.render import Job, Notice, render_job, runner
from dreamvid.zoom.job import ZoomJob, render_zoom
from tests.output.stopping import stop_after

VALUES: dict[str, Any] = {
    "model": "dreamnet", "octaves": 1, "iterations": 1, "warm_iterations": 0, "flow": "none", "cuts": "none",
    "precision": "fp32", "threads": 1, "save_every": 0,
}  # fmt: skip


def clip(path: Path, rate: str, code: str | None, *, seconds: float = 0.5, sound: bool = False) -> Path:
    inputs = ["-f", "lavfi", "-i", f"testsrc2=s=40x32:r={rate}:d={seconds}"]
    inputs += ["-f", "lavfi", "-i", f"sine=d={seconds}"] if sound else []
    tags = [] if code is None else ["-metadata:s:v:0", f"timecode={code}", "-metadata:s:v:0", "reel_name=A001"]
    done, _, stderr = run_ffmpeg([*inputs, "-c:v", "mpeg4", "-q:v", "2", *tags, str(path)])
    assert not done, stderr
    return path


def render(source: Path, target: Path, **values: Any) -> list[str]:
    job = Job(source, target, make_settings(VALUES, values))
    return [event.text for event in render_job(job) if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("rate", "code", "later"),
    [
        ("24000/1001", "01:00:09:22", "01:00:10:01"),
        ("24", "23:59:59:22", "00:00:00:01"),
        ("25", "01:00:09:22", "01:00:10:00"),
        ("30000/1001", "01:00:59;28", "01:01:00;03"),
        ("30000/1001", "01:00:59:28", "01:01:00:01"),
        ("60000/1001", "01:00:59;58", "01:01:00;05"),
    ],
)
def test_a_part_has_the_timecode_of_its_first_frame(tmp_path: Path, rate: str, code: str, later: str) -> None:
    source = clip(tmp_path / "clip.mov", rate, code)
    assert render(source, tmp_path / "film.mov", start=later, frames=2) == []
    found = probe(tmp_path / "film.mov").timecode
    assert found is not None
    assert (str(found), found.rate, found.reel) == (later, Fraction(rate), "A001")


def test_a_resumed_render_has_the_same(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "30000/1001", "01:00:59;20")
    for target in ("film.mov", "f/%05d.exr"):
        job = Job(source, tmp_path / target, make_settings(VALUES, {"start": "01:00:59;22", "frames": 10}))
        stop_after(job, 3)
        list(render_job(job))
    assert str(probe(tmp_path / "film.mov").timecode) == "01:00:59;22"
    for number, code in ((1, "01:00:59;22"), (8, "01:00:59;29"), (9, "01:01:00;02")):
        path = tmp_path / "f" / f"{number:05}.exr"
        assert str(open_reader(path.with_name("%05d.exr")).info.timecode) == "01:00:59;22"
        stored = OpenEXR.File(str(path), header_only=True).parts[0].header["timeCode"]
        assert f"{stored.hours:02}:{stored.minutes:02}:{stored.seconds:02};{stored.frame:02}" == code


def test_pictures_may_be_numbered_by_timecode(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "25", "00:00:40:00")
    assert render(source, tmp_path / "f" / "%05d.png", first_frame="timecode", start="00:00:40:01", frames=2) == []
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == ["01001.png", "01002.png"]
    with pytest.raises(SettingsError, match="--first-frame timecode: the film has no timecode"):
        render(clip(tmp_path / "none.mov", "25", None), tmp_path / "g" / "%05d.png", first_frame="timecode")


def test_one_may_be_given_or_left_out(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "30000/1001", "01:00:00:00")
    render(source, tmp_path / "a.mov", timecode="10:00:00;00", frames=1)
    assert str(probe(tmp_path / "a.mov").timecode) == "10:00:00;00"
    render(source, tmp_path / "b.mov", timecode="none", frames=1)
    assert probe(tmp_path / "b.mov").timecode is None
    with pytest.raises(SettingsError, match="--timecode: '01:01:00;00' does not exist in drop-frame"):
        render(source, tmp_path / "c.mov", timecode="01:01:00;00", frames=1)
    with pytest.raises(SettingsError, match=r"--timecode: needs a whole number of frames per second"):
        render(source, tmp_path / "c.mov", timecode="01:00:00:00", rate="12.5", frames=1)
    with pytest.raises(SettingsError, match="neither none nor a timecode"):
        make_settings({"timecode": "an hour"})


def test_another_rate_keeps_the_time_of_day_of_the_first_frame(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "24000/1001", "01:00:00:12", seconds=1)
    (told,) = render(source, tmp_path / "film.mov", rate=24, frames=2)
    assert "its timecode begins at 01:00:00:12 and counts 24 frames per second" in told
    assert probe(tmp_path / "film.mov").timecode == ClipTimecode(86_412, Fraction(24), reel="A001")
    (told,) = render(source, tmp_path / "odd.mov", rate="12.5", frames=2)
    assert "gets no timecode" in told
    assert probe(tmp_path / "odd.mov").timecode is None


def test_sound_with_a_clock_gives_one_to_a_film_without(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "24000/1001", None)
    samples = str(86_400 * 1001 * 48_000 // 24_000)  # 01:00:00:00 at 23.976, which is 3603.6 s
    done, _, stderr = run_ffmpeg(
        ["-f", "lavfi", "-i", "sine=d=1:r=48000", "-write_bext", "1", "-metadata", f"time_reference={samples}",
         str(tmp_path / "field.wav")]
    )  # fmt: skip
    assert not done, stderr
    (told,) = render(source, tmp_path / "film.mov", audio=str(tmp_path / "field.wav"), frames=2)
    assert "begins at the timecode 01:00:00:00" in told
    assert str(probe(tmp_path / "film.mov").timecode) == "01:00:00:00"


def test_sidecar_and_report_say_it(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "25", "01:00:00:24")
    job = Job(source, tmp_path / "film.mov", make_settings(VALUES, {"report": True, "frames": 3}))
    stop_after(job, 2)
    list(render_job(job))
    sidecar = json.loads((tmp_path / "film.mov.json").read_text())
    expected = {"first frame": "01:00:00:24", "frames per second": "25", "drop-frame": False, "reel": "A001"}
    assert sidecar["timecode"] == expected
    lines = [json.loads(line) for line in (tmp_path / "film.mov.report.jsonl").read_text().splitlines()]
    assert [line["timecode"] for line in lines] == ["01:00:00:24", "01:00:01:00", "01:00:01:01"]


def test_a_zoom_may_have_one(tmp_path: Path) -> None:
    values = {"model": "dreamnet", "octaves": 1, "iterations": 1, "warm_iterations": 1, "size": "32x32"}
    settings = build_settings(ZoomSettings, values, {"duration": 0.1, "timecode": "01:00:00:00"})
    list(render_zoom(ZoomJob(target=tmp_path / "zoom.mov", settings=settings)))
    assert str(probe(tmp_path / "zoom.mov").timecode) == "01:00:00:00"


def test_shots_are_listed_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clip(tmp_path / "clip.mov", "30000/1001", "01:00:59;25")
    (tmp_path / "cuts.txt").write_text("01:00:59;25\n01:01:00;03\n")
    for name in ("list.csv", "list.edl"):
        listed = ["--cuts", str(tmp_path / "cuts.txt"), "-o", str(tmp_path / name)]
        assert run(["shots", str(source), *listed]) == 0
        shown = capsys.readouterr().out
        assert "timecode 01:00:59;25 (drop-frame) at 29.97 frames per second, reel A001" in shown
        assert "01:01:00;03" in shown
        assert "01:01:00;03" in (tmp_path / name).read_text()
        assert run(["shots", str(source), "--cuts", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == shown
    assert "001  A001     V" in (tmp_path / "list.edl").read_text()
    render(source, tmp_path / "film.mov", cuts=str(tmp_path / "list.edl"), shots="2")
    assert str(probe(tmp_path / "film.mov").timecode) == "01:01:00;03"


def test_a_proxy_has_half_the_size_and_all_else(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "25", "01:00:00:05", sound=True)
    told = render(source, tmp_path / "film.mkv", proxy=True, start="01:00:00:08", codec="ffv1")
    assert told == [f"{tmp_path / 'film.proxy.mov'}: the proxy is complete"]
    film, proxy = probe(tmp_path / "film.mkv"), probe(tmp_path / "film.proxy.mov")
    assert (proxy.width, proxy.height, proxy.frame_count) == (20, 16, film.frame_count)
    assert proxy.timecode == film.timecode
    assert proxy.audio_codecs
    with open_reader(film.path, size=(20, 16)) as large, open_reader(proxy.path) as small:
        for one, other in zip(large, small, strict=True):
            assert np.abs(one.mean(axis=2) - other.mean(axis=2)).mean() < 0.04  # its colors are for pairs of pixels
    with pytest.raises(MediaError, match=r"film\.proxy\.mov: already exists"):
        render(source, tmp_path / "film.mp4", proxy=True)


def test_pictures_get_a_proxy_with_the_sound(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mov", "25", "01:00:00:05", sound=True)
    render(source, tmp_path / "f" / "%04d.exr", proxy=True, frames=4)
    proxy = probe(tmp_path / "f.proxy.mov")
    assert (proxy.width, proxy.frame_count, str(proxy.timecode)) == (20, 4, "01:00:00:05")
    assert proxy.audio_codecs


def test_a_proxy_that_was_interrupted_is_made_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip(tmp_path / "clip.mov", "25", "01:00:00:05")
    real = runner.write_proxy

    def stop(*args: Any, **kwargs: Any) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "write_proxy", stop)
    with pytest.raises(KeyboardInterrupt):
        render(source, tmp_path / "film.mov", proxy=True, frames=3)
    made = (tmp_path / "film.mov").stat().st_mtime_ns
    monkeypatch.setattr(runner, "write_proxy", real)
    render(source, tmp_path / "film.mov", proxy=True, frames=3)
    assert (tmp_path / "film.mov").stat().st_mtime_ns == made
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clip.mov", "film.mov", "film.mov.json", "film.proxy.mov"
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "folder"), [("film.mov", "film.mov.passes"), ("f/%05d.exr", "f")])
def test_passes_have_the_timecode_of_their_frames(tmp_path: Path, name: str, folder: str) -> None:
    source = clip(tmp_path / "clip.mov", "25", "01:00:00:23")
    render(source, tmp_path / name, passes="dream,source", frames=3)
    files = sorted((tmp_path / folder).iterdir())
    headers = [OpenEXR.File(str(path), header_only=True).parts[0].header for path in files]
    codes = [header["timeCode"] for header in headers]
    assert [(code.seconds, code.frame) for code in codes] == [(0, 23), (0, 24), (1, 0)]
    assert "dream.R" in {channel.name for channel in headers[0]["channels"]}
