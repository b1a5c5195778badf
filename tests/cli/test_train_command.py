from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.cli.main import run

QUICK = ["--width", "0.125", "--resolution", "32", "--epochs", "1", "--batch-size", "4", "--threads", "1"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of eight small pictures: stripes along and across."""
    random = np.random.default_rng(0)
    for name, axis in (("along", 0), ("across", 1)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(8):
            picture = random.integers(0, 60, (32, 32, 3)).astype(np.uint8)
            np.moveaxis(picture, axis, 0)[::4] += 150
            cv2.imwrite(str(folder / f"{number}.png"), picture)
    return tmp_path / "data"


def test_a_network_is_trained_and_dreamed_with(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, config = tmp_path / "mine.safetensors", tmp_path / "train.yaml"
    config.write_text("middle: 0.125\nval-split: 0.25\n")
    assert run(["train", str(pictures), "-o", str(weights), "--config", str(config), *QUICK]) == 0
    assert capsys.readouterr().out.strip() == str(weights)
    target = tmp_path / "dream.png"
    command = [str(pictures / "along" / "0.png"), "--weights", str(weights), "--layer", "inception4d", "--octaves", "1"]
    assert run([*command, "--size", "64x64", "-o", str(target), "--progress", "none"]) == 0
    assert target.is_file()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--epochs", "many"], 2, "--epochs"),
        (["--model", "alexnet"], 2, "--model"),
        (["--val", "x", "--val-list", "y"], 2, "give one"),
        (["--config", "missing.yaml"], 2, "missing.yaml"),
        (["-o", "mine.pth"], 2, "call it mine.safetensors"),
        (["--finetune", "none.pth"], 1, "no weights file none.pth"),
    ],
)
def test_nonsense_gets_one_line(
    options: list[str], code: int, message: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(pictures), "-o", str(tmp_path / "w.safetensors"), *options]) == code
    complaint = capsys.readouterr().err.strip().splitlines()
    assert len(complaint) == 1
    assert message in complaint[0]
