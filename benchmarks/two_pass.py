"""Two passes against one: a shot's start, a pan that comes home, and a loop, from the sample pictures.

    uv run python benchmarks/two_pass.py [start pan loop] [--width 240] [--keep FOLDER]

`start`: energy and objective of a shot's first frame over the mean of the middle third. `pan`: the camera pans until
nothing of its first view is left, and back; the residual of the first frame against that of the last one, which shows
the same. `loop`: a pan around a picture that closes; the change from the last frame to the first over that from frame
to frame, and the warped error there. Warped error is the report's. `--keep` writes the frames there as PNG.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from dreamvid.config.settings import make_settings
from dreamvid.motion import MotionEstimator
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.film import Film
from dreamvid.render.metrics import warped_error
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.render.two_pass import FilmSource, TwoPassFilm
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import FrameDone

SAMPLES = Path(__file__).parents[1] / "samples"
RATE = Fraction(24)
Picture = npt.NDArray[np.float32]


class Clip:
    """Frames in memory, as a reader has them."""

    rate = RATE

    def __init__(self, frames: list[Picture], first: int = 0) -> None:
        self.frames, self.first_index = frames, first
        self.height, self.width = frames[0].shape[:2]

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.frames)


def source_of(frames: list[Picture]) -> FilmSource:
    @contextlib.contextmanager
    def open_part(first: int, count: int) -> Iterator[tuple[Clip, list[bool]]]:
        yield Clip(frames[first : first + count], first), []

    height, width = frames[0].shape[:2]
    return FilmSource(len(frames), width, height, RATE, 0, open_part)


def dream(frames: list[Picture], **options: object) -> tuple[Picture, list[FrameDone], float]:
    """The dreams, (N, H, W, 3), their events, and the processor time that they took, in seconds."""
    settings = make_settings({"model": "efficientnet_lite0", "report": True, **options})
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    machine = choose_machine()
    planner = Planner(make_dream_core(goals, settings, machine), settings, Clock(RATE))
    shown, events = [], []
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        if settings.two_pass or settings.loop:
            dreams = TwoPassFilm(planner, machine.device, source_of(frames), Path(folder)).dream_twice()
        else:
            dreams = Film(planner, machine.device).dream(Clip(frames), [])
        for frame, event in dreams:
            if frame is not None and isinstance(event, FrameDone):
                shown.append(frame)
                events.append(event)
        seconds = time.process_time() - begun
    return np.stack(shown), events, seconds


def picture(name: str, width: int) -> Picture:
    pixels = cv2.imread(str(SAMPLES / name))[..., ::-1].astype(np.float32) / 255
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def window(scene: Picture, x: float, y: float, width: int, height: int) -> Picture:
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
    return cv2.warpAffine(scene, matrix, (width, height), flags=cv2.INTER_CUBIC).clip(0, 1)


def drift(width: int) -> list[Picture]:
    """A drift of 60 frames by 0.7 px a frame over the landscape."""
    scene = picture("landscape.jpg", round(width * 1.25))
    return [window(scene, 0.7 * t, 4 + 0.1 * t, width, width * 9 // 16) for t in range(60)]


def pan(width: int) -> list[Picture]:
    """A pan over the landscape until nothing of the first view is left, and back, eased: 81 frames."""
    scene = picture("landscape.jpg", round(width * 2.15))
    path = [(1 - np.cos(2 * np.pi * t / 80)) / 2 * 1.1 * width for t in range(81)]
    return [window(scene, x, scene.shape[0] * 0.2, width, width * 9 // 16) for x in path]


def loop(width: int) -> list[Picture]:
    """A camera that goes around in a circle over the portrait, of 72 frames."""
    scene = picture("portrait.jpg", round(width * 1.4))
    height, radius = width * 9 // 16, 0.15 * width
    angles = [2 * np.pi * t / 72 for t in range(72)]
    x, y = (scene.shape[1] - width) / 2, (scene.shape[0] - height) / 2
    return [window(scene, x + radius * np.cos(a), y + radius * np.sin(a), width, height) for a in angles]


def correlation(a: Picture, b: Picture) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def error(events: list[FrameDone]) -> float:
    figures = [event.figures.warped_error for event in events if event.figures is not None]
    return float(np.mean([figure for figure in figures if figure is not None]))


def measure(name: str, width: int, keep: Path | None, **options: object) -> tuple[list[str], float]:
    frames = {"start": drift, "pan": pan, "loop": loop}[name](width)
    dreams, events, seconds = dream(frames, **options)
    if keep is not None:
        folder = keep / "-".join([name, *options])
        folder.mkdir(parents=True, exist_ok=True)
        for number, shown in enumerate(dreams):
            cv2.imwrite(str(folder / f"{number:03}.png"), (shown[..., ::-1] * 255 + 0.5).astype(np.uint8))
    residuals = dreams - np.stack(frames)
    found = [f"warped error {error(events):.3f}"]
    if name == "start":
        middle = slice(len(events) // 3, 2 * len(events) // 3)
        for what, values in (
            ("energy", [event.energy for event in events]),
            ("objective", [event.figures.objective for event in events if event.figures is not None]),
        ):
            found.append(f"{what} {100 * (values[0] / np.mean(values[middle]) - 1):+.1f} %")
    elif name == "pan":
        found.append(f"first and last frame {correlation(residuals[0], residuals[-1]):.3f}")
        half = len(frames) // 2
        pairs = [(t, len(frames) - 1 - t) for t in range(0, half // 2, 5)]
        found.append(f"mean {np.mean([correlation(residuals[a], residuals[b]) for a, b in pairs]):.3f}")
    else:
        seam = float(np.abs(dreams[0] - dreams[-1]).mean())
        steps = np.abs(np.diff(dreams, axis=0)).mean(axis=(1, 2, 3))
        found.append(f"seam {seam / float(np.mean([*steps[:5], *steps[-5:]])):.2f} of its neighbors")
        motion = FrameMotion.of(MotionEstimator().measure(frames[-1], frames[0]), torch.device("cpu"))
        last, first = (torch.from_numpy(residuals[t].transpose(2, 0, 1).copy())[None] for t in (-1, 0))
        found.append(f"warped error there {warped_error(last, first, motion):.3f}")
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["start", "pan", "loop"])
    parser.add_argument("--width", type=int, default=240)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    for name in arguments.names:
        ways: list[dict[str, object]] = [{}, {"two_pass": True}]
        if name == "loop":
            ways += [{"loop": True}, {"two_pass": True, "loop": True}]
        for options in ways:
            found, seconds = measure(name, arguments.width, arguments.keep, **options)
            print(f"{name:6} {' '.join(options) or 'one pass':16} {', '.join(found)}; {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
