from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from dreamvid.config.settings import Settings, make_settings
from dreamvid.dream import DreamCore, Look, Shared, TileBudget
from dreamvid.motion import Motion, mark_cuts
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render import FrameDone, ShotStarted
from dreamvid.render.carry import SETTLING_PASSES, Carry, step_gain
from dreamvid.render.film import Film
from dreamvid.render.plan import STILL, Clock, FramePlan, Planner
from dreamvid.render.still import dream_pictures
from dreamvid.runtime.frames import to_frame, to_tensor
from tests.tiny import TinyExtractor, noise
from tests.told import Told

LOOK = Look(octaves=2, iterations=(6,), jitter=4)
CLOCK = Clock(Fraction(24))


class Frames:
    """Stands in for a reader: the loop needs no more of one than this."""

    rate = Fraction(24)
    first_index = 0

    def __init__(self, frames: list[np.ndarray]) -> None:
        self.frames = frames
        self.height, self.width = frames[0].shape[:2]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.frames)


def drifting(count: int, seed: int = 0, shift: int = 2) -> list[np.ndarray]:
    """A window that moves by `shift` px a frame over a large picture."""
    scene = to_frame(noise(64, 96 + shift * count, seed, low=0.1, high=0.9))
    return [np.ascontiguousarray(scene[:, shift * t : shift * t + 96]) for t in range(count)]


def make_plan(extractor: TinyExtractor | None = None, look: Look = LOOK, **settings: Any) -> FramePlan[Settings]:
    values = make_settings({"warm_iterations": (2, 1)}, settings)
    dreamer = DreamCore(extractor or TinyExtractor(), look)
    return FramePlan(dreamer, values, values.strength * dreamer.nominal_contrast)


def film(
    frames: list[np.ndarray], extractor: TinyExtractor | None = None, **settings: Any
) -> tuple[list[np.ndarray], list[Any]]:
    values = make_settings({"warm_iterations": (2, 1)}, settings)
    planner = Planner(DreamCore(extractor or TinyExtractor(), LOOK), values, CLOCK)
    cuts = [values.cuts == "auto" and begins for _, begins in mark_cuts(frames, 24)]
    pairs = list(Film(planner, torch.device("cpu")).dream(Frames(frames), cuts))
    return [frame for frame, _ in pairs if frame is not None], [event for _, event in pairs]


def test_one_frame_in_one_frame_out_same_index() -> None:
    frames = drifting(7)
    dreams, events = film(frames)
    assert [event.frame for event in events if isinstance(event, FrameDone)] == list(range(7))
    for index, dream in enumerate(dreams):
        distances = [float(np.abs(dream - raw).mean()) for raw in frames]
        assert int(np.argmin(distances)) == index


def test_the_frames_that_were_read_are_not_written_into() -> None:
    frames = drifting(4)
    copies = [frame.copy() for frame in frames]
    film(frames)
    assert all(np.array_equal(frame, copy) for frame, copy in zip(frames, copies, strict=True))


def test_a_cut_starts_a_shot_that_knows_nothing_of_the_one_before() -> None:
    first, second = drifting(6), drifting(5, seed=11, shift=1)
    dreams, events = film(first + second)
    alone, _ = film(second)
    assert [event.frame for event in events if isinstance(event, ShotStarted)] == [0, 6]
    assert all(np.array_equal(a, b) for a, b in zip(dreams[6:], alone, strict=True))


def test_without_cut_detection_it_is_one_shot() -> None:
    _, events = film(drifting(4) + drifting(4, seed=11), cuts="none")
    assert [event.frame for event in events if isinstance(event, ShotStarted)] == [0]


def test_the_dream_moves_with_the_picture() -> None:
    """Where the scene moves by 2 px a frame the residual does too, far better than it stays where it was."""
    frames = drifting(8)
    dreams, _ = film(frames)
    residuals = [dream - raw for dream, raw in zip(dreams, frames, strict=True)]
    inner = slice(12, -12)

    def mean_change(shift: int) -> float:
        pairs = list(pairwise(residuals[3:]))
        return float(np.mean([np.abs(np.roll(a, -shift, axis=1) - b)[inner, inner].mean() for a, b in pairs]))

    magnitude = float(np.abs(np.stack(residuals[4:])).mean())
    assert mean_change(2) < 0.4 * magnitude
    assert mean_change(2) < 0.5 * mean_change(0)


@pytest.mark.parametrize("blend", [0.95, 1.0])
def test_a_still_shot_neither_brightens_nor_grows(blend: float) -> None:
    frame = drifting(1)[0]
    dreams, events = film([frame] * 80, blend=blend, cuts="none")
    energies = [event.energy for event in events if isinstance(event, FrameDone)]
    assert max(energies[24:]) < 1.1 * energies[24]
    assert min(energies[24:]) > 0.9 * energies[24]
    assert float(dreams[-1].mean()) == pytest.approx(float(dreams[24].mean()), rel=0.02)
    assert float(dreams[-1].mean()) == pytest.approx(float(frame.mean()), rel=0.05)
    assert float(dreams[-1].std()) == pytest.approx(float(dreams[24].std()), rel=0.1)


def test_a_tint_does_not_stay() -> None:
    raw = to_tensor(drifting(1)[0], torch.device("cpu"))
    carry = Carry()
    carry.restore({"residual": torch.full_like(raw, 0.1), "carried_for": torch.zeros_like(raw[:, :1])}, 1)
    still = FrameMotion.of(Motion(np.zeros((64, 96, 2), np.float32), np.ones((64, 96), np.float32)), raw.device)
    plan = replace(make_plan(), contrast=None)
    tints = [float(carry.coast(raw, still, plan).mean()) for _ in range(4)]
    assert tints == pytest.approx([0.05, 0.025, 0.0125, 0.00625], rel=0.05)


def test_strength_is_how_strong_the_dream_settles() -> None:
    frame = drifting(1)[0]
    settled = []
    for strength in (0.5, 1.0):
        _, events = film([frame] * 20, strength=strength, cuts="none")
        settled.append(events[-1].energy)
    assert settled[0] == pytest.approx(0.5 * settled[1], rel=0.15)


def test_a_shot_that_fades_in_from_black_comes_to_full_strength() -> None:
    frame = drifting(1)[0]
    fade = [frame * min(1.0, t / 12) for t in range(40)]
    _, faded = film(fade, cuts="none")
    _, plain = film([frame] * 40, cuts="none")
    assert faded[-1].energy == pytest.approx(plain[-1].energy, rel=0.1)


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_the_dream_survives_a_flash(light: float) -> None:
    """A frame or two without room for half of the residual must not cost that half."""
    frame = drifting(1)[0]
    flash = np.full_like(frame, light)
    dreams, events = film([frame] * 12 + [flash] * 2 + [frame] * 4)
    assert [event.frame for event in events if isinstance(event, ShotStarted)] == [0]
    before, after = dreams[11] - frame, dreams[14] - frame
    assert float((before * after).sum() / np.sqrt((before**2).sum() * (after**2).sum())) > 0.9
    assert float(np.abs(after).mean()) > 0.85 * float(np.abs(before).mean())


def test_iterations_are_spent_where_content_is_new() -> None:
    """The extractor is called once a step: warm steps for a still, up to the cold number when all is new."""
    still = np.zeros((64, 96, 2), np.float32)
    raw = to_tensor(drifting(1)[0], torch.device("cpu"))
    calls = []
    for reliability in (1.0, 0.5, 0.0):
        extractor = TinyExtractor()
        carry, plan = Carry(), make_plan(extractor)
        carry.begin(raw, plan)
        extractor.calls = 0
        carry.follow(raw, FrameMotion.of(Motion(still, np.full((64, 96), reliability, np.float32)), raw.device), plan)
        calls.append(extractor.calls)
    assert calls[0] == 2 + 1
    assert calls[0] < calls[1] < calls[2] == 6 + 6


def test_where_nothing_moves_the_dream_rests() -> None:
    """Shorter steps where nothing wears the dream off, unless what is dreamed changes; longer ones where all is new."""
    frame = torch.zeros(1, 2, 4, 4), torch.ones(1, 1, 4, 4)
    still, moving = FrameMotion(*frame), FrameMotion(frame[0] + 1, frame[1])
    fresh = torch.zeros(1, 1, 4, 4)
    cases = ((still, True), (still, False), (moving, True))
    rest, changing, going = (float(step_gain(motion, fresh, steady).mean()) for motion, steady in cases)
    assert rest < 0.5 * changing
    assert rest < going < changing == 1
    assert float(step_gain(still, fresh + 1, True).mean()) > 2 * going
    planner = Planner(DreamCore(TinyExtractor(), LOOK), make_settings({"strength": "0.5 + t"}), Clock(Fraction(24), 5))
    assert planner.at(0).is_steady
    planner = Planner(DreamCore(TinyExtractor(), LOOK), make_settings({"spectrum": "0.5 + t"}), Clock(Fraction(24), 5))
    assert not planner.at(0).is_steady


def test_a_shots_first_frame_is_as_the_later_ones() -> None:
    frame = drifting(1)[0]
    _, events = film([frame] * 30, cuts="none")
    energies = [event.energy for event in events if isinstance(event, FrameDone)]
    assert energies == pytest.approx([energies[-1]] * 30, rel=0.03)


def test_what_cannot_be_trusted_is_not_carried() -> None:
    raw = to_tensor(drifting(1)[0], torch.device("cpu"))
    plan = make_plan(look=Look(octaves=1, iterations=(8,)), blend=1.0, warm_iterations=0)
    carry = Carry()
    carry.begin(raw, plan)
    reliability = np.ones((64, 96), np.float32)
    reliability[:, :40] = 0
    coasted = carry.coast(raw, FrameMotion.of(Motion(np.zeros((64, 96, 2), np.float32), reliability), raw.device), plan)
    lost = coasted[..., :20].abs().mean()
    kept = coasted[..., 60:].abs().mean()
    assert float(lost) < 0.1 * float(kept)


def test_every_second_frame_is_dreamed_and_all_carry_the_dream() -> None:
    extractor = TinyExtractor()
    frames = [drifting(1)[0]] * 7
    dreams, events = film(frames, extractor, every=2, cuts="none")
    cold, warm, yardstick = 12, 3, 12
    # Frame 0 is dreamed from nothing and then settles; frames 2, 4 and 6 are carried.
    assert extractor.calls == yardstick + cold + (SETTLING_PASSES + 3) * warm
    energies = [event.energy for event in events if isinstance(event, FrameDone)]
    assert min(energies) > 0.7 * max(energies)
    assert len(dreams) == 7


def test_a_still_is_the_plain_dream() -> None:
    frame = drifting(1)[0]
    dreamer = DreamCore(TinyExtractor(), LOOK)
    expected = to_frame(dreamer.dream(to_tensor(frame, dreamer.device)))
    for strength, wanted in ((1.0, expected), (0.5, (frame + expected) / 2)):
        planner = Planner(dreamer, make_settings({"strength": strength}), STILL, governed=False)
        pairs = dream_pictures(Frames([frame]), planner, dreamer.device)
        (dreamed,) = [dream for dream, _ in pairs if dream is not None]
        assert np.allclose(dreamed, wanted, atol=1e-6)


def test_an_error_while_reading_ends_the_film_with_it() -> None:
    class Broken(Frames):
        def __iter__(self) -> Iterator[np.ndarray]:
            yield from self.frames
            raise OSError("the drive is gone")

    with pytest.raises(OSError, match="the drive is gone"):
        planner = Planner(DreamCore(TinyExtractor(), LOOK), Settings(), CLOCK)
        list(Film(planner, torch.device("cpu")).dream(Broken(drifting(3)), []))


def test_a_film_says_once_that_memory_ran_out_and_goes_on() -> None:
    class Cramped(TinyExtractor):
        def maps(self, image: torch.Tensor) -> list[torch.Tensor]:
            if image.device.type != "meta" and min(image.shape[-2:]) > 270:  # not the calibration's picture
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().maps(image)

    told = Told()
    budget = TileBudget("auto", tell=told)
    planner = Planner(DreamCore(Cramped(), LOOK, shared=Shared(budget=budget)), Settings(flow="none"), CLOCK)
    frames = [to_frame(noise(280, 360, seed)) for seed in range(3)]
    dreams = Film(planner, torch.device("cpu")).dream(Frames(frames), [False] * 3)
    assert [(type(event), len(told)) for _, event in dreams] == [
        (ShotStarted, 0), (FrameDone, 1), (FrameDone, 1), (FrameDone, 1)
    ]  # fmt: skip
    assert told[0].startswith("out of memory while dreaming 360x280 whole: continuing in ")
