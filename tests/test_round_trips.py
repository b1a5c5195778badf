"""What the pages on other programs say of our side: their files in, ours out, and in again."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from dreamvid.images.exr_channels import list_channels, read_channels
from dreamvid.media import open_reader
from tests.color.scenes import render

DOCS = Path(__file__).parents[1] / "docs"
HEIGHT, WIDTH, FRAMES = 48, 64, 3
STEP = 2  # px a frame, to the left


def plate(number: int) -> np.ndarray:
    """Light up to 8 that moves, as half floats hold it."""
    random = np.random.default_rng(0)
    light = cv2.GaussianBlur(random.uniform(0, 1, (HEIGHT, WIDTH + 16, 3)).astype(np.float32), (0, 0), 2) * 2
    light[10:20, 30:40] = 8
    return light[:, STEP * number : STEP * number + WIDTH].astype(np.float16)


def write(path: Path, channels: dict[str, np.ndarray]) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}).write(str(path))


def constant(value: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), value, np.float32)


@pytest.fixture
def from_nuke(tmp_path: Path) -> Path:
    """A plate with its vectors, as Write makes it of all channels."""
    (tmp_path / "shot").mkdir()
    for number in range(FRAMES):
        colors = {name: plate(number)[..., place] for place, name in enumerate("RGB")}
        vectors = {"backward.u": constant(STEP), "backward.v": constant(0)}
        vectors |= {"forward.u": constant(-STEP), "forward.v": constant(0)}
        write(tmp_path / "shot" / f"{1001 + number}.exr", colors | {"A": constant(1).astype(np.float16)} | vectors)
    return tmp_path / "shot" / "%04d.exr"


@pytest.fixture
def from_blender(tmp_path: Path) -> Path:
    """OpenEXR MultiLayer with the Vector pass."""
    (tmp_path / "render").mkdir()
    for number in range(FRAMES):
        colors = {f"ViewLayer.Combined.{name}": plate(number)[..., place] for place, name in enumerate("RGB")}
        colors["ViewLayer.Combined.A"] = constant(1).astype(np.float16)
        vectors = {f"ViewLayer.Vector.{name}": constant(0 if name in "YW" else STEP) for name in "XYZW"}
        write(tmp_path / "render" / f"{1 + number:04}.exr", colors | vectors | {"ViewLayer.Depth.Z": constant(5)})
    return tmp_path / "render" / "%04d.exr"


def colors_of(path: Path, layer: str = "") -> np.ndarray:
    return read_channels(path, [f"{layer}.{name}".lstrip(".") for name in "RGB"])


def test_a_plate_of_nukes_comes_back_with_its_dream(from_nuke: Path, tmp_path: Path) -> None:
    values = {"hdr": "keep", "flow": from_nuke, "passes": "source,dream,flow,reliability,mask"}
    made = render(from_nuke, tmp_path / "dream" / "%04d.exr", **values)
    files = sorted(made.parent.iterdir())
    assert [path.name for path in files] == ["1001.exr", "1002.exr", "1003.exr"]
    assert np.array_equal(colors_of(files[1], "source"), plate(1).astype(np.float32))
    summed = colors_of(files[1], "source") + colors_of(files[1], "dream")
    assert np.array_equal(summed.astype(np.float16), colors_of(files[1]).astype(np.float16))
    assert not np.array_equal(colors_of(files[1]), plate(1).astype(np.float32))
    assert np.array_equal(read_channels(files[1], ["backward.u", "backward.v"])[20, 20], [STEP, 0])  # as they came
    # And once more: the source in the file of passes, along the vectors in it.
    again = render(
        made, tmp_path / "again" / "%04d.exr", hdr="keep", exr_layer="source", flow=made, passes="source", strength=0
    )
    assert np.array_equal(colors_of(again.parent / "1003.exr"), plate(2).astype(np.float32))


def test_the_gizmo_asks_for_layers_that_there_are(from_nuke: Path, tmp_path: Path) -> None:
    text = (DOCS / "nuke" / "DreamGrade.gizmo").read_text(encoding="utf-8")
    made = render(from_nuke, tmp_path / "dream" / "%04d.exr", hdr="keep", passes="source,dream")
    layers = {name.rpartition(".")[0] for name in list_channels(made.parent / "1001.exr")}
    assert set(re.findall(r"^  in (\w+)$", text, re.MULTILINE)) == {"source", "dream"} == layers - {""}
    body = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert body.count("{") == body.count("}")
    nodes = set(re.findall(r"^  name (\w+)$", text, re.MULTILINE))
    for knob, node in re.findall(r"addUserKnob \{41 (\w+) .*T (\w+)\.\w+\}", text):
        assert node in nodes, knob
    assert text.rstrip().endswith("end_group")
    # Two nodes go into the sum, and each is made of what comes in.
    assert text.count("push $N0") == text.count("set N0") == 1


def test_a_render_of_blenders_follows_its_vector_pass(from_blender: Path, tmp_path: Path) -> None:
    values = {"hdr": "keep", "exr_layer": "Combined", "flow": from_blender, "passes": "source,dream,flow"}
    made = render(from_blender, tmp_path / "dream" / "%04d.exr", **values)
    file = made.parent / "0002.exr"
    assert np.array_equal(colors_of(file, "source"), plate(1).astype(np.float32))
    assert np.array_equal(read_channels(file, ["backward.u", "backward.v"])[20, 20], [STEP, 0])
    summed = colors_of(file, "source") + colors_of(file, "dream")
    assert np.array_equal(summed.astype(np.float16), colors_of(file).astype(np.float16))


def test_passes_for_after_effects_are_sequences_that_add_up(from_nuke: Path, tmp_path: Path) -> None:
    render(from_nuke, tmp_path / "film.mp4", passes="source,dream,mask", passes_as="files", tonemap="clip")
    folder = tmp_path / "film.mp4.passes"
    names = {path.name for path in folder.iterdir()}
    assert {name.split(".")[0] for name in names} == {"source", "dream", "mask"}
    assert len(names) == 3 * FRAMES
    number = sorted(names)[1].split(".")[1]
    summed = colors_of(folder / f"source.{number}.exr") + colors_of(folder / f"dream.{number}.exr")
    with open_reader(tmp_path / "film.mp4") as reader:
        frames = list(reader)
    encoded = np.where(summed <= 0.0031308, 12.92 * summed, 1.055 * np.maximum(summed, 0) ** (1 / 2.4) - 0.055)
    assert np.abs(encoded.clip(0, 1) - frames[1]).mean() < 0.05  # as the film shows it
    assert colors_of(folder / f"dream.{number}.exr").min() < 0
