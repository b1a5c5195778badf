from __future__ import annotations

import json
from pathlib import Path

import pytest

from dreamvid.cli.main import run
from dreamvid.media import read_image

QUICK = ["visualize", "--model", "dreamnet", "--layer", "inception3a", "--size", "40x32", "--steps", "2"]


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr, which must be one line."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_pictures_are_drawn_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*QUICK, "--channels", "3,9", "--class", "school bus", "--class", "tabby"]) == 0
    shown = capsys.readouterr()
    files = ["inception3a-3.png", "inception3a-9.png", "school_bus.png", "tabby.png"]
    assert shown.out.split() == files
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert read_image(tmp_path / "tabby.png").shape == (32, 40, 3)
    assert "4 pictures of 40x32; dreamnet inception3a, logits" in shown.err
    assert "inception3a 9 (1): response" in shown.err


def test_a_sheet_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    command = [*QUICK, "--channels", "3,9", "--count", "2", "--diversity", "0.5", "--sheet", "-o", str(sheet)]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [str(sheet)]
    assert "similarity" in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_events_are_lines_of_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.png"
    assert run([*QUICK, "--neuron", "--channels", "3", "-o", str(target), "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = ["drawing-started", "step-done", "step-done", "picture-done", "drawing-finished"]
    assert [event["event"] for event in events] == kinds
    assert (events[1]["step"], events[1]["steps"], events[3]["target"]) == (1, 2, str(target))
    assert events[3]["subject"] == "inception3a 3 neuron"
    assert events[4]["targets"] == [str(target)]


def test_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*QUICK, "-o", str(tmp_path), "--progress", "none"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert (tmp_path / "inception3a.png").is_file()


def test_a_file_gives_settings_and_flags_win(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "eyes.yaml"
    config.write_text("model: dreamnet\nlayer: inception3a@4\nsize: 48x32\nscale-range: 0.7..0.9\nsteps: 1\n")
    assert run(["visualize", "--config", str(config), "--size", "36x36", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "inception3a-4.png")
    assert read_image(tmp_path / "inception3a-4.png").shape == (36, 36, 3)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--layer", "inceptoin3a"], 1, "did you mean inception3a"),
        (["--channels", "999"], 2, "there is no channel 999"),
        (["--class", "scool bus"], 1, "did you mean school bus"),
        (["--steps", "0"], 2, "--steps: "),
        (["--size", "big"], 2, "--size: 'big' is not WIDTHxHEIGHT"),
        (["--scale-range", "1..0.5"], 2, "--scale-range: '1..0.5' is not a range"),
        (["--scale-range", "wide"], 2, "--scale-range: 'wide' is not a range"),
        (["--scale-range", "0..1"], 2, "--scale-range: "),
        (["--diversity", "1"], 2, "draw more with --count"),
        (["--guide", "x.png"], 2, "--guide"),
        (["--config", "missing.yaml"], 2, "missing.yaml: no such configuration file"),
        (["-o", "x.mp4"], 1, "not an image format"),
    ],
)
def test_nonsense_gets_one_line(
    options: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*QUICK, *options]) == code
    assert message in complaint(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_makes_no_sense_here_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "look.yaml"
    config.write_text("scale-rang: 1\n")
    assert run([*QUICK, "--config", str(config)]) == 2
    assert complaint(capsys).endswith("visualize has no setting 'scale-rang'; did you mean scale-range?")
    for line, message in [
        ("octaves: 3", "visualize has no setting 'octaves'"),
        ("guide: x.png", "visualize has no setting 'guide'"),
        ("scale-range: [1, 0.5]", "--scale-range must go from a smaller factor to a larger one"),
    ]:
        config.write_text(f"{line}\n")
        assert run([*QUICK, "--config", str(config)]) == 2
        assert message in complaint(capsys)


def test_help_shows_defaults_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["visualize", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "[default: 224x224]" in shown
    assert "[default: 0.5..1]" in shown
    assert "--guide" not in shown
