"""A whole render keeps what its source has, in every format, stopped and gone on with or not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import FloatImage, open_reader, open_writer, probe, read_image, write_image
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.output import recorder
from dreamvid.render import Finished, Job, Notice, Started, render_job
from dreamvid.runtime.registers import CODECS
from tests.output.stopping import stop_after

VALUES: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1,
    "flow": "none", "cuts": "none", "precision": "fp32", "threads": 1, "save_every": 0, "sidecar": False,
}  # fmt: skip
FRAMES = 8
RATE = Fraction(24)


def scene(index: int, width: int = 96, height: int = 64) -> FloatImage:
    """A sheared wave that runs, and an alpha that fades from left to right and grows."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wave = 0.5 + 0.3 * np.sin((x + y + 3 * index) / 6)
    alpha = np.clip((x + 8 * index) / (2 * width), 0, 1)
    return np.stack([wave, 1 - wave, wave * 0.5, alpha], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with alpha and 16 bits."""
    path = tmp_path_factory.mktemp("clear") / "clear.mkv"
    with open_writer(path, width=96, height=64, rate=RATE, codec="ffv1", bit_depth=16, alpha=True) as writer:
        for index in range(FRAMES):
            writer.write(scene(index))
    return path


def frames_of(path: Path) -> npt.NDArray[np.float32]:
    with open_reader(path, alpha=True) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize(
    ("name", "values", "alpha"),
    [
        ("out.mkv", {"codec": "ffv1"}, 0.0),
        ("out.mov", {"codec": "prores"}, 1.1 / 1023),
        ("out.mp4", {"codec": "h265", "bit_depth": 12}, None),
    ],
)
def test_stopped_and_gone_on_with_is_unbroken_in_every_depth(
    clear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, values: dict[str, Any], alpha: float | None
) -> None:
    monkeypatch.setattr(recorder, "segment_length", lambda *_, **__: 3)
    settings = make_settings(VALUES, values)
    (tmp_path / "whole").mkdir()
    whole, broken = Job(clear, tmp_path / "whole" / name, settings), Job(clear, tmp_path / name, settings)
    list(render_job(whole))
    stop_after(broken, 5)
    events = list(render_job(broken))
    assert next(event for event in events if isinstance(event, Started)).resumed > 0
    assert whole.target is not None
    found, expected = frames_of(tmp_path / name), frames_of(whole.target)
    assert np.array_equal(found, expected)
    info = probe(tmp_path / name)
    assert (info.frame_count, info.rate) == (FRAMES, RATE)
    if alpha is None:
        assert found.shape[3] == 3
        assert any("transparency" in event.text for event in events if isinstance(event, Notice))
    else:
        truth = np.stack([scene(index) for index in range(FRAMES)])
        assert np.abs(found[..., 3] - truth[..., 3]).max() <= max(alpha, 0.6 / 65535)
        assert np.abs(found[..., :3] - truth[..., :3]).mean() > 0.002  # and it was dreamed
    depths = {encoding.pixel_format: encoding.bit_depth for encoding in CODECS[values["codec"]].encodings}
    assert info.bit_depth == (12 if name == "out.mov" else values.get("bit_depth", 16))
    assert info.bit_depth in {*depths.values(), 12}


def test_another_way_of_reading_or_storing_is_another_render(clear: Path, tmp_path: Path) -> None:
    def job(**values: Any) -> Job:
        return Job(clear, tmp_path / "out.mkv", make_settings(VALUES, {"codec": "ffv1"}, values))

    stop_after(job(), 4)
    for values in ({"bit_depth": 8}, {"deinterlace": True}, {"tonemap": "hable"}):
        with pytest.raises(SettingsError, match=f"differs in {next(iter(values)).replace('_', '-')}"):
            list(render_job(job(**values)))


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 1e-5), (".tif", 1e-5), (".exr", 1e-3)])
def test_a_sequence_keeps_its_numbers_its_depth_and_its_alpha(tmp_path: Path, suffix: str, tolerance: float) -> None:
    (tmp_path / "in").mkdir()
    for index in range(4):
        write_image(tmp_path / "in" / f"{1001 + index}{suffix}", scene(index), bit_depth=16)
    settings = make_settings(VALUES, {"start": Fraction(1, 24)})
    events = list(render_job(Job(tmp_path / "in" / f"%d{suffix}", tmp_path / "out" / f"%d{suffix}", settings)))
    assert isinstance(events[-1], Finished)
    assert sorted(path.name for path in (tmp_path / "out").glob(f"*{suffix}")) == [
        f"{number}{suffix}" for number in (1002, 1003, 1004)
    ]
    assert probe(tmp_path / "out" / f"1003{suffix}").bit_depth == 16
    found = read_image(tmp_path / "out" / f"1003{suffix}", alpha=True)
    assert np.abs(found[..., 3] - scene(2)[..., 3]).max() <= tolerance


def test_pictures_are_numbered_from_where_it_is_said(clear: Path, tmp_path: Path) -> None:
    def job(target: str, **values: Any) -> Job:
        return Job(clear, tmp_path / target, make_settings(VALUES, {"frames": 4, "first_frame": 1001}, values))

    stop_after(job("out/%05d.png"), 2)
    list(render_job(job("out/%05d.png")))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{n:05}.png" for n in range(1001, 1005)]
    with pytest.raises(SettingsError, match=r"--first-frame: film\.mp4 is one file"):
        list(render_job(job("film.mp4")))
    assert not list(tmp_path.glob("film*"))


def test_a_film_becomes_pictures_and_a_still_keeps_its_alpha(clear: Path, tmp_path: Path) -> None:
    source = tmp_path / "clip.mkv"
    source.write_bytes(clear.read_bytes())
    list(render_job(Job(source, None, make_settings(VALUES, {"codec": "exr", "frames": 2}))))
    assert sorted(path.name for path in (tmp_path / "clip.dream").glob("*.exr")) == ["00001.exr", "00002.exr"]
    write_image(tmp_path / "still.png", scene(0), bit_depth=16)
    list(render_job(Job(tmp_path / "still.png", None, make_settings(VALUES))))
    found = read_image(tmp_path / "still.dream.png", alpha=True)
    assert np.abs(found[..., 3] - scene(0)[..., 3]).max() <= 0.6 / 65535
    assert probe(tmp_path / "still.dream.png").bit_depth == 16


def test_color_tags_of_the_clip_are_the_films(tmp_path: Path) -> None:
    graph = "testsrc2=s=96x64:r=24:d=0.2,scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=bt2020-10:range=tv"
    source = tmp_path / "wide.mkv"
    code, _, reason = run_ffmpeg(
        ["-f", "lavfi", "-i", f"{graph},{tags}", "-c:v", "ffv1", "-frames:v", "3", f"file:{source}"]
    )
    assert code == 0, reason
    list(render_job(Job(source, tmp_path / "out.mp4", make_settings(VALUES, {"codec": "h265"}))))
    info, given = probe(tmp_path / "out.mp4"), probe(source)
    assert info.color == given.color
    assert info.color_primaries == "bt2020"
    assert info.color_range == "tv"
    with open_reader(tmp_path / "out.mp4") as made, open_reader(source) as raw:
        assert np.abs(next(made).mean((0, 1)) - next(raw).mean((0, 1))).max() < 0.03


def test_hdr_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    source = tmp_path / "hdr.mkv"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    code, _, reason = run_ffmpeg(
        ["-f", "lavfi", "-i", f"testsrc2=s=96x64:r=24:d=0.2,format=yuv420p10le,{tags}", "-c:v", "ffv1", str(source)]
    )
    assert code == 0, reason
    with pytest.raises(MediaError, match="--tonemap"):
        next(render_job(Job(source, tmp_path / "out.mp4", make_settings(VALUES, {"cuts": "auto"}))))
    settings = make_settings(VALUES, {"cuts": "auto", "tonemap": "hable", "frames": 2})
    list(render_job(Job(source, tmp_path / "out.mp4", settings)))
    info = probe(tmp_path / "out.mp4")
    assert (info.frame_count, info.color_transfer, info.color_primaries) == (2, "bt709", "bt709")


def test_every_file_that_is_read_is_safe_from_being_written(clear: Path, tmp_path: Path) -> None:
    """Also through links, and where the sound is not wanted."""
    source = tmp_path / "song.mkv"
    source.write_bytes(clear.read_bytes())
    (tmp_path / "link.mkv").symlink_to(source)
    values = {"codec": "ffv1", "react": source, "audio": "none"}
    for target in (source, tmp_path / "link.mkv"):
        with pytest.raises(MediaError, match="is an input"):
            next(render_job(Job(clear, target, make_settings(VALUES, values), overwrite=True)))
