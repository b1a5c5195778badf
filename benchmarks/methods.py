"""How steady a film is that is dreamed in the ways of earlier tools, on one network.

    uv run python benchmarks/methods.py [--frames 16] [--width 240]

- *each alone*: every frame from nothing, as google/deepdream does on a picture.
- *blended*: the last dream and the new frame, half and half, dreamed on (DeepDreamVideo; DeepDreamAnim's default).
- *moved*: what the last dream added, moved along Farneback's flow onto the new frame, dreamed on in full
  (DeepDreamAnim's --flow).
- *dreamvid*: its carry, with few steps where the flow can be trusted.

The first three are written here, with the textbook's dream (`textbook.py`): 4 octaves of 10 steps of 1.5 levels. The
programs themselves do not run on today's Python. Energy is the RMS of what is added, in levels of 255; the warped error
is how far it is from the frame before, moved along the flow: 0 steady, about 1 unrelated, √2 as strong and opposed.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from textbook import Textbook
from timing import describe_machine
from torch import Tensor

from dreamvid import Dreamer
from dreamvid.media import open_reader, resize_image
from dreamvid.models import load_network
from dreamvid.motion import MotionEstimator
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.metrics import warped_error
from dreamvid.runtime.frames import to_frame, to_tensor

CLIP = Path(__file__).parents[1] / "samples" / "journey.mp4"
MODEL, LAYER = "efficientnet_lite0", "block10"
CPU = torch.device("cpu")
Dream = Callable[[Tensor], Tensor]


def alone(raws: Sequence[Tensor], dream: Dream) -> Iterator[Tensor]:
    yield from map(dream, raws)


def blended(raws: Sequence[Tensor], dream: Dream) -> Iterator[Tensor]:
    last = dream(raws[0])
    yield last
    for raw in raws[1:]:
        last = dream((last + raw) / 2)
        yield last


def moved(raws: Sequence[Tensor], dream: Dream) -> Iterator[Tensor]:
    last = dream(raws[0])
    yield last
    height, width = raws[0].shape[-2:]
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    for before, raw in itertools.pairwise(raws):
        first, second = (
            cv2.cvtColor(np.round(to_frame(x) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for x in (before, raw)
        )
        flow = cv2.calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        carried = cv2.remap(to_frame(last - before), here - flow, None, cv2.INTER_LINEAR)
        last = dream(raw + to_tensor(carried, CPU))
        yield last


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--width", type=int, default=240)
    options = parser.parse_args()
    with open_reader(CLIP, rate=Fraction(24)) as reader:
        frames = [
            resize_image(frame, options.width, options.width * 9 // 16)
            for _, frame in zip(range(options.frames), reader, strict=False)
        ]
    raws = [to_tensor(frame, CPU) for frame in frames]
    estimator = MotionEstimator("dis", device="cpu")
    motions = [FrameMotion.of(estimator.measure(*pair), CPU) for pair in itertools.pairwise(frames)]
    textbook = Textbook(load_network(MODEL, allow_download=False), LAYER, CPU)
    print(
        f"{describe_machine(CPU)}\n{MODEL} {LAYER}, {options.frames} frames of journey.mp4, {options.width} px wide\n"
    )
    print("| method | warped error | energy of the first frame | of the last |\n|---|---|---|---|")
    ways: dict[str, Callable[[], list[Tensor]]] = {
        "each alone": lambda: list(alone(raws, textbook.dream)),
        "blended, half and half": lambda: list(blended(raws, textbook.dream)),
        "moved along the flow": lambda: list(moved(raws, textbook.dream)),
        "dreamvid": lambda: [
            to_tensor(np.asarray(dream), CPU) for dream in Dreamer(MODEL, LAYER).dream_film(frames, 24, cuts=None)
        ],
    }
    for name, film in ways.items():
        residuals = [dream - raw for dream, raw in zip(film(), raws, strict=True)]
        errors = [
            warped_error(*pair, motion) for pair, motion in zip(itertools.pairwise(residuals), motions, strict=True)
        ]
        first, last = (255 * float(residuals[place].square().mean().sqrt()) for place in (0, -1))
        print(f"| {name} | {np.mean(errors):.2f} | {first:.1f} | {last:.1f} |", flush=True)


if __name__ == "__main__":
    main()
