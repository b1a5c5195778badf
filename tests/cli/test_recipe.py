"""What was rendered can be rendered again: the recipe in the output, and `--like`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import Settings, ZoomSettings, build_settings, make_settings
from dreamvid.errors import SettingsError
from dreamvid.media import open_reader
from dreamvid.output.recipe import read_look, write_recipe

SAMPLES = Path(__file__).parents[2] / "samples"
LOOK = [
    "--model", "dreamnet", "--layer", "0:(inception3a:0.7@3,5), 4:(inception3b)", "--layer", "inception4a:0.2",
    "--octave-sizes", "48,full", "--iterations", "3,2", "--warm-iterations", "1", "--strength", "0.5 + 0.1*t",
    "--keep-color", "--precision", "fp32",
]  # fmt: skip
PART = ["--max-size", "96", "--frames", "4", "--audio", "none", "--progress", "none"]


def frames(path: Path) -> np.ndarray:
    with open_reader(path) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize("suffix", ["mp4", pytest.param("mkv", marks=pytest.mark.slow)])
def test_like_repeats_a_look(tmp_path: Path, suffix: str) -> None:
    first, again, plain = (tmp_path / f"{name}.{suffix}" for name in ("first", "again", "plain"))
    clip = str(SAMPLES / "journey.mp4")
    assert run([clip, *LOOK, *PART, "-o", str(first)]) == 0
    assert run([clip, "--like", str(first), "--precision", "fp32", *PART, "-o", str(again)]) == 0
    assert run([clip, "--model", "dreamnet", "--octaves", "1", *PART, "-o", str(plain)]) == 0
    assert np.array_equal(frames(again), frames(first))
    assert not np.array_equal(frames(plain), frames(first))


def test_a_picture_holds_its_recipe_and_flags_go_before_it(tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    size = ["--max-size", "96", "--progress", "none"]
    assert run([str(SAMPLES / "portrait.jpg"), *LOOK, *size, "-o", str(picture)]) == 0
    look = read_look(picture, Settings)
    assert look["octave-sizes"] == "48,full"
    assert look["layer"] == ["0:(inception3a:0.7@3,5), 4:(inception3b)", "inception4a:0.2"]
    assert "max-size" not in look
    assert make_settings(look, {"keep_color": False}).keep_color is False
    assert "every" in read_look(picture, ZoomSettings)


def test_a_recipe_is_read_as_the_same_settings() -> None:
    settings = make_settings(
        {"layer": ["inception4c:0.5@1,2", "relu4_3/pre"], "class": ["school bus:2"], "channels": "3-6",
         "start": "1:02.5", "rate": "24000/1001", "size": "640x360", "mask": "a b.png", "step": "1 + t",
         "reverse": True}
    )  # fmt: skip
    assert make_settings(write_recipe(settings)) == settings
    zoom = build_settings(ZoomSettings, {"duration": "2.5", "zoom": "1 + 0.5*sin(t)", "loop": True})
    assert build_settings(ZoomSettings, write_recipe(zoom)) == zoom


def test_a_file_without_a_recipe_is_one_clear_line() -> None:
    with pytest.raises(
        SettingsError, match=r"--like: .*journey.mp4 contains no recipe; give a file that dreamvid rendered"
    ):
        read_look(SAMPLES / "journey.mp4", Settings)
