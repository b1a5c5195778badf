"""How many frames does a carried dream take to forget where its shot began? The run-in of a chunk comes from this.

    python benchmarks/run_in.py [--size 160] [--frames 72] [OPTION=VALUE …]

One shot is dreamed from its first frame, and again from later ones. Printed is how far the two dreams are apart,
RMS of the difference over RMS of the dream, against the number of frames since the later start; beside it how far
the dreams of neighboring frames are apart, which is what an eye is used to.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.config.settings import make_settings
from dreamvid.media import open_reader
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import prepare
from dreamvid.runtime.device import choose_machine

SAMPLES = Path(__file__).parents[1] / "samples"
RATE = Fraction(24)
AT = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
Pictures = npt.NDArray[np.float32]


def write_shots(folder: Path, frames: int, side: int) -> dict[str, Path]:
    """Three shots: a walk forwards and backwards through the sample, a slow pan over a picture, and a still."""
    shots: dict[str, list[Pictures]] = {}
    with open_reader(SAMPLES / "journey.mp4", max_size=side, frames=50) as reader:
        walk = list(reader)
    there_and_back = [*range(len(walk)), *range(len(walk) - 2, 0, -1)]
    shots["walk"] = [walk[there_and_back[index % len(there_and_back)]] for index in range(frames)]
    height, width = walk[0].shape[:2]
    with open_reader(SAMPLES / "landscape.jpg") as reader:
        picture = next(reader)
    picture = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_AREA)
    shots["pan"] = [
        cv2.warpAffine(
            picture, np.float32([[1, 0, -0.7 * i % width], [0, 1, -height / 2]]), (width, height),
            flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT,
        ).clip(0, 1)
        for i in range(frames)
    ]  # fmt: skip
    shots["still"] = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)] * frames
    for name, pictures in shots.items():
        (folder / name).mkdir()
        for index, image in enumerate(pictures):
            cv2.imwrite(str(folder / name / f"{index:04}.png"), np.round(255 * image[..., ::-1]).astype(np.uint8))
    return {name: folder / name for name in shots}


def residuals(source: Path, first: int, settings: dict[str, str]) -> Pictures:
    """What the dream adds to each frame from `first` on."""
    with open_reader(source, start=first / RATE) as reader:
        with open_reader(source, start=first / RATE) as again:
            raws = np.stack(list(again))
        size = raws.shape[1:3]
        made = make_settings({"model": "dreamnet"}, settings)
        prepared = prepare(made, Clock(RATE, first + len(raws)), size, choose_machine("auto"), governed=True)
        film = Film(prepared.planner, prepared.machine.device)
        dreams = [frame for frame, _ in film.dream(reader, repeat(False)) if frame is not None]
    return np.stack(dreams) - raws


def rms(pictures: Pictures) -> Pictures:
    return np.sqrt(np.square(pictures).mean(axis=(1, 2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--starts", type=int, nargs="+", default=[8, 20])
    parser.add_argument("settings", nargs="*", metavar="OPTION=VALUE")
    arguments = parser.parse_args()
    settings = dict(text.split("=", 1) for text in arguments.settings)
    with tempfile.TemporaryDirectory() as folder:
        for name, source in write_shots(Path(folder), arguments.frames, arguments.size).items():
            whole = residuals(source, 0, settings)
            strength = rms(whole).mean()
            neighbors = np.median(rms(np.diff(whole, axis=0))) / strength
            print(f"{name}: neighboring frames' dreams differ by {neighbors:.3f}")
            for start in arguments.starts:
                late = residuals(source, start, settings)
                apart = rms(late - whole[start:]) / strength
                energy = rms(late) / rms(whole[start:])
                row = "  ".join(f"{j}: {apart[j]:.3f} ({energy[j]:.2f})" for j in AT if j < len(apart))
                print(f"  from frame {start}:  {row}", flush=True)


if __name__ == "__main__":
    main()
