from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.cli import main
from dreamvid.cli.main import run
from dreamvid.media import open_reader, probe

SAMPLES = Path(__file__).parents[2] / "samples"
JOURNEY = SAMPLES / "journey.mp4"
QUICK = ["--model", "dreamnet", "--layer", "inception3a", "--octaves", "2", "--iterations", "1", "--max-size", "128"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr, which must be one line without a traceback."""
    text = capsys.readouterr().err
    lines = [line for line in text.splitlines() if line.startswith("dreamvid: ")]
    assert len(lines) == 1
    assert "Traceback" not in text
    return lines[0]


def test_a_clip_is_dreamed_with_its_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(JOURNEY)
    target = tmp_path / "dream.mp4"
    assert run([str(JOURNEY), *QUICK, "--start", "2", "--frames", "8", "-o", str(target), "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events if event["event"] != "notice"] == [
        "started", "shot-started", *["frame-done"] * 4, "shot-started", *["frame-done"] * 4, "finished",
    ]  # fmt: skip
    made, source = probe(target), probe(JOURNEY)
    assert (made.frame_count, made.rate, made.audio_codec) == (8, source.rate, source.audio_codec)
    assert (made.width, made.height) == (128, 72)
    assert digest(JOURNEY) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dream.mp4", "dream.mp4.json"]


def test_a_still_and_its_default_name(tmp_path: Path) -> None:
    picture = tmp_path / "face.jpg"
    picture.write_bytes((SAMPLES / "portrait.jpg").read_bytes())
    assert run([str(picture), *QUICK, "--progress", "none"]) == 0
    dreamed = cv2.imread(str(tmp_path / "face.dream.png"))
    assert dreamed is not None
    assert max(dreamed.shape) == 128


def test_a_numbered_sequence(tmp_path: Path) -> None:
    for number in range(3, 6):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), cv2.imread(str(SAMPLES / "sky.jpg"))[: 96 + 0, :128])
    pattern = tmp_path / "out" / "%03d.png"
    assert run([str(tmp_path / "%03d.png"), *QUICK, "-o", str(pattern), "--progress", "none"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_the_same_command_gives_the_same_frames(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        command = [str(JOURNEY), *QUICK, "--frames", "3", "--codec", "ffv1", "--audio", "none"]
        assert run([*command, "-o", str(tmp_path / name), "--progress", "none"]) == 0
    frames = [[frame.tobytes() for frame in decoded(tmp_path / name)] for name in ("a.mkv", "b.mkv")]
    assert len(frames[0]) == 3
    assert frames[0] == frames[1]


def decoded(path: Path, frames: int | None = None) -> list[np.ndarray]:
    with open_reader(path, frames=frames) as reader:
        return list(reader)


def test_zero_iterations_and_no_blend_give_the_clip_back(tmp_path: Path) -> None:
    target = tmp_path / "same.mkv"
    command = [str(JOURNEY), "--model", "dreamnet", "--iterations", "0", "--warm-iterations", "0", "--codec", "ffv1"]
    assert run([*command, "--frames", "4", "-o", str(target), "--progress", "none"]) == 0
    for made, source in zip(decoded(target), decoded(JOURNEY, 4), strict=True):
        assert np.array_equal(made, source)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["missing.mp4"], 1, r"missing.mp4.*no such file"),
        (["text.mp4"], 1, r"text.mp4"),
        (["empty.mp4"], 1, r"empty.mp4.*empty"),
        (["truncated.mp4"], 1, r"truncated.mp4"),
        (["sound.wav"], 1, r"sound.wav.*no video"),
        (["clip.mp4", "--start", "2", "--end", "2"], 1, r"there are no frames in this range.*4\.00"),
        (["clip.mp4", "--start", "100"], 1, r"there are no frames in this range"),
        (["clip.mp4", "--model", "dreamnet", "--layer", "inception4z"], 1, r"inception4z.*did you mean"),
        (["clip.mp4", "--model", "googlnet"], 1, r"googlnet.*googlenet"),
        (["clip.mp4", "--model", "dreamnet", "--octaves", "20"], 2, r"too small"),
        (["clip.mp4", "--model", "vgg16", "--weights", "missing.pth"], 1, r"missing.pth"),
        (["clip.mp4", "-o", "text.mp4/out.mp4"], 1, r"text.mp4"),
        (["clip.mp4", "-o", "taken.mp4"], 1, r"taken.mp4.*--overwrite"),
        (["clip.mp4", "-o", "out.xyz"], 1, r"out.xyz"),
        (["clip.mp4", "--audio", "missing.wav"], 1, r"missing.wav"),
        (["clip.mp4", "--device", "cuda:99"], 2, r"cuda:99"),
        (["clip.mp4", "--octaves", "none"], 2, r"--octaves"),
        (["clip.mp4", "--octavs", "3"], 2, r"--octavs.*--octaves"),
        (["clip.mp4", "--preset", "clasic"], 2, r"did you mean classic"),
        (["clip.mp4", "--config", "missing.yaml"], 2, r"missing.yaml"),
        (["layrs"], 2, r"layrs.*layers"),
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
    Path("text.mp4").write_text("this is no film\n" * 100)
    Path("empty.mp4").touch()
    Path("truncated.mp4").write_bytes(JOURNEY.read_bytes()[:5000])
    Path("sound.wav").write_bytes(WAVE)
    Path("taken.mp4").write_text("somebody's work")
    before = {path: digest(path) for path in tmp_path.iterdir()}
    assert run(arguments) == code
    assert re.search(expected, complaint(capsys))
    assert {path: digest(path) for path in tmp_path.iterdir()} == before


WAVE = (
    b"RIFF" + (36 + 8000).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    + (1).to_bytes(2, "little") * 2 + (8000).to_bytes(4, "little") * 2 + (1).to_bytes(2, "little")
    + (8).to_bytes(2, "little") + b"data" + (8000).to_bytes(4, "little") + bytes([128]) * 8000
)  # fmt: skip


def test_the_output_is_never_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, link = tmp_path / "clip.mp4", tmp_path / "link.mp4"
    clip.write_bytes(JOURNEY.read_bytes())
    link.symlink_to(clip)
    for target in (clip, link):
        assert run([str(clip), *QUICK, "-o", str(target), "--overwrite"]) == 1
        complaint(capsys)
        assert digest(clip) == digest(JOURNEY)


def test_help_is_quick_because_torch_stays_out() -> None:
    script = (
        "import sys; from dreamvid.cli.main import run\n"
        "for words in (['--help'], ['dream', '--help'], ['layers', '--help'], ['presets'], ['--version']): run(words)\n"
        "heavy = {'torch', 'cv2', 'numpy', 'scipy'} & set(sys.modules); sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("--layer", "--octave-scale", "--blend", "presets", "models"):
        assert word in done.stdout


def test_help_stands_under_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("Usage: dreamvid INPUT [OPTIONS]")
    headings = [line.removesuffix(":") for line in page.splitlines() if line.endswith(":") and line[:1].isupper()]
    assert headings[:3] == ["Arguments", "Options", "Network"]
    assert headings[-1] == "Commands"
    assert run(["train", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: dreamvid train [OPTIONS] DATA...")


@pytest.mark.parametrize("words", [["models"], ["layers", "dreamnet"], ["layers", "vgg16"], ["presets"]])
def test_the_lists_name_what_they_should(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    shown = capsys.readouterr().out
    expected = {"models": "googlenet", "dreamnet": "inception4d", "vgg16": "relu4_3", "presets": "classic"}
    assert expected[words[-1]] in shown


# Of a render that has been saved, `tests/output/test_journal.py` asks what Ctrl-C does.
@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_an_interrupted_render_leaves_nothing(sign: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and a polite kill alike."""
    if signal.getsignal(sign) is signal.SIG_IGN:
        pytest.skip("so in a shell's background, and so in all that is started from there")
    command = [sys.executable, "-m", "dreamvid.cli.main", str(JOURNEY), *QUICK, "-o", str(tmp_path / "out.mp4")]
    command += ["--save-every", "9999"]
    process = subprocess.Popen([*command, "--progress", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if b"frame-done" in line:
            break
    process.send_signal(sign)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.decode().strip().splitlines()[-1].startswith("dreamvid: interrupted")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
)
def test_how_threads_wait_is_the_environments_to_say(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that what is set below is taken back
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    main._let_threads_wait_a_little()
    found = {name: os.environ[name] for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT") if name in os.environ}
    assert found == expected


@pytest.mark.parametrize(
    "words",
    [
        ["NAME"], ["NAME.mp4"], ["NAME.png"], ["zoom", "NAME.png"], ["explore", "NAME.png"], ["shots", "NAME.mp4"],
        ["audio", "NAME.mp3"], ["run", "NAME.yaml"], ["train", "NAME"], [str(JOURNEY), "--like", "NAME.png"],
        [str(JOURNEY), "--config", "NAME.yaml"], [str(JOURNEY), "--guide", "NAME.png"],
        [str(JOURNEY), "--cuts", "NAME"],
        [str(JOURNEY), "--audio", "NAME.wav"], [str(JOURNEY), "-o", "NAME.mp4"], [str(JOURNEY), "-o", "NAME/x.mp4"],
        ["shots", str(JOURNEY), "--cuts", "NAME.csv"], ["shots", str(JOURNEY), "-o", "NAME.csv"],
    ],
)  # fmt: skip
def test_names_that_are_too_long_are_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([word.replace("NAME", "x" * 300) for word in words]) in (1, 2)
    assert "x" * 40 in complaint(capsys)
