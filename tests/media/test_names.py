"""Names of files that hold what means something elsewhere, or are as long as a file system allows."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from PIL import Image

from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError
from dreamvid.explore.job import Exploration, _targets
from dreamvid.images.header import check_file
from dreamvid.media import default_output, open_reader
from dreamvid.media.names import LONGEST_NAME, OneFile, made_name, name_beside
from dreamvid.media.sequence import list_sequence
from dreamvid.media.target import beside, check_target, output_pattern
from dreamvid.render.job import Job, render_job
from dreamvid.zoom.job import zoom_output

ODD = [
    "20%discount", "50%d", "a%05d", "100%% %d", "a{b}[c]", "*?", "-o", "a\nb", "a:b", "it's \"so\"", "日本語", " end. ",
    "a;$(b)`c`", "C:\\x", "\udcff\udcfe", "..a", "~", "#",
]  # fmt: skip
LONG = ["x" * 240, "é" * 120, "日" * 80, "x" + "é" * 119, "\udcff" * 240]
ENDINGS = (".json", ".report.jsonl", ".report.png", ".journal", ".farm")


@pytest.mark.parametrize("stem", ODD)
@pytest.mark.parametrize("suffix", [".jpg", ".mp4", ""])
def test_a_default_name_is_never_a_pattern(tmp_path: Path, stem: str, suffix: str) -> None:
    source = tmp_path / (stem + suffix)
    source.touch()
    target = default_output(source)
    assert output_pattern(target) is None
    assert target.parent == tmp_path
    assert target.name == f"{source.stem}.dream{'.png' if suffix == '.jpg' else '.mp4'}"
    assert [beside(target, ending).name for ending in ENDINGS] == [target.name + ending for ending in ENDINGS]
    assert output_pattern(zoom_output(source)) is None
    assert zoom_output(source).name == f"{source.stem}.zoom.mp4"
    picture, page = _targets(Exploration(source))
    assert (picture.parent, page.name) == (tmp_path, f"{source.stem}.explore.html")
    check_target(target, output_pattern(target), overwrite=False, protected=[source])


def test_what_a_person_writes_may_be_a_pattern(tmp_path: Path) -> None:
    assert output_pattern(tmp_path / "20%discount.png") is not None
    assert output_pattern(OneFile(tmp_path / "20%discount.png")) is None
    folder = tmp_path / "50%d"
    folder.mkdir()
    frames = default_output(folder)
    assert frames == tmp_path / "50%d.dream" / "%05d.png"
    assert output_pattern(frames) is not None
    assert beside(frames, ".json") == tmp_path / "50%d.dream.json"


def test_one_file_stays_one_and_is_a_path_like_others(tmp_path: Path) -> None:
    one = OneFile(tmp_path / "%d.png")
    assert one == tmp_path / "%d.png"
    assert isinstance(pickle.loads(pickle.dumps(one)), OneFile)  # noqa: S301
    assert output_pattern(one.with_suffix(".jpg")) is None


@pytest.mark.parametrize("name", ["20%discount.jpg", f"{'x' * 240}.jpg", f"{'é' * 120}.jpg", "a%05d.jpg"])
def test_a_still_of_any_name_is_dreamed(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    Image.new("RGB", (24, 16), (90, 120, 150)).save(source)
    settings = make_settings(
        {"model": "dreamnet", "layer": "conv1", "octaves": 1, "iterations": 1, "precision": "fp32"}
    )
    for _ in render_job(Job(source, settings=settings)):
        pass
    target = default_output(source)
    assert {path.name for path in tmp_path.iterdir()} == {name, target.name, beside(target, ".json").name}
    with open_reader(target) as reader:
        assert (reader.width, reader.height) == (24, 16)


@pytest.mark.parametrize("stem", LONG)
@pytest.mark.parametrize("suffix", [".jpg", ".mp4"])
def test_long_names_leave_room_for_what_lies_beside(tmp_path: Path, stem: str, suffix: str) -> None:
    source = tmp_path / (stem + suffix)
    source.touch()
    for target in (
        default_output(source),
        default_output(source, "png") / "x",
        zoom_output(source),
        *_targets(Exploration(source)),
    ):
        own = target if target.parent == tmp_path else target.parent.parent
        for path in (own, *(beside(own, ending) for ending in ENDINGS)):
            hidden = path.with_name(f".{path.name}.part")
            assert len(os.fsencode(hidden.name)) <= LONGEST_NAME
            os.fsdecode(os.fsencode(hidden))
            hidden.touch()
    assert default_output(source).name.startswith(stem[:50])


def test_long_names_stay_apart_and_are_found_again() -> None:
    assert made_name("x" * 240 + "a", ".dream.mp4") != made_name("x" * 240 + "b", ".dream.mp4")
    assert made_name("x" * 240, ".dream.mp4") == made_name("x" * 240, ".dream.mp4")
    assert made_name("x" * 200, ".dream.mp4") == "x" * 200 + ".dream.mp4"
    assert name_beside("x" * 255, ".json") != name_beside("x" * 254 + "y", ".json")
    assert made_name("é" * 130, ".mp4").encode().decode().endswith(".mp4")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "a/" * 3000 + "b"])
def test_names_that_no_file_can_have_are_one_line(name: str) -> None:
    for use in (check_file, list_sequence, default_output, output_pattern, open_reader):
        with pytest.raises(MediaError) as caught:
            use(Path(f"{name}.png"))  # type: ignore[operator]
        assert str(caught.value).isprintable()
