"""Every command that the README and docs/ show is run, on tiny files of the same names; every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import opentimelineio as otio
import pytest
import typer.main

from dreamvid.cli.main import app, run
from dreamvid.color.primaries import PRIMARIES
from dreamvid.media import SoundTrack, open_writer
from tests.color.scenes import PQ_2020, ramp, scene, write_film
from tests.music.given import off, on, score

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]
TINY = ["--max-size", "64", "--octaves", "1", "--iterations", "1", "--model", "dreamnet"]
SMALLER = {
    "zoom": [*TINY, "--size", "64x36", "--duration", "0.1", "--warm-iterations", "1"],
    "explore": TINY,
    "visualize": ["--model", "dreamnet", "--steps", "2", "--size", "32x32"],
    "audio": [],
    "layers": [],
    "presets": [],
    "shots": [],
    "run": [],
    "timeline": [*TINY, "--warm-iterations", "1"],
}
FILM = [*TINY, "--warm-iterations", "1", "--frames", "2"]
ELSEWHERE = ("train", "farm", "studio", "doctor")  # tests of their own
NO_FILES = ("layers", "presets", "--estimate")


def shown_lines(pages: Sequence[Path] = PAGES) -> list[str]:
    """What follows `dreamvid` on each line of code that begins with it, once; lines of shell scripts are left out."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    lines = re.findall(r"^    dreamvid ([^/\n].*?)(?: +#.*)?$", text, re.MULTILINE)
    return [line.strip() for line in dict.fromkeys(lines) if "$" not in line or "$OCIO" in line]


def shown_commands() -> list[str]:
    return [line for line in shown_lines() if line.split()[0] not in ELSEWHERE and "mine.safetensors" not in line]


def marked_commands() -> list[Any]:
    """Those that only the guides show are run with the slow tests."""
    first = shown_lines([ROOT / "README.md"])
    return [line if line in first else pytest.param(line, marks=pytest.mark.slow) for line in shown_commands()]


def write_layers(path: Path, light: np.ndarray, *vectors: str) -> None:
    """An EXR of a renderer's: the picture, some layers of it, a matte, and vectors of what stands still."""
    layers = ("", "diffuse", "ViewLayer.Combined")
    channels = {f"{layer}.{name}".lstrip("."): light[..., k] for layer in layers for k, name in enumerate("RGB")}
    channels |= {"A": light[..., 0] * 0 + 1, "crypto00.R": light[..., 0]}
    ends = {"velocity": "RG", "backward": "uv", "ViewLayer.Vector": "XYZW"}
    channels |= {f"{layer}.{end}": light[..., 0] * 0 for layer in vectors for end in ends[layer]}
    header = {"type": OpenEXR.scanlineimage, "chromaticities": PRIMARIES["ap1"]}
    OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}).write(str(path))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name."""
    folder = tmp_path_factory.mktemp("desk")
    rate = 44_100
    t = np.arange(4 * rate) / rate
    beats = np.sin(2 * np.pi * 80 * t) * np.exp(-((t % 0.5) * 30))
    with wave.open(str(folder / "song.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((beats * 30000).astype("<i2").tobytes())
    for name in ("song.mp3", "drums.wav", "vox.wav"):  # what a file is, not what it is called, counts
        shutil.copy(folder / "song.wav", folder / name)
    score(folder / "score.mid", [on(0, 36), off(480, 36)])
    (folder / "glow.csv").write_text("time,value\n0,0\n2,1\n")
    picture = cv2.resize(cv2.imread(str(ROOT / "samples" / "portrait.jpg")), (64, 64))
    for name in ("photo.jpg", "leopard.jpg"):
        cv2.imwrite(str(folder / name), picture)
    cv2.imwrite(str(folder / "sky.png"), np.full((36, 64), 255, np.uint8))
    (folder / "frames").mkdir()
    clip, sound = folder / "clip.mp4", SoundTrack(folder / "song.wav")
    with open_writer(clip, width=64, height=36, rate=Fraction(2), sound=sound) as writer:
        for index in range(42):
            frame = cv2.resize(picture[..., ::-1] / np.float32(255), (64, 36)) * np.float32(1 - index / 200)
            writer.write(frame)
            if index < 2:
                cv2.imwrite(str(folder / f"frames/{index + 1:05}.png"), (frame[..., ::-1] * 255).astype(np.uint8))
    for name in ("other.mp4", "clip-depth.mp4"):
        shutil.copy(clip, folder / name)
    cv2.imwrite(str(folder / "photo-depth.png"), np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (64, 1)))
    write_film(folder / "hdr.mp4", ramp(64, 64), PQ_2020, codec="h265", bit_depth=10)
    (folder / "shot.chan").write_text("1 0 0 0 0 0 0\n2 0 0 -0.1 0 1 0\n")
    (folder / "docs" / "gallery").mkdir(parents=True)
    for name in ("eyes.jpg", "endless.yaml"):
        shutil.copy(ROOT / "docs" / "gallery" / name, folder / "docs" / "gallery" / name)
    (folder / "shot").mkdir()
    for number in (1, 2):
        write_layers(folder / f"shot/{number:04}.exr", scene(number, (64, 64)), "ViewLayer.Vector", "backward")
        for name in ("vectors", "mv"):
            of_nuke = () if name == "mv" else ("backward",)
            write_layers(folder / f"{name}.{number:04}.exr", scene(number, (36, 64)), "velocity", *of_nuke)
    (folder / "look.yaml").write_text("octaves: 2\n")
    (folder / "video.yaml").write_text('react: song.mp3\nstrength: "0.4 + 0.5*beat"\n')
    (folder / "job.yaml").write_text(
        "shared: {model: dreamnet, octaves: 1, iterations: 1, frames: 2, audio: none}\nclips: [other.mp4]\n"
    )
    edit = otio.schema.Timeline()
    edit.tracks.append(otio.schema.Track(kind="Video"))
    used = otio.opentime.TimeRange(otio.opentime.RationalTime(3, 2), otio.opentime.RationalTime(2, 2))
    reference = otio.schema.ExternalReference(target_url="clip.mp4")
    edit.tracks[0].append(otio.schema.Clip(name="clip", media_reference=reference, source_range=used))
    otio.adapters.write_to_file(edit, str(folder / "edit.otio"))
    return folder


@pytest.fixture
def desk(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of those files, where the command is given."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCIO", "ocio://default")
    return tmp_path


def test_commands_are_found() -> None:
    commands = shown_commands()
    assert len(commands) >= 40
    assert {"zoom", "explore", "visualize", "audio"} <= {command.split()[0] for command in commands}


@pytest.mark.parametrize("command", marked_commands())
def test_every_command_works(command: str, desk: Path) -> None:
    words = shlex.split(command)
    smaller = SMALLER["timeline"] if words[1:2] == ["edit.otio"] else SMALLER.get(words[0], FILM)
    if "--cuts" in words and not words[words.index("--cuts") + 1].endswith(".otio"):
        Path(words[words.index("--cuts") + 1]).write_text("\n".join(map(str, range(1, 42))))
    if "--beats" in words and "grid.csv" in words:
        Path("grid.csv").write_text("seconds,beat\n" + "".join(f"{beat / 2},{beat % 4 + 1}\n" for beat in range(8)))
    if "--shots" in words:
        smaller = smaller[: smaller.index("--frames")]
    if "gallery" in command:
        smaller = [*smaller, "--layer", "inception4a"]
    elif "--like" in words:
        assert run(["clip.mp4", *FILM, "--progress", "none"]) == 0
    quiet = [] if words[0] in ("audio", "layers", "presets", "shots") else ["--progress", "none"]
    if words[0] in ("photo.jpg",):
        smaller = TINY
    if "--model" in words:  # that of the command
        smaller = smaller[: smaller.index("--model")] + smaller[smaller.index("--model") + 2 :]
    before = {path for path in desk.rglob("*") if path.is_file()}
    assert run([*words, *smaller, *quiet]) == 0
    made = {path for path in desk.rglob("*") if path.is_file()} - before
    assert made or set(NO_FILES) & set(words)
    assert not [path for path in made if ".journal" in str(path)]


@pytest.mark.parametrize("line", [line for line in shown_lines() if line not in shown_commands()])
def test_every_option_of_the_other_commands_exists(line: str) -> None:
    words = shlex.split(line)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    command = commands.get(words[0], commands["dream"])
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert not [word for word in words if word.startswith("-") and word not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target
