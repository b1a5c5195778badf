"""The cuts that a film is dreamed with, and rendering some of its shots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import open_reader, probe
from dreamvid.render import Job, ShotStarted, render_job

SAMPLES = Path(__file__).parents[2] / "samples"
CUT = 52
QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1, "max_size": 64,
    "precision": "fp32", "codec": "ffv1", "audio": "none",
}  # fmt: skip


def render(target: Path, **values: Any) -> tuple[npt.NDArray[np.float32], list[int]]:
    events = list(render_job(Job(SAMPLES / "journey.mp4", target, make_settings(QUICK, values))))
    with open_reader(target) as reader:
        frames = np.stack(list(reader))
    return frames, [event.frame for event in events if isinstance(event, ShotStarted)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> npt.NDArray[np.float32]:
    frames, begins = render(tmp_path_factory.mktemp("whole") / "whole.mkv")
    assert begins == [0, CUT]
    return frames


def test_shots_alone_are_what_they_are_in_the_whole(whole: npt.NDArray[np.float32], tmp_path: Path) -> None:
    first, _ = render(tmp_path / "1.mkv", shots="1")
    second, _ = render(tmp_path / "2.mkv", shots=2)
    both, begins = render(tmp_path / "both.mkv", shots="1-2")
    assert np.array_equal(np.concatenate([first, second]), whole)
    assert np.array_equal(both, whole)
    assert begins == [0, CUT]


def test_a_list_of_cuts_is_followed(whole: npt.NDArray[np.float32], tmp_path: Path) -> None:
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("20\n52\n")
    frames, begins = render(tmp_path / "out.mkv", cuts=str(cuts), start="15015/24000", frames=40)  # frame 15
    assert begins == [0, 5, 37]
    assert np.array_equal(frames[37:], whole[52:55])
    middle, _ = render(tmp_path / "middle.mkv", cuts=str(cuts), shots=2)
    assert np.array_equal(middle, frames[5:37])


def test_a_list_counts_the_clips_own_frames(tmp_path: Path) -> None:
    cuts = tmp_path / "cuts.txt"
    cuts.write_text("52\n")
    _, begins = render(tmp_path / "out.mkv", cuts=str(cuts), rate="12000/1001")
    assert begins == [0, 26]


def test_sound_begins_with_the_shot(tmp_path: Path) -> None:
    target = tmp_path / "2.mp4"
    render(target, shots=2, codec="h264", audio="copy")
    assert probe(target).audio_codec == "aac"
    assert probe(target).frame_count == 96 - CUT


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"shots": "3"}, SettingsError, r"--shots: there is no shot 3: there are 2 shots; `dreamvid shots` lists them"),
        ({"shots": "1", "start": 1}, SettingsError, r"--shots: cannot be combined with --start, --end or --frames"),
        ({"cuts": "nowhere.csv"}, MediaError, r"nowhere.csv: there is no such file"),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    tmp_path: Path, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        render(tmp_path / "x.mkv", **values)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["0", "7-3", "x", "1-2-3", "-1"])
def test_shots_that_make_no_sense(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--shots: .*is not a shot or range of shots such as 3 or 3-7"):
        make_settings({"shots": text})
