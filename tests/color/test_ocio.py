"""OpenColorIO: its values are taken as they are, and what is mistyped is said in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dreamvid.color.choice import choose_colors
from dreamvid.color.ocio import OcioConfig, _import
from dreamvid.config.settings import make_settings
from dreamvid.errors import SettingsError
from dreamvid.media import probe
from tests.color.scenes import scene, write_exr_file

ocio = pytest.importorskip("PyOpenColorIO")


@pytest.fixture(scope="module")
def builtin() -> OcioConfig:
    return OcioConfig("builtin")


@pytest.fixture(scope="module")
def exr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_exr_file(tmp_path_factory.mktemp("scene") / "scene.exr", scene())


def choose(source: Path, target: str = "out.exr", **values: Any) -> Any:
    settings = make_settings({"ocio": "builtin"}, values)
    return choose_colors(settings, probe(source), Path(target), codec=settings.codec, tonemap=settings.tonemap)


def test_values_are_opencolorios_own(exr: Path) -> None:
    config = ocio.Config.CreateFromFile("ocio://studio-config-latest")
    way = choose(exr, "out.png", work_space="ACEScct", out_space="sRGB - Display")
    light = np.abs(scene())
    for made, target in ((way.expose(light)[..., :3], "ACEScct"), (way.develop(way.expose(light)), "sRGB - Display")):
        wanted = light.copy()
        config.getProcessor("ACEScg", target).getDefaultCPUProcessor().applyRGB(wanted)
        if target == "ACEScct":
            wanted = np.clip(wanted, 0, 1)
        assert np.array_equal(made, wanted)


def test_a_view_is_what_a_screen_shows(exr: Path) -> None:
    config = ocio.Config.CreateFromFile("ocio://studio-config-latest")
    view = config.getDefaultView("sRGB - Display")
    way = choose(exr, "out.png", out_space=f"sRGB - Display/{view}")
    light = np.abs(scene())
    wanted = light.copy()
    transform = ocio.DisplayViewTransform(src="ACEScg", display="sRGB - Display", view=view)
    config.getProcessor(transform).getDefaultCPUProcessor().applyRGB(wanted)
    assert np.array_equal(way.develop(way.expose(light)), wanted)
    assert np.array_equal(choose(exr, "out.png").develop(choose(exr, "out.png").expose(light)), wanted)  # the default


@pytest.mark.parametrize(
    ("primaries", "name"),
    [("ap1", "ACEScg"), ("ap0", "ACES2065-1"), ("bt709", "Linear Rec.709 (sRGB)"), (None, "Linear Rec.709 (sRGB)")],
)
def test_an_exr_is_in_the_space_of_its_chromaticities(tmp_path: Path, primaries: str | None, name: str) -> None:
    source = write_exr_file(tmp_path / "a.exr", scene(), primaries)
    assert choose(source).fingerprint == choose(source, in_space=name, out_space=name).fingerprint


def test_aliases_roles_and_case_do_not_matter(exr: Path) -> None:
    wanted = choose(exr, in_space="ACEScg", work_space="sRGB - Texture").fingerprint
    assert choose(exr, in_space="scene_linear", work_space="srgb_tx").fingerprint == wanted
    assert choose(exr, in_space="acescg", work_space="texture_paint").fingerprint == wanted
    assert choose(exr, in_space="ACEScg", work_space="ACEScct").fingerprint != wanted


def test_chromaticities_survive_and_follow_the_output(exr: Path) -> None:
    same = choose(exr).scene.chromaticities
    assert same == pytest.approx((0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767), abs=1e-6)
    assert choose(exr, out_space="lin_rec709").scene.chromaticities[:2] == (0.64, 0.33)


@pytest.mark.parametrize("space", ["ACEScg", "ACEScct", "srgb_tx", "scene_linear", "Rec.1886 Rec.709 - Display"])
def test_any_space_to_dream_in_gives_the_light_back(exr: Path, space: str) -> None:
    way = choose(exr, work_space=space)
    light = scene()
    frame = way.expose(light)
    assert 0 <= frame[..., :3].min() <= frame[..., :3].max() <= 1
    assert np.array_equal(way.develop(frame), light)
    frame[..., :3] = np.clip(frame[..., :3] + np.random.default_rng(0).uniform(-0.5, 0.5, light.shape), 0, 1)
    made = way.develop(frame)
    assert np.isfinite(made).all()
    assert (made.max(-1) <= 2 * np.maximum(1, light.max(-1)) * 1.0001).all()


def test_a_dream_in_a_display_space_is_that_dream(exr: Path, builtin: OcioConfig) -> None:
    way = choose(exr, work_space="srgb_tx")
    light = np.random.default_rng(0).uniform(0.3, 0.5, (16, 16, 3)).astype(np.float32)
    frame = way.expose(light)
    frame[..., :3] += 0.05
    wanted = builtin.processor("srgb_tx", "ACEScg")(torch.from_numpy(frame[..., :3].copy())).numpy()
    assert np.allclose(way.develop(frame), wanted, rtol=2e-3)


def test_a_mistyped_space_gets_near_names(exr: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--in-space: 'ACEScq' is no color space of studio-.*did you mean ACEScg"):
        choose(exr, in_space="ACEScq")
    with pytest.raises(SettingsError, match=r"^--work-space: 'srgb-tx' .*srgb_tx"):
        choose(exr, work_space="srgb-tx")
    with pytest.raises(SettingsError, match=r"^--out-space: 'sRGB - Display/Filmic' "):
        choose(exr, out_space="sRGB - Display/Filmic")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"ocio": "nowhere.ocio"}, r"^--ocio: nowhere.ocio: there is no such file"),
        ({"ocio": "ocio://cg-config-v2.1.0_aces-v1.3_ocio-v2.4"}, r"does not come with this OpenColorIO; did you mean"),
        ({"ocio": None, "in_space": "ACEScg"}, r"^--in-space: .*add --ocio builtin"),
        ({"hdr": "keep"}, r"^--hdr: --ocio converts colors, too"),
        ({"tonemap": "hable"}, r"^--tonemap: --ocio keeps what is brighter"),
    ],
)
def test_what_does_not_fit_together_is_said(exr: Path, values: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingsError, match=line):
        choose(exr, **values)


def test_a_file_that_is_no_configuration_is_named(exr: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ocio"
    wrong.write_text("roles: nothing\n")
    with pytest.raises(SettingsError, match=r"wrong.ocio: is no configuration that can be read"):
        choose(exr, ocio=str(wrong))


PLAIN = """
ocio_profile_version: 1
search_path: luts
roles: {default: Linear, scene_linear: Linear}
displays:
  Screen:
    - !<View> {name: Standard, colorspace: sRGB}
colorspaces:
  - !<ColorSpace>
    name: Linear
  - !<ColorSpace>
    name: sRGB
    from_reference: !<FileTransform> {src: curve.spi1d, interpolation: linear}
"""


def test_a_configuration_of_another_program_with_tables_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "show.ocio"
    config.write_text(PLAIN)
    (tmp_path / "luts").mkdir()
    values = "\n".join(f"{(step / 255) ** (1 / 2.2):.6f}" for step in range(256))
    table = f"Version 1\nFrom 0.0 1.0\nLength 256\nComponents 1\n{{\n{values}\n}}\n"
    (tmp_path / "luts" / "curve.spi1d").write_text(table)
    source = write_exr_file(tmp_path / "a.exr", scene(), None)
    way = choose(source, ocio=str(config))
    assert np.array_equal(way.develop(way.expose(scene())), scene())
    shown = choose(source, "out.png", ocio=str(config))
    gray = np.full((4, 4, 3), 0.25, np.float32)
    assert np.allclose(shown.develop(shown.expose(gray)), 0.25 ** (1 / 2.2), atol=1e-3)
    (tmp_path / "luts" / "curve.spi1d").unlink()
    ocio.ClearAllCaches()
    with pytest.raises(SettingsError, match=r"^--ocio: show.ocio does not convert from Linear to .*curve.spi1d"):
        choose(source, "out.png", ocio=str(config))


def test_the_fingerprint_is_of_the_content(exr: Path, tmp_path: Path) -> None:
    text = ocio.Config.CreateFromFile("ocio://studio-config-latest").serialize()
    first, second = tmp_path / "a.ocio", tmp_path / "b.ocio"
    first.write_text(text)
    second.write_text(text)
    assert choose(exr, ocio=str(first)).fingerprint == choose(exr, ocio=str(second)).fingerprint
    second.write_text(text.replace("compositing_log: ACEScct", "compositing_log: ACEScc"))
    assert choose(exr, ocio=str(first)).fingerprint != choose(exr, ocio=str(second)).fingerprint


def test_the_environment_names_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "show.ocio")
    assert make_settings({"ocio": "$OCIO"}).ocio == "show.ocio"
    assert make_settings({}).ocio is None  # it is not used unless it is asked for
    monkeypatch.delenv("OCIO")
    with pytest.raises(SettingsError, match=r"the environment variable OCIO is not set"):
        make_settings({"ocio": "$OCIO"})


def test_without_the_package_a_line_says_what_to_install(exr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyOpenColorIO", None)
    _import.cache_clear()
    try:
        with pytest.raises(SettingsError, match=r"pip install 'dreamvid\[ocio\]'"):
            choose(exr)
    finally:
        _import.cache_clear()
