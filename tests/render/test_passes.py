"""The passes of whole renders: of films, sequences and stills, stopped and gone on with, and never in anybody's way."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import ZoomSettings, build_settings, make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.color import to_display
from dreamvid.media import open_reader, open_writer, read_metadata, write_image
from dreamvid.output import recorder
from dreamvid.render import FrameDone, Job, Notice, Started, render_job
from dreamvid.render.estimate import estimate_job
from dreamvid.zoom.job import NOISE, ZoomJob, render_zoom
from tests.media.test_passes import Channels, channels_of, colors
from tests.output.stopping import stop_after
from tests.render.test_formats import VALUES as STILL_VALUES
from tests.render.test_formats import clear, frames_of  # noqa: F401 - a fixture

VALUES: dict[str, Any] = STILL_VALUES | {"flow": "dis", "passes": "all"}
FRAMES, WIDTH, HEIGHT = 8, 96, 64
MOVES = (2, 3)  # px a frame: what is seen goes left, and down


@pytest.fixture(scope="module")
def pan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a rigid motion."""
    from dreamvid.runtime.frames import to_frame
    from tests.tiny import noise

    path = tmp_path_factory.mktemp("pan") / "pan.mkv"
    scene = to_frame(noise(HEIGHT + MOVES[1] * FRAMES, WIDTH + MOVES[0] * FRAMES, 5, low=0.0, high=1.0))
    with open_writer(path, width=WIDTH, height=HEIGHT, rate=Fraction(24), codec="ffv1") as writer:
        for index in range(FRAMES):
            left, top = MOVES[0] * index, MOVES[1] * (FRAMES - 1 - index)
            writer.write(np.ascontiguousarray(scene[top : top + HEIGHT, left : left + WIDTH]))
    return path


def job(source: Path, target: Path, **values: Any) -> Job:
    return Job(source, target, make_settings(VALUES, values))


def render(source: Path, target: Path, **values: Any) -> list[Any]:
    return list(render_job(job(source, target, **values)))


def all_of(folder: Path) -> dict[str, Channels]:
    return {path.name: channels_of(path) for path in sorted(folder.iterdir())}


def same(first: dict[str, Channels], second: dict[str, Channels]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].keys() == second[name].keys()
        and all(np.array_equal(first[name][channel], second[name][channel]) for channel in first[name])
        for name in first
    )


@pytest.fixture(scope="module")
def plain(pan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as numbered EXRs, and as `film.mkv`, without passes."""
    folder = tmp_path_factory.mktemp("plain")
    render(pan, folder / "out" / "%04d.exr", passes=None)
    render(pan, folder / "film.mkv", passes=None, codec="ffv1")
    return folder


@pytest.fixture(scope="module")
def passes(pan: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Channels]:
    """The film's EXRs with all passes, of one process that was never stopped."""
    folder = tmp_path_factory.mktemp("passes") / "out"
    render(pan, folder / "%04d.exr")
    return all_of(folder)


def test_an_exr_sequence_holds_them_as_layers_of_the_same_picture(
    pan: Path, passes: dict[str, Channels], plain: Path
) -> None:
    before = all_of(plain / "out")
    assert passes.keys() == before.keys()
    for name, found in passes.items():
        for color in "RGB":
            assert np.array_equal(found[color], before[name][color])
        assert np.array_equal(colors(found, "source") + colors(found, "dream"), colors(found))
        assert np.ptp(colors(found, "dream")) > 0.05
        assert np.all(found["mask.A"] == 1)
        assert "depth.Z" not in found
    with open_reader(pan) as reader:
        for found, raw in zip(passes.values(), reader, strict=True):
            light = np.moveaxis(colors(found, "source"), 0, -1).astype(np.float32)
            assert np.abs(to_display(light) - raw).max() < 1e-3


def test_vectors_lead_back_to_where_things_were(passes: dict[str, Channels]) -> None:
    """What goes left by 2 px and down by 3 was 2 px to the right and 3 px further up."""
    first, *others = passes.values()
    assert not first["backward.u"].any()
    assert not first["reliability.A"].any()
    inner = slice(12, -12), slice(12, -12)
    for found in others:
        assert np.median(found["backward.u"][inner]) == pytest.approx(MOVES[0], abs=0.1)
        assert np.median(found["backward.v"][inner]) == pytest.approx(MOVES[1], abs=0.1)
        assert np.mean(found["reliability.A"][inner]) > 0.9
        assert np.mean(found["reliability.A"]) < 0.99  # what came in at two edges


def test_beside_a_film_they_are_numbered_files_and_the_film_stays_as_it_is(
    pan: Path, passes: dict[str, Channels], plain: Path, tmp_path: Path
) -> None:
    target = tmp_path / "film.mkv"
    render(pan, target, codec="ffv1", first_frame=1001)
    assert np.array_equal(frames_of(target), frames_of(plain / "film.mkv"))
    found = all_of(tmp_path / "film.mkv.passes")
    assert list(found) == [f"{number:05}.exr" for number in range(1001, 1001 + FRAMES)]
    assert same(dict(enumerate(found.values())), dict(enumerate(passes.values())))  # type: ignore[arg-type]
    assert "dreamvid" in read_metadata(tmp_path / "film.mkv.passes" / "01001.exr")
    assert {path.name for path in tmp_path.iterdir()} == {"film.mkv", "film.mkv.passes"}


def test_each_in_files_of_its_own(pan: Path, passes: dict[str, Channels], tmp_path: Path) -> None:
    target = tmp_path / "out" / "%04d.exr"
    render(pan, target, passes="flow,dream,beauty", passes_as="files", exr_compression="piz")
    found, pictures = all_of(tmp_path / "out.passes"), all_of(tmp_path / "out")
    assert {name.split(".")[0] for name in found} == {"dream", "flow"}  # the output is the beauty
    assert len(found) == 2 * FRAMES
    assert all(channels.keys() == set("RGB") for channels in pictures.values())
    for name, whole in passes.items():
        assert np.array_equal(colors(found[f"dream.{name}"]), colors(whole, "dream"))
        assert np.array_equal(found[f"flow.{name}"]["backward.v"], whole["backward.v"])


@pytest.mark.parametrize("name", ["film.mkv", "out/%04d.exr"])
def test_stopped_and_gone_on_with_they_are_whole(
    pan: Path, passes: dict[str, Channels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(recorder, "segment_length", lambda *_, **__: 3)
    broken = job(pan, tmp_path / name, codec="ffv1" if name == "film.mkv" else "h264")
    folder = tmp_path / ("film.mkv.passes" if name == "film.mkv" else "out")
    for frames in (3, 6):
        stop_after(broken, frames)
        assert folder.is_dir()
    (folder / "00008.exr").write_bytes(b"written, but never counted")
    if name != "film.mkv":
        (folder / "00008.exr").rename(folder / "0008.exr")
    events = list(render_job(broken))
    assert next(event for event in events if isinstance(event, Started)).resumed > 0
    assert same(dict(enumerate(all_of(folder).values())), dict(enumerate(passes.values())))  # type: ignore[arg-type]


def test_what_does_not_count_is_not_left_behind(pan: Path, tmp_path: Path) -> None:
    """Stopped before anything was saved: there is no journal, and nothing of the passes is in the way."""
    target = tmp_path / "film.mkv"
    stop_after(job(pan, target, codec="ffv1", save_every=1000), 3)
    assert list(tmp_path.iterdir()) == []


def test_one_that_counts_and_is_gone_is_told(pan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "film.mkv"
    stop_after(job(pan, target, codec="ffv1"), 5)
    (tmp_path / "film.mkv.passes" / "00001.exr").unlink()
    with pytest.raises(MediaError, match=r"00001.exr: was written earlier but no longer exists"):
        render(pan, target, codec="ffv1")
    with pytest.raises(SettingsError, match="differs in passes"):
        render(pan, target, codec="ffv1", passes="dream")


def test_nothing_of_anybodys_is_overwritten(pan: Path, tmp_path: Path) -> None:
    mine = tmp_path / "film.mkv.passes" / "00005.exr"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with pytest.raises(MediaError, match=r"00005.exr: already exists; replace it with --overwrite"):
        render(pan, tmp_path / "film.mkv", codec="ffv1")
    assert mine.read_bytes() == b"mine"
    assert not (tmp_path / "film.mkv").exists()
    list(render_job(Job(pan, tmp_path / "film.mkv", make_settings(VALUES, {"codec": "ffv1"}), overwrite=True)))
    assert "R" in channels_of(mine)


def test_the_passes_of_another_render_are_no_target_when_they_are_its_source(
    pan: Path, tmp_path: Path
) -> None:
    render(pan, tmp_path / "film.mkv", codec="ffv1", frames=3)
    source = tmp_path / "film.mkv.passes" / "%05d.exr"
    again = Job(source, tmp_path / "film.mkv", make_settings(VALUES, {"codec": "ffv1"}), overwrite=True)
    before = all_of(source.parent)
    with pytest.raises(MediaError, match="this is an input"):
        list(render_job(again))
    assert same(all_of(source.parent), before)


def test_alpha_premultiplies_and_is_the_sources(clear: Path, tmp_path: Path) -> None:  # noqa: F811
    render(clear, tmp_path / "out.mp4", frames=2, exr_depth=32)
    found = channels_of(tmp_path / "out.mp4.passes" / "00002.exr")  # an mp4 has no alpha, its passes have
    assert np.array_equal(found["A"], found["source.A"])
    assert 0.1 < found["A"].mean() < 0.9
    assert found["A"].dtype == found["R"].dtype == np.float32
    assert np.all(colors(found, "source") <= found["A"] + 1e-6)
    assert np.abs(colors(found, "source") + colors(found, "dream") - colors(found)).max() < 1e-7


def test_mask_and_depth_are_those_that_were_used(pan: Path, tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 1, WIDTH, dtype=np.float32)[None], HEIGHT, axis=0)
    write_image(tmp_path / "mask.png", np.repeat((ramp[..., None] > 0.5).astype(np.float32), 3, axis=-1))
    write_image(tmp_path / "near.png", np.repeat(ramp[..., None], 3, axis=-1))
    values = {"mask": tmp_path / "mask.png", "depth": tmp_path / "near.png", "strength": "1 - depth", "frames": 2}
    render(pan, tmp_path / "out" / "%04d.exr", **values, passes="mask,depth,source,dream")
    found = channels_of(tmp_path / "out" / "0002.exr")
    assert np.array_equal(found["mask.A"], (ramp > 0.5).astype(np.float16))
    assert np.allclose(found["depth.Z"], 1 - ramp, atol=0.01)
    outside = found["mask.A"] == 0
    assert not colors(found, "dream")[:, outside].any()
    assert colors(found, "dream")[:, ~outside].any()
    with pytest.raises(SettingsError, match="--passes: depth needs --depth"):
        render(pan, tmp_path / "a.mkv", codec="ffv1", passes="depth")


@pytest.mark.parametrize(
    "values",
    [
        {"two_pass": True},
        {"every": 3, "flow": "none"},
        pytest.param({"every": 3}, marks=pytest.mark.slow),
        pytest.param({"loop": True}, marks=pytest.mark.slow),
    ],
)
def test_every_way_to_dream_a_film_has_them(pan: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    render(pan, tmp_path / "out" / "%04d.exr", **values)
    found = all_of(tmp_path / "out")
    assert len(found) == FRAMES
    still = values.get("flow") == "none"
    for channels in list(found.values())[1:]:
        assert np.array_equal(colors(channels, "source") + colors(channels, "dream"), colors(channels))
        assert colors(channels, "dream").any()
        assert channels["backward.u"].any() != still


def test_a_still(pan: Path, tmp_path: Path) -> None:
    from dreamvid.media import read_image

    with open_reader(pan) as reader:
        write_image(tmp_path / "still.png", next(iter(reader)))
    render(tmp_path / "still.png", tmp_path / "a.exr")
    own = channels_of(tmp_path / "a.exr")
    assert np.array_equal(colors(own, "source") + colors(own, "dream"), colors(own))
    assert not own["backward.u"].any()
    render(tmp_path / "still.png", tmp_path / "b.png")
    beside = channels_of(tmp_path / "b.png.passes.exr")
    assert all(np.array_equal(own[name], beside[name]) for name in own)
    light = np.moveaxis(colors(beside), 0, -1).astype(np.float32)
    assert np.abs(read_image(tmp_path / "b.png") - to_display(light)).max() < 2 / 255
    with pytest.raises(MediaError, match=r"b.png.passes.exr: already exists"):
        (tmp_path / "b.png").unlink()
        render(tmp_path / "still.png", tmp_path / "b.png")


def test_a_zoom_has_its_picture_and_no_other_pass(tmp_path: Path) -> None:
    values = {"model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "size": "64x48",
              "duration": "0.2", "threads": 1, "codec": "ffv1"}  # fmt: skip

    def zoom(names: str) -> ZoomJob:
        settings = build_settings(ZoomSettings, values | {"passes": names})
        return ZoomJob(NOISE, tmp_path / "zoom.mkv", settings)

    with pytest.raises(SettingsError, match=r"--passes: a zoom has only the pass beauty.* leave out dream, source"):
        list(render_zoom(zoom("source,dream,beauty")))
    list(render_zoom(zoom("beauty")))
    found = all_of(tmp_path / "zoom.mkv.passes")
    assert all(channels.keys() == set("RGB") for channels in found.values())
    with open_reader(tmp_path / "zoom.mkv") as reader:
        for channels, picture in zip(found.values(), reader, strict=True):
            light = np.moveaxis(colors(channels), 0, -1).astype(np.float32)
            assert np.abs(to_display(light) - picture).max() < 2 / 255


def test_what_cannot_be_is_one_line(pan: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no pass 'dreem'; did you mean dream"):
        make_settings({"passes": "dreem"})
    with pytest.raises(SettingsError, match=r"--exr-depth: is 16, but --bit-depth is 32"):
        render(pan, tmp_path / "%04d.exr", bit_depth=32, exr_depth=16)
    with pytest.raises(MediaError, match=r"no.png: there is no such file"):
        render(pan, tmp_path / "a.mkv", codec="ffv1", mask=tmp_path / "no.png")
    assert list(tmp_path.iterdir()) == []
    events = render(pan, tmp_path / "a.mkv", codec="ffv1", frames=1, exr_compression="dwaa")
    assert any("dwaa is lossy" in str(event) for event in events if isinstance(event, Notice))
    assert sum(isinstance(event, FrameDone) for event in events) == 1


def test_compression_is_that_of_a_sequence_without_passes_too(pan: Path, tmp_path: Path, plain: Path) -> None:
    render(pan, tmp_path / "out" / "%04d.exr", passes=None, exr_compression="none", frames=1)
    raw, small = tmp_path / "out" / "0001.exr", plain / "out" / "0001.exr"
    assert np.array_equal(colors(channels_of(raw)), colors(channels_of(small)))
    assert raw.stat().st_size > small.stat().st_size
    assert raw.stat().st_size > 2 * 3 * WIDTH * HEIGHT


def test_the_estimate_counts_them(pan: Path, tmp_path: Path) -> None:
    bare = estimate_job(job(pan, tmp_path / "film.mkv", codec="ffv1", passes=None)).size
    whole = estimate_job(job(pan, tmp_path / "film.mkv", codec="ffv1")).size
    assert list(tmp_path.iterdir()) == []
    render(pan, tmp_path / "film.mkv", codec="ffv1")
    taken = sum(path.stat().st_size for path in (tmp_path / "film.mkv.passes").iterdir())
    assert whole - bare == pytest.approx(taken, rel=0.3)


def test_the_look_at_the_disk_counts_them(pan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand bytes and more of passes, and a few thousand of film."""
    free = type("Usage", (), {"free": 8 * 3 * WIDTH * HEIGHT + 8 * 2 * 3 * WIDTH * HEIGHT})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    render(pan, tmp_path / "film.mkv", codec="ffv1", passes=None)
    with pytest.raises(MediaError, match=r"other.mkv: needs about .* free up space"):
        render(pan, tmp_path / "other.mkv", codec="ffv1", exr_depth=32)


def test_recipes_of_renders_without_passes_are_as_they_were() -> None:
    from dreamvid.output.recipe import write_recipe

    recipe = write_recipe(make_settings({}))
    assert not [key for key in recipe if "pass" in key.split("-") or "passes" in key or "exr" in key]
    assert write_recipe(make_settings({"passes": ["mask", "dream"]}))["passes"] == "dream,mask"
