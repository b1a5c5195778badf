"""Films and stills whose strength follows the depth of each pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from dreamvid.config.settings import Settings, make_settings
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.media import open_reader, open_writer, probe, read_image
from dreamvid.render import Job, render_job
from dreamvid.schedule import Moment
from dreamvid.space.by_depth import DepthCurve
from dreamvid.visualize.job import check_steady

SAMPLES = Path(__file__).parents[2] / "samples"
QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 2, "warm_iterations": 1, "size": "96x54",
    "precision": "fp32", "sidecar": False, "frames": 4, "codec": "ffv1", "audio": "none", "cuts": "none",
}  # fmt: skip
Film = npt.NDArray[np.float32]


def film(target: Path, **values: Any) -> Film:
    list(render_job(Job(SAMPLES / "journey.mp4", target, make_settings(QUICK, values), overwrite=True)))
    return frames(target)


def frames(path: Path) -> Film:
    with open_reader(path) as reader:
        return np.stack(list(reader))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, Film]:
    """The film without a dream, and with one of strength 1."""
    folder = tmp_path_factory.mktemp("plain")
    return film(folder / "raw.mkv", strength=0), film(folder / "dream.mkv", strength=1)


def halves(path: Path, left: int = 255, right: int = 0) -> Path:
    level = np.full((54, 96), right, np.uint8)
    level[:, :48] = left
    cv2.imwrite(str(path), level)
    return path


def test_near_dreams_and_far_does_not(tmp_path: Path, plain: tuple[Film, Film]) -> None:
    """White is near: the left half is that of the dreamed film, the right half that of the source."""
    raw, dream = plain
    made = film(tmp_path / "a.mkv", depth=halves(tmp_path / "d.png"), strength="1 - depth")
    assert np.array_equal(made[:, :, :48], dream[:, :, :48])
    assert np.array_equal(made[:, :, 48:], raw[:, :, 48:])
    assert not np.array_equal(made[:, :, :48], raw[:, :, :48])
    other = film(tmp_path / "b.mkv", depth=halves(tmp_path / "d.png"), depth_white="far", strength="1 - depth")
    assert np.array_equal(other[:, :, 48:], dream[:, :, 48:])
    assert np.array_equal(other[:, :, :48], raw[:, :, :48])


def test_depth_and_time_go_together(tmp_path: Path, plain: tuple[Film, Film]) -> None:
    """What is shown is the share of the peak strength that the moment and the depth give."""
    raw, dream = plain
    depth = halves(tmp_path / "d.png", 255, 51)  # 0 and 0.8
    made = film(tmp_path / "a.mkv", depth=depth, strength="0:(0.5*depth), 2:(1)")
    assert np.array_equal(made[0, :, :48], raw[0, :, :48])
    shown, whole = (image[0, :, 48:] - raw[0, :, 48:] for image in (made, dream))
    inside = (dream[0, :, 48:] > 0.02) & (dream[0, :, 48:] < 0.98)
    assert float(np.abs(shown - 0.4 * whole)[inside].max()) < 0.02
    assert np.array_equal(made[2:], dream[2:])


def test_a_film_of_depths_goes_along(tmp_path: Path, plain: tuple[Film, Film]) -> None:
    raw, dream = plain
    rate = probe(SAMPLES / "journey.mp4").rate
    with open_writer(tmp_path / "d.mkv", width=96, height=54, rate=rate, codec="ffv1") as writer:
        for index in range(4):
            frame = np.zeros((54, 96, 3), np.float32)
            frame[:, : 24 * (index + 1)] = 1
            writer.write(frame)
    made = film(tmp_path / "a.mkv", depth=tmp_path / "d.mkv", strength="depth < 0.5")
    for index in range(4):
        edge = 24 * (index + 1)
        assert np.array_equal(made[index, :, :edge], dream[index, :, :edge])
        assert np.array_equal(made[index, :, edge:], raw[index, :, edge:])


def test_an_exr_of_distances_is_depth_between_near_and_far(tmp_path: Path, plain: tuple[Film, Film]) -> None:
    import OpenEXR

    raw, dream = plain
    distance = np.full((54, 96), 12.0, np.float32)
    distance[:, :48], distance[:, 90:] = 2.0, np.inf
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Z": distance}).write(str(tmp_path / "z.exr"))
    made = film(tmp_path / "a.mkv", depth=tmp_path / "z.exr", near=2, far=12, strength="1 - depth")
    assert np.array_equal(made[:, :, :48], dream[:, :, :48])
    assert np.array_equal(made[:, :, 48:], raw[:, :, 48:])


def test_a_still_and_a_depth_model(tmp_path: Path) -> None:
    """The bright disk is near; what is dark stays as it is."""
    picture = np.zeros((64, 64, 3), np.uint8)
    cv2.circle(picture, (32, 32), 14, (200, 200, 200), -1)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    values = {key: value for key, value in QUICK.items() if key not in ("size", "frames", "codec", "audio", "cuts")}
    settings = make_settings(values, {"depth": "model:brightness", "strength": "smoothstep(0.6, 0.2, depth)"})
    list(render_job(Job(tmp_path / "a.png", tmp_path / "b.png", settings)))
    change = np.abs(read_image(tmp_path / "b.png") - picture.astype(np.float32) / 255).mean(2)
    assert float(change[:8].max()) < 1 / 255
    assert float(change[24:40, 24:40].mean()) > 0.01


def test_a_number_by_depth_is_what_the_expression_gives_at_each_depth() -> None:
    settings = make_settings({"strength": "1.5*(1 - depth)**2 + t", "depth": "d.png"})
    depth = torch.arange(256).view(1, 1, 16, 16) / 255
    moment = Moment.of_frame(12, 24)
    found = DepthCurve(settings, "strength").at(moment, depth)
    assert torch.allclose(found, 1.5 * (1 - depth) ** 2 + 0.5, atol=1e-6)
    assert settings.at(moment).strength == 2
    step = DepthCurve(make_settings({"strength": "2 if depth < 0.5 else 0"}), "strength").at(moment, depth)
    assert torch.equal(step, torch.where(depth < 0.5, 2.0, 0.0))
    capped = DepthCurve(make_settings({"strength": "100*depth"}), "strength").at(moment, depth)
    assert float(capped.max()) == 10  # the setting's bound
    assert DepthCurve(make_settings({"strength": "t"}), "strength").at(moment, depth) == 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": "depth"}, "--strength: depends on depth, but none is known; give pictures of depths"),
        ({"depth": "PICTURE"}, "--depth: no setting depends on it; use it in an expression"),
        ({"depth": "tunnel", "strength": "depth"}, "--depth: tunnel is for zooms"),
        ({"depth": "model:none", "strength": "depth"}, "--depth: there is no depth model 'none'"),
        ({"depth": "PICTURE", "strength": "depth", "near": 3}, "--near: 3 is not nearer than --far, 2"),
        ({"depth": "PICTURE", "strength": "1/depth"}, "--strength: .*divides by zero"),
        ({"spectrum": "depth", "depth": "PICTURE"}, "--spectrum: depth varies from pixel to pixel, which only"),
        ({"layer": "inception3a:depth"}, "--layer: depends on depth, but none is known"),
        ({"layer": "inception3a:depth*bass", "depth": "PICTURE"}, "--layer: .* on depth and on time, not on bass"),
        ({"layer": "inception3a:1/depth", "depth": "PICTURE"}, "--layer: .*divides by zero"),
        ({"layer": "inception3a:depth +", "depth": "PICTURE"}, "--layer: the weight of inception3a: "),
        ({"layer": "logits:depth", "depth": "PICTURE"}, "--layer: logits has no positions"),
    ],
    ids=str,
)
def test_depth_that_cannot_be_is_one_line(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    picture = halves(tmp_path / "d.png")
    values = {key: str(picture) if value == "PICTURE" else value for key, value in values.items()}
    with pytest.raises(SettingsError, match=message) as caught:
        film(tmp_path / "x.mkv", **values)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DreamvidError)
    assert [path.name for path in tmp_path.iterdir()] == ["d.png"]


def test_without_depth_the_settings_are_those_of_before() -> None:
    from dreamvid.output.recipe import write_recipe

    assert not {"depth", "near", "far", "depth-white"} & write_recipe(Settings()).keys()


def test_near_dreams_of_one_layer_and_far_of_another(tmp_path: Path, plain: tuple[Film, Film]) -> None:
    """The halves of a film whose left is near are those of films of one layer each, but for what the network sees
    across the middle and how long a step is on average."""
    layers = ["inception3a:1 - depth", "inception4a:depth"]
    depth = halves(tmp_path / "d.png")
    mixed = film(tmp_path / "a.mkv", depth=depth, layer=layers, frames=2)
    near, far = (film(tmp_path / f"{name}.mkv", layer=name, frames=2) for name in ("inception3a", "inception4a"))
    raw = plain[0][:2]

    def likeness(made: Film, other: Film, columns: slice) -> float:
        parts = [(one - raw)[:, :, columns].ravel() for one in (made, other)]
        return float(np.corrcoef(*parts)[0, 1])

    left, right = slice(0, 36), slice(60, 96)
    assert likeness(mixed, near, left) > max(0.6, 1.5 * likeness(mixed, near, right))
    assert likeness(mixed, far, right) > 1.5 * likeness(mixed, far, left)


def test_where_no_layer_counts_nothing_is_dreamed_and_nothing_gets_stronger(
    tmp_path: Path, plain: tuple[Film, Film]
) -> None:
    raw, dream = plain
    depth = np.zeros((54, 96), np.uint8)
    depth[:, :24] = 255
    cv2.imwrite(str(tmp_path / "d.png"), depth)
    made = film(tmp_path / "a.mkv", depth=tmp_path / "d.png", layer="inception3a:1 if depth < 0.5 else 0")
    energy = [float((one - raw)[:, :, :20].std()) for one in (made, dream)]
    assert 0.6 * energy[1] < energy[0] < 1.4 * energy[1]
    assert float((made - raw)[:, :, 60:].std()) < 0.25 * energy[0]


def test_a_layer_by_depth_is_text_that_is_read_back() -> None:
    settings = make_settings({"layer": ["inception4d:1 - depth@3,5", "vgg16/relu4_3:0.5*depth", "inception3b:2"]})
    assert settings.layers is not None
    texts = [str(layer) for layer in settings.layers]
    assert texts == ["inception4d:1 - depth@3,5", "vgg16/relu4_3:0.5*depth", "inception3b:2"]
    assert settings.layers[0].channels == (3, 5)
    assert make_settings({"layer": texts}) == settings
    assert make_settings(settings.model_dump(mode="json", exclude_unset=True)) == settings
    plain = make_settings({"layer": "inception3b:2@4"}).model_dump(mode="json", exclude_unset=True)
    assert plain["layer"] == [["inception3b", 2.0, [4]]]
    over_time = make_settings({"layer": "0s:(inception4d:1-depth), 4s:(inception3b)", "depth": "d.png"})
    assert over_time.follows_depth == "layer"


def test_a_picture_from_noise_has_no_depth() -> None:
    with pytest.raises(SettingsError, match="--layer: a picture from noise has no depth"):
        check_steady(make_settings({"layer": "inception4d:depth"}))
