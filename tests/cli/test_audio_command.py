from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import pytest

from dreamvid.audio import ENVELOPES, analyze_sound
from dreamvid.audio.grid import COUNTED
from dreamvid.cli import main as cli

JOURNEY = Path(__file__).parents[2] / "samples" / "journey.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The sample, of which the kick falls every half second, under a name that is hard to pass on."""
    path = tmp_path / "100% -i my clip.mp4"
    path.write_bytes(JOURNEY.read_bytes())
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_picture_and_table_lie_beside_the_sound(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["audio", str(clip)]) == 0
    picture, table = (clip.with_name(f"100% -i my clip.audio.{ending}") for ending in ("png", "csv"))
    words, loops, *files = capsys.readouterr().out.splitlines()
    assert "8 beats" in words
    assert "120." in words
    of_bars = r"a bar lasts (.+) s: for a loop, --duration (.+) \(4 bars\) or --duration (.+) \(8 bars\)"
    found = re.fullmatch(of_bars, loops)
    assert found is not None
    assert [float(seconds) for seconds in found.groups()] == pytest.approx([2, 8, 16], rel=0.01)
    assert files == [str(picture), str(table)]
    assert {path.name for path in clip.parent.iterdir()} == {clip.name, picture.name, table.name}
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert drawn.shape[1] == 1600
    rows = rows_of(table)
    assert len(rows) == 96  # a line for each of the clip's frames
    assert list(rows[0]) == ["frame", "seconds", *ENVELOPES, *COUNTED]
    assert [row["frame"] for row in rows[:3]] == ["0", "1", "2"]
    assert float(rows[24]["seconds"]) == pytest.approx(1.001)
    heard = analyze_sound(JOURNEY)
    for index in (0, 12, 50, 95):
        for name, value in heard.at(index * 1001 / 24000, 1001 / 24000).items():
            assert float(rows[index][name]) == pytest.approx(value, abs=1e-4)


def test_options_reach_the_table(clip: Path, tmp_path: Path) -> None:
    picture, table = tmp_path / "a.jpg", tmp_path / "b.csv"
    options = ["--fps", "10", "--bpm", "60", "--release", "0.05", "--offset", "0.2", "--attack", "0"]
    assert cli.run(["audio", str(clip), "-o", str(picture), "--csv", str(table), *options]) == 0
    rows = rows_of(table)
    assert len(rows) == 41  # of 4.004 seconds
    beats = [index for index, row in enumerate(rows) if float(row["beat"]) > 0.9]
    assert beats in ([2, 12, 22, 32], [7, 17, 27, 37])  # one a second, a fifth of a second late
    heard = analyze_sound(JOURNEY, attack=0, release=0.05, offset=0.2, bpm=60)
    for index in (3, 8, 30):
        for name, value in heard.at(index / 10, 0.1).items():
            assert float(rows[index][name]) == pytest.approx(value, abs=1e-4)
    assert picture.is_file()
    assert cli.run(["audio", str(clip), "-o", str(tmp_path / "c.png")]) == 0
    assert (tmp_path / "c.csv").is_file()


def test_nothing_is_overwritten_unless_asked(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = clip.with_name(f"{clip.stem}.audio.csv")
    table.write_text("somebody's work")
    assert cli.run(["audio", str(clip)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert table.read_text() == "somebody's work"
    assert not clip.with_name(f"{clip.stem}.audio.png").exists()
    assert cli.run(["audio", str(clip), "--overwrite"]) == 0
    assert len(rows_of(table)) == 96


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--bpm", "5"], 2, "--bpm"),
        (["--fps", "many"], 2, "--fps"),
        (["--attack", "-1"], 2, "--attack"),
        (["-o", "out.wav"], 1, "out.wav"),
        (["-o", "same.png", "--csv", "same.png"], 2, "--csv"),
        (["--csv", "missing/out.csv"], 1, "missing"),
    ],
)
def test_nonsense_gets_one_line_and_leaves_nothing(
    options: list[str],
    code: int,
    message: str,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(clip.parent)
    assert cli.run(["audio", clip.name, *options]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert list(clip.parent.iterdir()) == [clip]


def test_without_sound_there_is_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = tmp_path / "silent.mp4"
    silent.write_bytes((JOURNEY.parent / "known_flow.mp4").read_bytes())
    assert cli.run(["audio", str(silent)]) == 1
    assert "no sound track" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [silent]


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["audio", "--help"]) == 0
    shown = capsys.readouterr().out
    for flag in ("--output", "--csv", "--fps", "--attack", "--release", "--offset", "--bpm", "--overwrite"):
        assert flag in shown


def test_corrected_beats_are_shown_and_written(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "grid.csv"
    edits = ["--tempo", "half", "--downbeat", "0.5", "--beats-per-bar", "2", "--shift-beats", "0.25"]
    assert cli.run(["audio", str(clip), "--offset", "0.3", *edits, "--beats-out", str(grid)]) == 0
    assert "tempo 60.0 beats per minute, 3 beats, 2 bars of 2/4" in capsys.readouterr().out
    beats = [row for row in rows_of(grid) if row["beat"]]
    assert [row["beat"] for row in beats] == ["1", "2", "1", "2"]
    assert [float(row["seconds"]) for row in beats] == pytest.approx([0.75, 1.75, 2.75, 3.75], abs=0.02)
    rows = rows_of(clip.with_name("100% -i my clip.audio.csv"))
    struck = [float(row["seconds"]) for row in rows if float(row["beat"]) > 0.99]
    assert struck == pytest.approx([1.05, 2.05, 3.05], abs=0.05)
    assert cli.run(["audio", str(clip), "--tempo", "slow", "--overwrite"]) != 0
