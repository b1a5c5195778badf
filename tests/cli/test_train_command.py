from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.cli.main import run
from dreamvid.cli.progress import StoppedByUserError
from dreamvid.cli.training_progress import show
from dreamvid.train.events import Event, StepDone, TrainingFinished, TrainingStarted

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
        (["--val", "x", "--val-list", "y"], 2, "give only one"),
        (["--config", "missing.yaml"], 2, "missing.yaml"),
        (["-o", "mine.pth"], 2, "use the name mine.safetensors"),
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


@pytest.fixture
def _heeded() -> Iterator[None]:
    """Ctrl-C as a program in the foreground has it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeded")
def test_ctrl_c_lets_the_step_be_finished_and_says_what_is_kept() -> None:
    done: list[str] = []

    def events() -> Generator[Event, None, None]:
        yield TrainingStarted(2, 8, 2, 1000, 1, 4, 0, 0, Path("mine.train"))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)  # Python takes signals between two instructions
        done.append("the step")
        try:
            yield StepDone(1, 4, 1, 1.0, 0.5, 0.1, 10.0, 5.0)
        except GeneratorExit:
            done.append("saved")
            raise
        done.append("another step")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StoppedByUserError, match=r"kept in mine\.train: run the same command again") as caught:
        show(events())
    assert caught.value.exit_code == 130
    assert done == ["the step", "saved"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("_heeded")
def test_ctrl_c_twice_waits_for_nothing() -> None:
    def events() -> Generator[Event, None, None]:
        yield TrainingStarted(2, 8, 2, 1000, 1, 4, 0, 0, Path("mine.train"))
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        pytest.fail("the step went on")
        yield StepDone(1, 4, 1, 1.0, 0.5, 0.1, 10.0, 5.0)

    with pytest.raises(KeyboardInterrupt):
        show(events())


@pytest.mark.usefixtures("_heeded")
def test_while_pictures_are_read_ctrl_c_waits_for_nothing() -> None:
    def events() -> Generator[Event, None, None]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        pytest.fail("the reading went on")
        yield StepDone(1, 4, 1, 1.0, 0.5, 0.1, 10.0, 5.0)

    with pytest.raises(KeyboardInterrupt):
        show(events())


def test_what_runs_in_the_background_goes_on_at_ctrl_c() -> None:
    def events() -> Generator[Event, None, None]:
        yield TrainingStarted(2, 8, 2, 1000, 1, 4, 0, 0, Path("mine.train"))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        yield StepDone(1, 4, 1, 1.0, 0.5, 0.1, 10.0, 5.0)
        yield TrainingFinished(Path("mine.safetensors"), 0.5, 0)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        show(events())
    finally:
        signal.signal(signal.SIGINT, before)
