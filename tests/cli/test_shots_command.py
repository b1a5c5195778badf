from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.cli.main import run
from dreamvid.media import open_writer
from dreamvid.runtime.frames import to_frame
from dreamvid.shots.shotlist import read_shots
from dreamvid.shots.shots import Shot
from tests.tiny import noise

SAMPLES = Path(__file__).parents[2] / "samples"
JOURNEY = SAMPLES / "journey.mp4"
FILM = Fraction(24_000, 1001)
ROWS = [
    ["1", "0", "52", "00:00:00:00", "00:00:02:04", "2.17"],
    ["2", "52", "44", "00:00:02:04", "00:00:04:00", "1.84"],
]


def table(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The rows below the headings; nothing else may have been printed."""
    shown = capsys.readouterr()
    assert shown.err == ""
    headings, *rows = shown.out.splitlines()
    assert headings.split() == ["shot", "first", "frame", "frames", "start", "end", "seconds"]
    return [row.split() for row in rows]


def test_the_shots_of_the_sample_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shots", str(JOURNEY)]) == 0
    assert table(capsys) == ROWS


@pytest.mark.parametrize("name", ["list.csv", "list.edl"])
def test_a_list_is_written_and_taken_in_place_of_looking(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    assert run(["shots", str(JOURNEY), "-o", str(path)]) == 0
    assert read_shots(path, FILM, 96) == [Shot(1, 0, 52), Shot(2, 52, 96)]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert table(capsys) == ROWS
    assert run(["shots", str(JOURNEY), "--cuts", str(path)]) == 0
    assert table(capsys) == ROWS
    path.write_text(path.read_text().replace("00:00:02:04", "00:00:02:05").replace(",52,", ",53,"))
    assert run(["shots", str(JOURNEY), "--cuts", str(path)]) == 0
    assert [row[1] for row in table(capsys)] == ["0", "53"]


def test_the_sheet_shows_the_middle_of_each_shot(tmp_path: Path) -> None:
    """Two shots of one color each, at 25 frames per second, with pixels that are twice as wide as high."""
    clip, sheet, cuts = tmp_path / "clip.mp4", tmp_path / "sheet.png", tmp_path / "cuts.txt"
    with open_writer(clip, width=64, height=64, rate=Fraction(25), sample_aspect=Fraction(2)) as writer:
        for frame in range(20):
            color = (1, 0, 0) if frame < 8 else (0, 0, 1)
            white = frame in (4, 7, 8, 14)  # beside the middles, and at the ends
            writer.write(np.ones((64, 64, 3), np.float32) * np.float32((1, 1, 1) if white else color))
    cuts.write_text("8\n")
    assert run(["shots", str(clip), "--cuts", str(cuts), "--thumbnails", str(sheet)]) == 0
    pixels = cv2.imread(str(sheet)).astype(int)
    for high, low in ((2, 0), (0, 2)):
        place = (pixels[..., high] > 200) & (pixels[..., low] < 60)
        assert place.sum() == 240 * 120
        assert place.any(0).sum() == 240


def test_a_sequence_has_the_rate_that_it_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = [to_frame(noise(48, 64, seed, low=0.0, high=1.0)) for seed in (1, 2)]
    for frame in range(20):
        cv2.imwrite(str(tmp_path / f"{frame:02}.png"), np.round(255 * scenes[frame >= 10]))
    expected = {None: "00:00:00:10", "25": "00:00:00:10", "5": "00:00:02:00"}
    for source in (tmp_path, tmp_path / "%02d.png"):
        for rate, start in expected.items():
            assert run(["shots", str(source), *(["--rate", rate] if rate else [])]) == 0
            assert [(row[1], row[3]) for row in table(capsys)] == [("0", "00:00:00:00"), ("10", start)]


def test_a_damaged_clip_is_listed_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = tmp_path / "clip.mp4"
    data = bytearray(JOURNEY.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    clip.write_bytes(data)
    assert run(["shots", str(clip)]) == 0
    shown = capsys.readouterr()
    assert "damaged" in shown.err
    assert shown.out.splitlines()[1].split()[:2] == ["1", "0"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["photo.jpg"], 1, r"photo\.jpg: a still picture has no shots"),
        (["text.mp4"], 1, r"text\.mp4: is not a video"),
        (["missing.mp4"], 1, r"missing\.mp4: there is no such file"),
        (["clip.mp4", "--cuts", "missing.csv"], 1, r"missing\.csv: there is no such file"),
        (["clip.mp4", "--cuts", "beyond.txt"], 1, r"beyond\.txt, line 2: the clip has no frame 96: .* 0 to 95"),
        (["clip.mp4", "--cuts", "clip.mp4"], 1, r"clip\.mp4: is not a list of shots"),
        (["clip.mp4", "--cuts", "wrong.edl"], 1, r"wrong\.edl, line 3: .*00:00:02:24.* does not exist at 23\.976"),
        (["clip.mp4", "--rate", "12"], 2, r"--rate: clip\.mp4 is a video"),
        (["clip.mp4", "--rate", "fast"], 2, r"--rate: 'fast'"),
        (["clip.mp4", "-o", "shots.txt"], 1, r"shots\.txt: .*\.csv or \.edl"),
        (["clip.mp4", "-o", "taken.csv"], 1, r"taken\.csv: already exists"),
        (["clip.mp4", "--thumbnails", "taken.png"], 1, r"taken\.png: already exists"),
        (["clip.mp4", "--thumbnails", "sheet.jpg"], 1, r"sheet\.jpg: .*\.png"),
        (["clip.mp4", "-o", "missing/shots.csv"], 1, r"folder missing does not exist"),
        (["clip.mp4", "--cuts", "taken.csv", "-o", "taken.csv", "--overwrite"], 1, r"taken\.csv: this is an input"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    arguments: list[str],
    code: int,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(JOURNEY.read_bytes())
    Path("photo.jpg").write_bytes((SAMPLES / "sky.jpg").read_bytes())
    Path("text.mp4").write_text("this is no film\n" * 100)
    Path("beyond.txt").write_text("52\n96\n")
    Path("wrong.edl").write_text("TITLE: wrong\n\n1 AX V C 00:00:00:00 00:00:01:00 00:00:02:24 00:00:03:00\n")
    Path("taken.csv").write_text("first_frame\n52\n")
    Path("taken.png").write_text("somebody's work")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(["shots", *arguments]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert re.search(expected, shown.err)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
