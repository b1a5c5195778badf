"""Light of any brightness through whole renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
import torch

from dreamvid.color.ocio import OcioPath
from dreamvid.color.transfer import PQ, WHITE_NITS
from dreamvid.config.settings import make_settings
from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.images.exr import read_exr_chromaticities
from dreamvid.images.exr_channels import read_channels
from dreamvid.media import open_reader, probe, read_metadata
from dreamvid.media.mastering import Mastering
from dreamvid.render import Job, render_job
from tests.color.scenes import (
    HLG_2020,
    PQ_2020,
    QUICK,
    Light,
    light_of,
    ramp,
    render,
    scene,
    write_exr_file,
    write_film,
    write_sequence,
)
from tests.output.stopping import stop_after

OCIO = {"ocio": "builtin"}


def codes_of(path: Path) -> Light:
    with open_reader(path, tonemap="coded") as reader:
        return np.stack(list(reader))


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sequence(tmp_path_factory.mktemp("scenes") / "in")


@pytest.mark.parametrize(
    "values", [OCIO, {"hdr": "keep"}, {**OCIO, "work_space": "ACEScct"}, {**OCIO, "two_pass": True}], ids=str
)
def test_strength_0_leaves_a_scene_as_it_is(sequence: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    target = render(sequence, tmp_path / "out" / "%04d.exr", strength=0, **values)
    for number in (1, 2, 3):
        made = target.parent / f"{number:04}.exr"
        assert np.array_equal(light_of(made), scene(number))
        assert read_exr_chromaticities(made) == pytest.approx(read_exr_chromaticities(sequence.parent / "0001.exr"))


def test_a_dream_changes_it_and_a_mask_keeps_it(sequence: Path, tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    target = render(sequence, tmp_path / "out" / "%04d.exr", mask=tmp_path / "mask.png", **OCIO)
    made, was = light_of(target.parent / "0002.exr"), scene(2)
    assert np.array_equal(made[:, :30], was[:, :30])
    assert (made[:, 34:] != was[:, 34:]).mean() > 0.5
    assert np.isfinite(made).all()


def test_transparent_light_stays(tmp_path: Path) -> None:
    alpha = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(48, axis=0)
    light = np.concatenate([scene(), alpha], axis=-1)
    light = light.astype(np.float16).astype(np.float32)  # as it is stored, premultiplied, glowing where alpha is 0
    source = write_exr_file(tmp_path / "in.exr", light)
    made = render(source, tmp_path / "out.exr", strength=0, hdr="keep")
    with OpenEXR.File(str(made)) as file:
        assert np.array_equal(file.parts[0].channels["RGBA"].pixels, light.astype(np.float16))


def test_full_floats_stay(tmp_path: Path) -> None:
    light = scene() * np.float32(1.0001)
    source = write_exr_file(tmp_path / "in.exr", light, kind=np.float32)
    made = render(source, tmp_path / "out.exr", strength=0, bit_depth=32, **OCIO)
    assert np.array_equal(light_of(made), light)


def test_no_number_and_infinity_are_mended(tmp_path: Path) -> None:
    light = scene()
    light[5, 5], light[6, 6] = np.nan, np.inf
    made = light_of(render(write_exr_file(tmp_path / "in.exr", light), tmp_path / "out.exr", hdr="keep"))
    assert np.isfinite(made).all()


def test_shrunk_light_is_the_mean_of_it(tmp_path: Path) -> None:
    light = scene()
    source = write_exr_file(tmp_path / "in.exr", light)
    made = render(source, tmp_path / "out.exr", strength=0, size=(32, 24), hdr="keep")
    wanted = light.reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert np.allclose(light_of(made), wanted, rtol=2e-3, atol=1e-4)
    large = render(source, tmp_path / "large.exr", strength=0, size=(100, 75), hdr="keep")
    assert light.min() <= light_of(large).min()
    assert light_of(large).max() <= light.max()  # lamps have no dark rims


@pytest.mark.parametrize(("color", "name"), [(PQ_2020, "pq"), (HLG_2020, "hlg")], ids=["pq", "hlg"])
def test_a_ramp_through_hdr_is_within_one_code(tmp_path: Path, color: Any, name: str) -> None:
    source = write_film(tmp_path / "in.mkv", ramp(), color)
    kept = render(source, tmp_path / "keep.mkv", strength=0, hdr="keep", codec="ffv1")
    assert np.abs(codes_of(kept) - codes_of(source)).max() <= 1 / 65535
    made = render(source, tmp_path / "out.mp4", strength=0, hdr=name, codec="h265", crf=1)
    assert np.abs(codes_of(made) - codes_of(source)).max() <= 1.5 / 876
    assert probe(made).color == color
    assert probe(made).bit_depth == 10


@pytest.mark.parametrize(("codec", "suffix"), [("av1", ".mp4"), ("prores", ".mov"), ("h265", ".mkv")])
def test_each_codec_says_that_it_is_hdr(tmp_path: Path, codec: str, suffix: str) -> None:
    source = write_film(tmp_path / "in.mkv", ramp(64, 64), PQ_2020, count=1)
    made = render(source, tmp_path / f"out{suffix}", hdr="keep", codec=codec)
    assert probe(made).color == PQ_2020
    assert np.abs(codes_of(made) - codes_of(source)).mean() > 0.01


def test_light_becomes_pq(tmp_path: Path) -> None:
    light = np.full((64, 64, 3), 4.0, np.float32)
    source = write_exr_file(tmp_path / "in.exr", light, "bt2020")
    pattern = tmp_path / "in"
    pattern.mkdir()
    source.rename(pattern / "1.exr")
    made = render(pattern / "%d.exr", tmp_path / "out.mkv", strength=0, hdr="pq", codec="ffv1")
    nits = PQ().decode(torch.from_numpy(codes_of(made))).mean() * WHITE_NITS
    assert float(nits) == pytest.approx(4 * WHITE_NITS, rel=0.01)


def test_pq_becomes_light(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", ramp(), PQ_2020, count=1)
    target = render(source, tmp_path / "out" / "%d.exr", strength=0, hdr="keep")
    made = light_of(target.parent / "1.exr")
    wanted = PQ().decode(torch.from_numpy(codes_of(source)[0])).numpy()
    assert np.allclose(made, wanted, rtol=1e-3, atol=1e-5)
    assert made.max() == pytest.approx(10_000 / 203, rel=1e-3)
    with OpenEXR.File(str(target.parent / "1.exr"), header_only=True) as file:
        assert file.parts[0].header["whiteLuminance"] == 203
        assert file.parts[0].header["chromaticities"][0] == pytest.approx(0.708)


MASTERING = Mastering((0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329), 1000.0, 0.005, 1000, 400)


@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_what_it_was_made_on_is_passed_on(tmp_path: Path, codec: str) -> None:
    from dreamvid.media import open_writer

    source = tmp_path / "in.mp4"
    with open_writer(
        source, width=64, height=64, rate=24, codec="h265", color=PQ_2020, mastering=MASTERING  # type: ignore[arg-type]
    ) as writer:
        writer.write(ramp(64, 64))
    assert probe(source).mastering == MASTERING
    made = render(source, tmp_path / "out.mp4", hdr="keep", codec=codec)
    found = probe(made).mastering
    assert found is not None
    assert found.primaries == pytest.approx(MASTERING.primaries, abs=1e-4)
    assert (found.max_luminance, found.max_content, found.max_average) == (1000, 1000, 400)


def test_a_film_of_a_scene_is_what_a_screen_shows(sequence: Path, tmp_path: Path) -> None:
    made = codes_of(render(sequence, tmp_path / "out.mkv", strength=0, codec="ffv1", **OCIO))
    assert made.std() > 0.2
    assert made.max() > 0.95


def test_colors_are_told_in_recipe_and_identity(
    sequence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = render(sequence, tmp_path / "out.mkv", codec="ffv1", **OCIO)
    tags = read_metadata(made)
    assert '"ocio": "builtin"' in tags["dreamvid"]
    assert len(tags["dreamvid-colors"]) == 16
    with pytest.raises(SettingsError, match="colors"):
        stopped = Job(sequence, tmp_path / "b.mkv", make_settings(QUICK, OCIO, {"codec": "ffv1", "save_every": 0}))
        stop_after(stopped, 2)
        monkeypatch.setattr(OcioPath, "fingerprint", "another")
        list(render_job(stopped))
    monkeypatch.undo()
    plain = read_metadata(render(sequence, tmp_path / "plain.mkv", codec="ffv1"))
    assert "dreamvid-colors" not in plain
    assert "ocio" not in plain["dreamvid"]


@pytest.mark.parametrize("suffix", [".mkv", "/%04d.exr"])
def test_an_interrupted_render_goes_on(tmp_path: Path, suffix: str) -> None:
    source = write_sequence(tmp_path / "in", 6)
    whole, parts = tmp_path / f"whole{suffix}", tmp_path / f"parts{suffix}"
    settings = make_settings(QUICK, {"codec": "ffv1" if suffix == ".mkv" else "h264", "save_every": 0}, OCIO)
    list(render_job(Job(source, whole, settings)))
    stop_after(Job(source, parts, settings), 3)
    list(render_job(Job(source, parts, settings)))
    if suffix == ".mkv":
        assert np.array_equal(codes_of(parts), codes_of(whole))
    else:
        for number in range(1, 7):
            name = f"{number:04}.exr"
            assert np.array_equal(light_of(parts.parent / name), light_of(whole.parent / name))


def test_integers_of_linear_light_are_taken_at_their_word(tmp_path: Path) -> None:
    codes = np.tile(np.arange(64, dtype=np.uint16) * 900, (48, 1))[..., None].repeat(3, axis=2)
    cv2.imwrite(str(tmp_path / "in.png"), codes)
    made = render(tmp_path / "in.png", tmp_path / "out.png", strength=0, in_space="lin_rec709", **OCIO)
    assert np.array_equal(cv2.imread(str(made), cv2.IMREAD_UNCHANGED), codes)
    light = light_of(render(tmp_path / "in.png", tmp_path / "out.exr", strength=0, in_space="lin_rec709", **OCIO))
    assert np.allclose(light, codes / 65535, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "values", "line"),
    [
        ("out.mp4", {"hdr": "keep"}, r"is linear light, which films do not hold; use --hdr pq"),
        ("out.mp4", {"hdr": "pq"}, r"HDR in h264 plays hardly anywhere; use --codec .*h265"),
        ("out.mp4", {"hdr": "pq", "codec": "h265", "bit_depth": 8}, r"^--bit-depth: HDR needs at least 10 bits"),
        ("out/%d.png", {"hdr": "keep"}, r"\.png pictures hold no HDR; use --codec exr"),
        ("out/%d.exr", {"hdr": "hlg"}, r"an EXR holds linear light; use --hdr keep"),
        ("out/%d.exr", {"hdr": "keep", "tonemap": "hable"}, r"^--tonemap: --hdr keeps"),
    ],
)
def test_what_hdr_cannot_be_is_said(
    sequence: Path, tmp_path: Path, target: str, values: dict[str, Any], line: str
) -> None:
    with pytest.raises(DreamvidError, match=line):
        render(sequence, tmp_path / target, **values)


def test_hdr_that_nothing_is_said_of_is_refused_as_ever(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", ramp(), PQ_2020, count=1)
    with pytest.raises(MediaError, match=r"would look flat; tone-map it with --tonemap hable .*--hdr keep"):
        render(source, tmp_path / "out.mkv")


def test_a_guide_in_hdr_is_seen_as_the_film_is(tmp_path: Path, sequence: Path) -> None:
    guide = write_film(tmp_path / "guide.mkv", ramp(64, 64), PQ_2020, count=1)
    made = render(sequence, tmp_path / "out" / "%04d.exr", guide=guide, hdr="keep")
    assert np.isfinite(light_of(made.parent / "0003.exr")).all()


@pytest.mark.parametrize("layout", ["layers", "files"])
def test_passes_hold_the_scenes_own_light(sequence: Path, tmp_path: Path, layout: str) -> None:
    values = {"passes": "source,dream,mask", "passes_as": layout, **OCIO}
    target = render(sequence, tmp_path / "out" / "%04d.exr", **values)
    beauty = light_of(target.parent / "0002.exr")
    assert not np.array_equal(beauty, scene(2))
    if layout == "layers":
        files, layers = [target.parent / "0002.exr"] * 2, ("source", "dream")
    else:
        found = {path.name: path for path in tmp_path.rglob("*.exr")}
        files, layers = [found["source.0002.exr"], found["dream.0002.exr"]], ("", "")
    source, dream = (
        read_channels(path, [f"{layer}.{name}".lstrip(".") for name in "RGB"])
        for path, layer in zip(files, layers, strict=True)
    )
    assert np.array_equal(source, scene(2))
    assert np.array_equal((source + dream).astype(np.float16), beauty.astype(np.float16))
    assert read_exr_chromaticities(files[0]) == pytest.approx(read_exr_chromaticities(sequence.parent / "0001.exr"))


def test_passes_beside_a_film_of_managed_colors_are_refused(sequence: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--passes: hold linear light, .* write -o film\.%04d\.exr"):
        render(sequence, tmp_path / "film.mp4", passes="dream", **OCIO)
    assert not list(tmp_path.iterdir())
