"""Dissolves between public-domain stills, each under a camera of its own; and what looks like one and is none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.config.settings import make_settings
from dreamvid.images.write import write_image
from dreamvid.media import open_reader
from dreamvid.motion import mark_cuts
from dreamvid.motion.cuts import reduce_to_gray
from dreamvid.motion.dissolves import Dissolve, DissolveDetector, mark_transitions
from dreamvid.motion.drift import STILL, DriftEstimator
from dreamvid.render import Job, render_job
from tests.motion.test_cuts import CLIPS, Frames, as_8_bits, dissolve, each, gain, shot

STILLS = ("ground", "astronaut", "coffee", "cat", "rocket", "retina", "immunohistochemistry", "hills", "other sky")
LIKELIEST = (
    "just after a flash", "flash, 2 frames", "flash, fading", "a picture flashed in", "fast pan", "whip pan",
    "zoom, 15 % a frame", "passer-by", "fireball", "strobe, 3 frames", "colored lights", "lights off", "shake",
)  # fmt: skip


def found_in(frames: Frames, rate: float = 24, first: int = 0) -> list[Dissolve]:
    found: dict[int, Dissolve] = {}
    for mark in mark_transitions(iter(frames), rate, first):
        if mark.dissolve is not None:
            found.setdefault(mark.dissolve.left, mark.dissolve)
    return list(found.values())


def camera(seed: int, count: int) -> dict[str, float]:
    random = np.random.default_rng(seed)
    kind = random.integers(3)
    speed = random.uniform(-1, 1, 2) * (kind == 1)
    return {"count": count, "vx": speed[0], "vy": speed[1], "zoom": 1 + 0.004 * random.uniform(-1, 1) * (kind == 2)}


@lru_cache(4)
def random_dissolve(seed: int) -> tuple[Frames, int, int]:
    """A dissolve, the last frame of the old picture alone and the first of the new."""
    random = np.random.default_rng(seed)
    before, length, after = (int(random.integers(*span)) for span in ((12, 30), (6, 40), (12, 30)))
    first, second = random.choice(STILLS, 2, replace=False)
    count = before + length + after
    old, new = shot(str(first), **camera(seed, count)), shot(str(second), **camera(seed + 1000, count))
    return as_8_bits(dissolve(old, new, before, length)), before, before + length


def check_dissolve(seed: int) -> None:
    frames, left, arrived = random_dissolve(seed)
    assert not any(is_cut for _, is_cut in mark_cuts(frames, 24))
    (found,) = found_in(frames)
    truth = np.interp(np.arange(len(frames)), [left, arrived], [0, 1])
    shares = np.array([found.share(index) for index in range(len(frames))])
    assert np.abs(shares - truth).mean() < 0.03, (left, arrived, found.left, found.arrived)
    assert all(a <= b for a, b in pairwise(shares))


@pytest.mark.parametrize("seed", range(4))
def test_a_dissolve_is_found_and_is_no_cut(seed: int) -> None:
    check_dissolve(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 24))
def test_twenty_more(seed: int) -> None:
    check_dissolve(seed)


def check_nothing_is_found(name: str) -> None:
    make, _ = CLIPS[name]
    assert not found_in(as_8_bits(make()))


@pytest.mark.parametrize("name", LIKELIEST)
def test_nothing_else_is_a_dissolve(name: str) -> None:
    check_nothing_is_found(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in CLIPS if "dissolve" not in name and "fade" not in name and name not in LIKELIEST]
)
def test_nor_is_anything_of_these(name: str) -> None:
    check_nothing_is_found(name)


NONE: dict[str, Callable[[], Frames]] = {
    "dimmed": lambda: gain(shot("astronaut", 60), lambda i: np.interp(i, [10, 40], [1, 0.25])),
    "pan": lambda: shot("ground", 60, x=-140, vx=4),
    "zoom": lambda: shot("coffee", 60, scale=1.4, vx=0, vy=0, zoom=0.985),
    "out of focus": lambda: each(
        shot("cat", 50, vx=0.3), lambda i, f: cv2.GaussianBlur(f, (0, 0), np.interp(i, [10, 40], [0.1, 3]))
    ),
}


@pytest.mark.parametrize("name", NONE)
def test_one_picture_that_changes_slowly_is_no_dissolve(name: str) -> None:
    assert not found_in(as_8_bits(NONE[name]()))


def test_a_fade_out_and_a_fade_in_are_two() -> None:
    out = gain(shot("ground", 32), lambda i: np.interp(i, [10, 24], [1, 0]))
    back = gain(shot("coffee", 32), lambda i: np.interp(i, [6, 20], [0, 1]))
    first, second = found_in(as_8_bits(out + back))
    for found, left, arrived in ((first, 10, 24), (second, 38, 52)):
        assert abs(found.left - left) <= 2
        assert abs(found.arrived - arrived) <= 2


def test_it_is_a_matter_of_time_not_of_frames() -> None:
    frames = as_8_bits(dissolve(shot("ground", 120, vx=0.4), shot("astronaut", 120, vx=0.4), 40, 40))
    (found,) = found_in(frames, rate=60)
    assert abs(found.left - 40) <= 4
    assert abs(found.arrived - 80) <= 4


def test_a_part_has_the_dissolves_of_the_whole() -> None:
    frames, left, _ = random_dissolve(2)
    (whole,), (part,) = found_in(frames), found_in(frames[left - 10 :], first=left - 10)
    assert (part.left, part.arrived, part.shares) == (whole.left, whole.arrived, whole.shares)


def test_a_cut_is_no_part_of_a_dissolve() -> None:
    frames, left, arrived = random_dissolve(1)
    middle = (left + arrived) // 2
    frames = frames[:middle] + as_8_bits(shot("hubble_deep_field", len(frames) - middle, scale=2))
    assert [i for i, (_, is_cut) in enumerate(mark_cuts(frames, 24)) if is_cut] == [middle]
    assert not [one for one in found_in(frames) if one.left < middle <= one.arrived]


def test_memory_is_bounded() -> None:
    detector = DissolveDetector(24)
    gray = cv2.resize(reduce_to_gray(shot("ground", 1)[0]), (32, 32))
    for index in range(5 * detector.look_ahead):
        detector.add(gray)
        if index >= detector.look_ahead:
            detector.at(index - detector.look_ahead)
    assert len(detector._grays) <= 2 * detector.look_ahead + 1
    assert len(detector._drifts) <= 2 * detector.look_ahead + 1


def test_drift_is_the_way_back_of_the_picture_as_a_whole() -> None:
    first, second = (reduce_to_gray(frame) for frame in shot("ground", 2, vx=3, vy=-1.5, zoom=0.98))
    drift = DriftEstimator().measure(first, second)
    width, height = 192, 108
    place = np.array([30.0, 70.0, 1.0])
    scale, offset = 1.5, np.array([(width - 1) / 2, (height - 1) / 2])
    ground = (place[:2] - offset) * scale * 0.98 + np.array([3, -1.5])  # what frame 1 shows there
    truth = ground / scale + offset  # and where frame 0 shows it
    assert np.abs((drift.matrix(1, width, height) @ place)[:2] - truth).max() < 0.15
    there = drift.matrix(3, width, height) @ place
    assert np.allclose(drift.matrix(-3, width, height) @ there, place)
    assert DriftEstimator().measure(np.zeros((72, 128), np.float32), second) is STILL


def test_a_film_that_is_read_from_a_file_finds_its_own(tmp_path: Path) -> None:
    """The new shot's frames are those of a render that begins with it; without the dissolve they would not be."""
    frames, _, _ = random_dissolve(1)
    (found,) = found_in(frames)
    (tmp_path / "clip").mkdir()
    for number, frame in enumerate(frames):
        write_image(tmp_path / "clip" / f"{number:04}.png", frame, bit_depth=8)
    options = {
        "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 2, "warm_iterations": 1,
        "precision": "fp32", "threads": 1, "codec": "ffv1", "max_size": 96, "sidecar": False,
        "start": Fraction(found.left - 1, 24),
    }  # fmt: skip

    def rendered(name: str, **values: object) -> np.ndarray:
        settings = make_settings(options, {"frames": found.arrived + 3 - found.left, **values})
        list(render_job(Job(tmp_path / "clip" / "%04d.png", tmp_path / name, settings)))
        with open_reader(tmp_path / name) as reader:
            return np.stack(list(reader))

    whole = rendered("whole.mkv")
    alone = rendered("alone.mkv", start=Fraction(found.arrived, 24), frames=2)
    assert np.array_equal(whole[-2:], alone)
    assert not np.array_equal(rendered("uncut.mkv", cuts="none")[-2:], alone)
