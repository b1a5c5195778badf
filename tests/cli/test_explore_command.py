from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import typer

from dreamvid.cli.explore import explore, parse_grid
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.media import write_image
from dreamvid.runtime.frames import to_frame
from tests.tiny import noise

QUICK = ["--model", "dreamnet", "--octaves", "1", "--iterations", "1", "--progress", "none"]


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    write_image("my still.png", to_frame(noise(40, 56)))
    return "my still.png"


def run(*words: str) -> None:
    """The command by itself, whatever else there is."""
    app = typer.Typer()
    app.command()(explore)
    app(list(words), prog_name="dreamvid explore", standalone_mode=False)


def codes(page: Path) -> list[str]:
    return [unescape(text) for text in re.findall(r"<code>(.*?)</code>", page.read_text(encoding="utf-8"), re.DOTALL)]


@pytest.mark.parametrize(
    ("text", "option", "values"),
    [
        ("layer=inception3a,inception4d", "layer", ("inception3a", "inception4d")),
        ("--layer=a", "layer", ("a",)),
        ("step= 1, 2 ,4", "step", ("1", "2", "4")),
        ("octave_scale=1.2,1.4", "octave-scale", ("1.2", "1.4")),
        ("class=school bus,tabby:0.5", "class", ("school bus", "tabby:0.5")),
        ("iterations=10|28,16,6,2", "iterations", ("10", "28,16,6,2")),
        ("channels=3,5;7-9", "channels", ("3,5", "7-9")),
        ("layer=inception4d@3,5|inception4e", "layer", ("inception4d@3,5", "inception4e")),
        ("channels=0..3", "channels", ("0", "1", "2", "3")),
        ("channels=0-3", "channels", ("0-3",)),
        ("channels=5,8..10", "channels", ("5", "8", "9", "10")),
        ("layer=inception4d@8..9,conv1", "layer", ("inception4d@8", "inception4d@9", "conv1")),
        ("guide=../a.jpg,b.jpg", "guide", ("../a.jpg", "b.jpg")),
        ("class=a=b,c", "class", ("a=b", "c")),
    ],
)
def test_what_a_grid_means(text: str, option: str, values: tuple[str, ...]) -> None:
    assert parse_grid(text) == (option, values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layer", "OPTION=V1,V2"),
        ("", "OPTION=V1,V2"),
        ("layer=", "OPTION=V1,V2"),
        ("layer=a,,b", "OPTION=V1,V2"),
        ("step=1|", "OPTION=V1,V2"),
        ("layr=a,b", "no option 'layr'; did you mean layer"),
        ("blend=0.1,0.9", "--grid blend: .*single frame"),
        ("codec=h264,h265", "--grid codec: .*single frame"),
        ("device=cpu,cuda", "--grid device: .*single frame"),
        ("step=1,2,1", "--grid step: 1 is given twice"),
        ("channels=1,0..3", "--grid channels: 1 is given twice"),
        ("channels=5..2", "'5..2'.*smaller number"),
        ("channels=0..99999", "over at most 1024 numbers"),
    ],
)
def test_what_is_no_grid(text: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected) as caught:
        parse_grid(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--grid", "step=1", "--grid", "seed=1", "--grid", "tv=1"], "two axes"),
        (["--grid", "step=1", "--grid", "step=2"], "two axes"),
        (["--grid", "step=1", "--rank"], "leave out --grid"),
        (["--rank", "--class", "5"], "leave out --class"),
        (["--layer", "conv1"], "add --rank, or a grid"),
        (["--grid", "step=1,x"], "--step.*'x'"),
        (["--at", "soon", "--grid", "step=1"], "--at: 'soon'"),
        (["--at", "1", "--grid", "step=1"], "--at: my still.png is a still picture"),
        (["--octaves", "33"], "--octaves"),
        (["--preset", "clasic"], "did you mean classic"),
        (["--grid", "layer=conv2", "-o", "nowhere/sheet.png"], "folder nowhere does not exist"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(still: str, words: list[str], expected: str) -> None:
    with pytest.raises(DreamvidError, match=expected) as caught:
        run(still, *QUICK, *words)
    assert "\n" not in str(caught.value)
    assert [path.name for path in Path().iterdir()] == [still]


def test_a_sheet_and_its_page(still: str) -> None:
    Path("my look.yaml").write_text("spread: 0.5\nstep: 3\n")
    common = ["--strength", "0.8", "--keep-color", "--config", "my look.yaml", "--seed", "4"]
    grids = ["--grid", "layer=conv2,inception3a", "--grid", "step=2,4"]
    run(still, *QUICK, *common, *grids, "--cell", "48", "--max-size", "52", "--device", "cpu", "-o", "a.png")
    assert {path.name for path in Path().iterdir()} == {still, "my look.yaml", "a.png", "a.html"}
    texts = codes(Path("a.html"))[:-1]
    flags, commands = texts[::2], texts[1::2]
    assert flags == [f"--layer {layer} --step {step}" for step in (2, 4) for layer in ("conv2", "inception3a")]
    for own, command in zip(flags, commands, strict=True):
        words = shlex.split(command)
        assert words[:2] == ["dreamvid", still]
        assert words[-4:] == own.split()
        assert shlex.join(words) == command
        for part in (common, ["--model", "dreamnet"], ["--octaves", "1"]):
            assert set(part) <= set(words)
        assert words.count("--step") == 1
        assert not {"--cell", "--max-size", "--device", "--progress"} & set(words)
    assert "dreamed at 52x37" in Path("a.html").read_text(encoding="utf-8")


def test_settings_of_preset_file_and_flags_are_those_of_a_render(still: str) -> None:
    """`--preset` < `--config` < flags, whichever way their keys are spelled: the pictures tell."""
    Path("look.yaml").write_text("octave-scale: 1.5\nstep: 9\n")
    grid = ["--grid", "layer=conv2", "--cell", "56"]
    quick = ["--model", "dreamnet", "--octaves", "2", "--iterations", "1", "--progress", "none"]
    run(still, *quick, "--preset", "classic", "--config", "look.yaml", "--step", "3", *grid, "-o", "a.png")
    plain = ["--octave-scale", "1.5", "--step", "3", "--spectrum", "0", "--spread", "0", "--color-prior", "0"]
    run(still, *quick, *plain, *grid, "-o", "b.png")
    images = [re.findall(r"base64,([^\"]+)", Path(name).read_text(encoding="utf-8")) for name in ("a.html", "b.html")]
    assert images[0] == images[1]
    run(still, *quick, "--preset", "classic", *grid, "-o", "c.png")
    assert re.findall(r"base64,([^\"]+)", Path("c.html").read_text(encoding="utf-8"))[1] != images[0][1]


def test_the_look_of_a_finished_render(still: str) -> None:
    """What it was dreamed with is taken over, but for what a cell tries."""
    from dreamvid.cli.main import run as dreamvid

    look = ["--model", "dreamnet", "--octaves", "1", "--iterations", "2", "--step", "6", "--layer", "inception3a"]
    grid = ["--grid", "layer=conv2", "--cell", "56", "--progress", "none"]
    assert dreamvid([still, *look, "-o", "done.png", "--progress", "none"]) == 0
    run(still, "--like", "done.png", *grid, "-o", "a.png")
    run(still, *look, *grid, "-o", "b.png")
    images = [re.findall(r"base64,([^\"]+)", Path(name).read_text(encoding="utf-8")) for name in ("a.html", "b.html")]
    assert images[0] == images[1]
    assert codes(Path("a.html"))[1] == "dreamvid 'my still.png' --like done.png --layer conv2"


def test_the_rank_is_a_table_to_copy_from(still: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(still, *QUICK, "--rank", "--layer", "inception3a", "--rank-count", "2")
    shown = capsys.readouterr().out
    named = re.findall(r"--layer (inception3a@\d+) +(\d+\.\d\d)", shown)
    assert len(named) == 4
    most, least = named[::2], named[1::2]
    assert float(most[0][1]) >= float(most[1][1]) > float(least[1][1]) >= float(least[0][1])
    assert "dreamnet" in shown
    texts = codes(Path("my still.rank.html"))[:-1]
    assert texts[::2] == [f"--layer {layer}" for layer, _ in (*most, *least)]


def test_the_rank_in_the_log_is_json(still: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(still, *QUICK, "--rank", "--layer", "conv2", "--rank-count", "1", "--progress", "json")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        "ranked", "started", "frame-done", "frame-done", "notice", "finished"
    ]  # fmt: skip
    assert set(events[0]["most"][0]) == {"channel", "ratio"}
    assert events[0]["layer"] == "conv2"


def test_help_says_what_can_be_done_and_needs_no_torch(capsys: pytest.CaptureFixture[str]) -> None:
    run("--help")
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("--grid", "--rank", "--cell", "--at", "--layer", "--max-size", "0..7"):
        assert word in shown
    for absent in ("--codec", "--blend", "--fps"):
        assert absent not in shown
    script = "import sys, dreamvid.cli.explore; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
