"""What the temporal carry promises, measured on real pictures with the network that comes along."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.config.vectors import parse_flow_file
from dreamvid.media import open_reader
from dreamvid.motion import warp_backward
from dreamvid.motion.vectors import open_vectors
from dreamvid.render.film import Film
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import FrameDone
from dreamvid.shots.shots import watch_cuts

SAMPLES = Path(__file__).parents[2] / "samples"
Frames = npt.NDArray[np.float32]
BORDER = 12  # px; the true flow says nothing of what comes in from outside


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Still:
    """The first frame of a clip, again and again."""

    first_index = 0

    def __init__(self, frame: Frames, count: int, rate: int = 24) -> None:
        self.frame, self.count, self.rate = frame, count, rate
        self.height, self.width = frame.shape[:2]

    def __iter__(self):
        return (self.frame for _ in range(self.count))


def dream(reader, cuts=(), **options) -> Frames:
    return np.stack([frame for frame, _ in dream_events(reader, cuts, **options) if frame is not None])


def dream_events(reader, cuts=(), vectors=None, **options):
    settings = make_settings({"model": "efficientnet_lite0", **options})
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    machine = choose_machine()
    planner = Planner(make_dream_core(goals, settings, machine), settings, Clock(Fraction(reader.rate)))
    return Film(planner, machine.device, vectors=vectors).dream(reader, cuts)


def read(name: str, frames: int | None = None) -> Frames:
    with open_reader(SAMPLES / name, frames=frames) as reader:
        return np.stack(list(reader))


def warped_error(raw: Frames, dreams: Frames, truth: ModuleType, first: int) -> float:
    """Mean |residual moved by the true flow - next residual| over the mean |residual|, from frame `first` on."""
    inner = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    errors, magnitudes = [], []
    for t in range(first, len(raw)):
        flow = torch.from_numpy(truth.true_flow("known_flow", t).transpose(2, 0, 1).astype(np.float32))[None]
        before = torch.from_numpy((dreams[t - 1] - raw[t - 1]).transpose(2, 0, 1))[None]
        moved = warp_backward(before, flow, mode="bilinear")[0].permute(1, 2, 0).numpy()
        now = dreams[t] - raw[t]
        errors.append(np.abs(moved - now)[inner].mean())
        magnitudes.append(np.abs(now)[inner].mean())
    return float(np.mean(errors) / np.mean(magnitudes))


@pytest.fixture(scope="module")
def moving() -> Frames:
    return read("known_flow.mp4")


def test_the_dream_stays_on_what_moves(moving: Frames, truth: ModuleType) -> None:
    errors = {}
    for flow in ("dis", "none"):
        with open_reader(SAMPLES / "known_flow.mp4") as reader:
            errors[flow] = warped_error(moving, dream(reader, flow=flow), truth, first=11)
    print(f"\nwarped error over dream: dis {errors['dis']:.3f}, none {errors['none']:.3f}")
    assert errors["dis"] <= 0.15
    assert errors["dis"] <= 0.3 * errors["none"]


@pytest.mark.slow
def test_true_motion_vectors_hold_the_dream_better_than_measured_ones(
    moving: Frames, truth: ModuleType, tmp_path: Path
) -> None:
    for number in range(1, len(moving)):
        field = truth.true_flow("known_flow", number)
        channels = {f"backward.{name}": np.ascontiguousarray(field[..., place]) for place, name in enumerate("uv")}
        channels["backward.v"] *= -1  # up, as in Nuke
        OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(tmp_path / f"v.{number:04d}.exr"))
    spec = parse_flow_file(f"{tmp_path}/v.%04d.exr:first=0")
    errors = {}
    for name in ("measured", "given"):
        with open_reader(SAMPLES / "known_flow.mp4") as reader:
            vectors = None
            if name == "given":
                vectors = open_vectors(spec, None, range(len(moving)), (reader.width, reader.height))
            errors[name] = warped_error(moving, dream(reader, vectors=vectors), truth, first=11)
    print(f"\nwarped error over dream: measured {errors['measured']:.4f}, given {errors['given']:.4f}")
    assert errors["given"] < errors["measured"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["journey.mp4", "known_flow.mp4", "still"])
def test_a_shot_holds_the_same_from_its_first_frame_to_its_last(name: str, moving: Frames) -> None:
    """Energy and objective of frames 0, 20, 40 and the last, of their mean."""
    if name == "still":
        events = [event for _, event in dream_events(Still(read("journey.mp4", 1)[0], 240), report=True)]
    else:
        with open_reader(SAMPLES / name, frames=52 if name == "journey.mp4" else None) as reader:
            events = [event for _, event in dream_events(reader, report=True)]
    done = [event for event in events if isinstance(event, FrameDone) and event.figures is not None]
    chosen = [done[index] for index in (0, 20, 40) if index < len(done) - 1] + done[-1:]
    for what, values in (
        ("energy", [255 * event.energy for event in chosen]),
        ("objective", [event.figures.objective for event in chosen]),
    ):
        print(f"\n{name}: {what} " + ", ".join(f"{value:.2f}" for value in values))
        assert np.abs(np.array(values) / np.mean(values) - 1).max() < 0.05, what


@pytest.mark.slow
def test_ten_seconds_of_a_still_shot_hold(moving: Frames) -> None:
    raw = moving[0]
    dreams = dream(Still(raw, 240))
    residuals = dreams - raw
    energy = np.sqrt(np.square(residuals).mean(axis=(1, 2, 3)))
    luma = (dreams @ np.array([0.2126, 0.7152, 0.0722], np.float32)).mean(axis=(1, 2))
    change = np.abs(np.diff(dreams[24:], axis=0)).mean() / np.abs(residuals[24:]).mean()
    print(
        f"\nenergy {255 * energy[0]:.1f}, {255 * energy[24]:.1f} -> {255 * energy[-1]:.1f} levels, luma "
        f"{255 * luma[0]:.1f}, {255 * luma[24]:.1f} -> {255 * luma[-1]:.1f}, frame to frame {change:.3f} of the dream"
    )
    assert np.abs(luma / luma[0] - 1).max() < 0.02
    assert np.abs(energy / energy[0] - 1).max() < 0.05
    assert change <= 0.035

@pytest.mark.slow
def test_the_first_frame_after_a_cut_shows_no_trace_of_the_shot_before(truth: ModuleType) -> None:
    cut = truth.CUT_FRAME
    with open_reader(SAMPLES / "journey.mp4", frames=cut + 3) as reader:
        through = dream(reader, watch_cuts(SAMPLES / "journey.mp4", reader.rate, 0, cut + 3))
    with open_reader(SAMPLES / "journey.mp4", start=cut / reader.rate, frames=3) as reader:
        alone = dream(reader)
    assert np.array_equal(through[cut:], alone)
