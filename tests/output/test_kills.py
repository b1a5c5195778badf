"""Killed without mercy at random moments, a render goes on with the same command, ends the same, and leaves nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dreamvid.media import open_reader

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")]

SAMPLES = Path(__file__).parents[2] / "samples"
DREAMVID = [sys.executable, "-m", "dreamvid"]
LOOK = [
    "--model", "dreamnet", "--layer", "inception3a", "--octaves", "2", "--iterations", "2", "--precision", "fp32",
    "--threads", "1", "--save-every", "0", "--progress", "json", "--report",
]  # fmt: skip
FILM = [
    str(SAMPLES / "journey.mp4"), *LOOK, "--warm-iterations", "1", "--max-size", "96", "--start", "1.5",
    "--frames", "30",
]  # fmt: skip
ZOOM = ["zoom", "noise", *LOOK, "--size", "96x64", "--duration", "1.25"]
KINDS = {
    "film": (FILM, "out.mp4"),
    "two passes": ([*FILM, "--two-pass"], "out.mp4"),
    "sequence": (FILM, "frames/%04d.png"),
    "passes in it": ([*FILM, "--passes", "all"], "frames/%04d.exr"),
    "passes beside it": ([*FILM, "--passes", "all", "--passes-as", "files"], "out.mp4"),
    "zoom": (ZOOM, "out.mp4"),
    "loop": ([*ZOOM, "--loop"], "out.mp4"),
}
KILLS = 15  # of each kind


def run(folder: Path, kind: str, moment: tuple[int, float] | None = None) -> int | None:
    """Run the command in a folder; or kill it so long after a frame of that number. Returns its exit code."""
    options, target = KINDS[kind]
    with subprocess.Popen(
        [*DREAMVID, *options, "-o", str(folder / target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            event = json.loads(line)
            is_frame = event["event"] in ("frame-done", "backward-frame-done")
            if moment is not None and is_frame and event["frame"] >= moment[0]:
                time.sleep(moment[1])
                process.send_signal(signal.SIGKILL)
                break
        said = process.stderr.read()
        code = process.wait()
    assert moment is not None or code == 0, said
    return code


def frames_of(folder: Path, kind: str) -> np.ndarray:
    with open_reader(folder / KINDS[kind][1]) as reader:
        return np.stack(list(reader))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_render_that_is_killed_again_and_again_ends_unbroken(kind: str, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    run(whole, kind)
    moments = random.Random(kind)
    kills = renders = 0
    while kills < KILLS:
        assert renders < 4 * KILLS
        folder = tmp_path / str(renders)
        folder.mkdir()
        renders += 1
        for _ in range(50):
            # Half of them at the end: between the last frame and the last file that is removed.
            early = moments.randrange(28), moments.uniform(0, 0.1)
            moment = (29, moments.uniform(0, 0.3)) if moments.random() < 0.5 else early
            before = names(folder)
            if run(folder, kind, moment) == -signal.SIGKILL:
                kills += 1
            elif not any(".journal" in name for name in names(folder)):
                break
            if names(folder) == names(whole) != before:
                break  # it was killed when all was done
        else:
            pytest.fail(f"it does not end: {names(folder)}")
        assert names(folder) == names(whole)
        assert np.array_equal(frames_of(folder, kind), frames_of(whole, kind))
        for path in whole.rglob("*.exr"):
            assert path.read_bytes() == (folder / path.relative_to(whole)).read_bytes(), path
        lines = sorted(folder.glob("*.report.jsonl"))[0].read_text().splitlines()
        assert [json.loads(line)["frame"] for line in lines] == list(range(30))
    print(f"{kind}: {kills} kills in {renders} renders")
