"""The scripts in examples/ do what their first lines say, on tiny inputs."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import pytest

from dreamvid.media import probe

ROOT = Path(__file__).parents[1]
TINY = ("model=dreamnet", "octaves=1", "iterations=1", "max_size=64")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a script with some arguments; return what it prints."""

    def run(name: str, *words: object) -> str:
        monkeypatch.setattr("sys.argv", [name, *map(str, words)])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_tested_and_described() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    table = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f'script("{path.name}"' in tests
        assert f"| `{path.name}` |" in table


def test_a_film_and_its_events(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "film.mp4"
    said = script("render_film.py", ROOT / "samples" / "journey.mp4", target, "frames=2", "warm_iterations=1", *TINY)
    assert "2 frames of 64x36, dreamnet on inception4d" in said
    assert "shot 0 begins at frame 0" in said
    assert "frame 1: " in said
    assert f"{target}: 2 frames in" in said
    assert probe(target).frame_count == 2


def test_a_fault_is_one_line(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit, match="inception9z"):
        script("render_film.py", ROOT / "samples" / "journey.mp4", tmp_path / "x.mp4", "layer=inception9z", *TINY)


def test_layer_after_layer(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture = ROOT / "samples" / "portrait.jpg"
    said = script("compare_layers.py", picture, tmp_path / "out", "inception3b", "nothing", "inception4d", *TINY)
    assert "nothing: " in said
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"inception3b.png", "inception4d.png"}


def test_a_zoom(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "zoom.mp4"
    said = script("zoom.py", ROOT / "samples" / "sky.jpg", target, "duration=0.1", "warm_iterations=1", *TINY)
    assert "frame 1\n" in said
    assert probe(target).frame_count == 3


def test_an_array(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "array.png"
    said = script("dream_array.py", target, "model=dreamnet", "layer=inception4a", "octaves=2", "side=48")
    assert "FrameDone(" in said
    picture = cv2.imread(str(target))
    assert picture.shape == (48, 48, 3)
    assert picture.std() > 10


def test_frames_as_they_come(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    clip = ROOT / "samples" / "journey.mp4"
    tiny = (*TINY, "layer=inception4a", "warm_iterations=1")
    assert script("dream_frames.py", clip, tmp_path / "out", "frames=2", *tiny) == "frame 0\nframe 1\n"
    pictures = sorted((tmp_path / "out").glob("*.png"))
    assert [path.name for path in pictures] == ["00000.png", "00001.png"]
    assert cv2.imread(str(pictures[1])).shape == (36, 64, 3)
