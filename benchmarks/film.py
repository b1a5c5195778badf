"""A whole film: frames a second, beside dreaming each frame from nothing; and how much of the time is dreaming.

    uv run python benchmarks/film.py [--size 640x360] [--model googlenet] [--frames 24]

Both sides dream with the same network and layer. The textbook's step is made as long as it must be for its frames to
have the same energy as ours. Without GoogLeNet's weights at hand, its speed is measured with random ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from textbook import Textbook
from timing import describe_machine
from torch import Tensor

from dreamvid.config.settings import Settings, make_settings
from dreamvid.dream import DreamCore
from dreamvid.errors import ModelError
from dreamvid.media import open_reader
from dreamvid.models import Network, load_network
from dreamvid.motion import MotionEstimator
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.film import Film
from dreamvid.render.metrics import warped_error
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.frames import to_frame, to_tensor

CLIP = Path(__file__).parents[1] / "samples" / "journey.mp4"
SHOT = 40  # frames of the clip before its cut


class BusyTime:
    """How long a function has run."""

    def __init__(self, device: torch.device) -> None:
        self.seconds = 0.0
        self._device = device

    def watch(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same function, with a clock."""

        def timed(*arguments: Any, **options: Any) -> Tensor:
            begun = time.perf_counter()
            result = function(*arguments, **options)
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self.seconds += time.perf_counter() - begun
            return result

        return timed


def load(model: str) -> tuple[Network, str]:
    """The network with its own weights, or with random ones where they are not here."""
    try:
        return load_network(model, allow_download=False), "its own weights"
    except ModelError:
        return load_network(model, random_seed=0), "random weights"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--model", default="googlenet")
    parser.add_argument("--layer", default="inception4d")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--textbook-frames", type=int, default=2)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    machine = choose_machine(options.device)
    device = machine.device
    network, weights = load(options.model)
    settings = make_settings({"model": options.model, "layer": options.layer, "size": options.size})
    goals = resolve_targets(settings, networks={(options.model, None): network})
    settings = settings.for_model(network.spec.look)
    print(f"{describe_machine(device)}, {machine.precision}")
    print(f"{options.model} ({weights}) {options.layer} at {options.size}\n")

    busy = BusyTime(device)
    shown, errors, wall = render(settings, make_dream_core(goals, settings, machine), busy, options.frames, device)
    per_frame = wall / options.frames
    energies = [energy for energy, _ in shown]
    print(f"dreamvid: {options.frames / wall:.2f} frames/s, first frame included; "
          f"dreaming {busy.seconds / wall:.1%} of the time")  # fmt: skip
    print(f"energy {255 * np.mean(energies):.1f} levels RMS, warped error {np.mean(errors):.3f}")

    textbook = Textbook(network, options.layer, device)
    raws = frames(settings, options.textbook_frames + 1, device)
    goal, step = float(np.mean(energies)), 1.5
    tried = textbook.dream(raws[0], step=step)
    step *= goal / rms(tried - raws[0])
    begun = time.perf_counter()
    dreams = [textbook.dream(raw, step=step) for raw in raws[1:]]
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    each = (time.perf_counter() - begun) / options.textbook_frames
    energy = np.mean([rms(dream - raw) for dream, raw in zip(dreams, raws[1:], strict=True)])
    error = float("nan")
    if len(raws) > 2:
        motion = MotionEstimator("dis", device=str(device)).measure(to_frame(raws[1]), to_frame(raws[2]))
        error = warped_error(dreams[0] - raws[1], dreams[1] - raws[2], FrameMotion.of(motion, device))
    print(f"\ntextbook: {1 / each:.4f} frames/s, step {step:.2f} levels; energy {255 * energy:.1f}, "
          f"warped error {error:.3f}")  # fmt: skip
    print(f"\ndreamvid makes {each / per_frame:.1f} times as many frames a second")


def render(
    settings: Settings, dreamer: DreamCore, busy: BusyTime, count: int, device: torch.device
) -> tuple[list[tuple[float, float]], list[float], float]:
    """Dream the first shot as a render does; (energy, seconds) and warped errors of its frames, and the wall time."""
    original = DreamCore.dream
    dreamer.step  # noqa: B018 - calibration: once for a look, whatever the film's length
    DreamCore.dream = busy.watch(original)  # type: ignore[method-assign]
    shown, errors = [], []
    try:
        with open_reader(CLIP, size=settings.size, frames=count) as reader:
            planner = Planner(dreamer, settings, Clock(reader.rate or 24))
            begun = time.perf_counter()
            for _, event in Film(planner, device).dream(reader, [False] * count):
                if hasattr(event, "energy"):
                    shown.append((event.energy, event.seconds))
            wall = time.perf_counter() - begun
    finally:
        DreamCore.dream = original  # type: ignore[method-assign]
    measured = settings.model_copy(update={"report": True})
    with open_reader(CLIP, size=settings.size, frames=min(count, 6)) as reader:
        planner = Planner(dreamer, measured, Clock(reader.rate or 24))
        for _, event in Film(planner, device).dream(reader, [False] * count):
            figures = getattr(event, "figures", None)
            if figures is not None and figures.warped_error is not None:
                errors.append(figures.warped_error)
    return shown, errors, wall


def frames(settings: Settings, count: int, device: torch.device) -> list[Tensor]:
    """The first frames of the clip."""
    with open_reader(CLIP, size=settings.size, frames=count) as reader:
        return [to_tensor(raw, device) for raw in reader]


def rms(residual: Tensor) -> float:
    """Root of the mean square."""
    return float(residual.square().mean().sqrt())


if __name__ == "__main__":
    main()
