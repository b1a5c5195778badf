"""Every clip here (192x108, 24 fps unless said) has cuts that are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import make_samples
import numpy as np
import pytest
from skimage import data

from dreamvid.motion import CutDetector, mark_cuts

W, H = 192, 108
Frames = list[np.ndarray]


@cache
def picture(name: str) -> np.ndarray:
    painted: dict[str, Callable[[], np.ndarray]] = {
        "ground": make_samples.ground,
        "hills": lambda: make_samples.landscape(460, 760, seed=31),
        "other hills": lambda: make_samples.landscape(460, 760, seed=32),
        "sky": lambda: make_samples.sky(460, 760, seed=6),
        "other sky": lambda: make_samples.sky(460, 760, seed=5),
    }
    return painted[name]() if name in painted else getattr(data, name)().astype(np.float32) / 255


def view(name: str, x: float, y: float, scale: float = 1.5, blur: float = 0.0) -> np.ndarray:
    """One frame that looks at (x, y) from the middle of a picture; `blur` is the camera's way while it is open."""
    source = picture(name)
    height, width = source.shape[:2]
    exposures = []
    for along in np.linspace(-0.5, 0.5, 9) * blur if blur else [0.0]:
        cx, cy = width / 2 + x + along, height / 2 + y
        m = np.float32([[scale, 0, cx - scale * (W - 1) / 2], [0, scale, cy - scale * (H - 1) / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        exposures.append(cv2.warpAffine(source, m, (W, H), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return np.mean(exposures, axis=0, dtype=np.float32)


def shot(
    name: str,
    count: int = 12,
    x: float = 0,
    y: float = 0,
    vx: float = 1,
    vy: float = 0.3,
    scale: float = 1.5,
    zoom: float = 1,
    blur: float = 0,
) -> Frames:
    return [view(name, x + vx * i, y + vy * i, scale * zoom**i, blur) for i in range(count)]


def each(frames: Frames, change: Callable[[int, np.ndarray], np.ndarray]) -> Frames:
    return [np.float32(change(i, frame)) for i, frame in enumerate(frames)]


def gain(frames: Frames, light: Callable[[int], float]) -> Frames:
    return each(frames, lambda i, frame: frame * light(i))


def grain(frames: Frames, sigma: float) -> Frames:
    random = np.random.default_rng(0)
    return each(frames, lambda _, frame: frame + sigma * random.standard_normal(frame.shape))


def bars(frames: Frames, half_width: int = W, half_height: int = H) -> Frames:
    seen = (abs(np.arange(H) - H / 2) < half_height)[:, None] & (abs(np.arange(W) - W / 2) < half_width)
    return each(frames, lambda _, frame: frame * seen[..., None])


def dissolve(first: Frames, second: Frames, start: int, length: int) -> Frames:
    share = [min(max((i - start) / length, 0), 1) for i in range(len(first))]
    return [a * (1 - s) + b * s for a, b, s in zip(first, second, share, strict=True)]


def whip() -> Frames:
    speeds = [0] * 6 + [8, 20, 32, 45, 45, 45, 32, 20, 8] + [0] * 6
    return [view("ground", sum(speeds[: i + 1]) - 150, 0, blur=speeds[i]) for i in range(len(speeds))]


def shake() -> Frames:
    return [view("ground", x, y) for x, y in np.random.default_rng(2).normal(0, 8, (20, 2))]


def passer_by() -> Frames:
    body = cv2.resize(picture("coffee"), (130, H))

    def cover(i: int, frame: np.ndarray) -> np.ndarray:
        left = 12 * i - 130
        low, high = max(0, left), min(W, left + 130)
        frame = frame.copy()
        if low < high:
            frame[:, low:high] = body[:, low - left : high - left]
        return frame

    return each(shot("ground", 28), cover)


def fireball() -> Frames:
    def burn(i: int, frame: np.ndarray) -> np.ndarray:
        return cv2.circle(frame.copy(), (96, 54), max(0, 12 * (i - 7)), (1.0, 0.8, 0.3), -1)

    return each(shot("ground", 20), burn)


BLACK, WHITE = np.zeros((H, W, 3), np.float32), np.ones((H, W, 3), np.float32)
LIGHTS = np.float32([[1, 0.2, 0.2], [0.2, 1, 0.3], [0.2, 0.3, 1], [1, 1, 0.3]])


def interrupted(*inserts: np.ndarray, after: int = 12, tail: int = 12) -> Frames:
    """A shot, some of whose frames are replaced."""
    frames = shot("ground", after + len(inserts) + tail)
    frames[after : after + len(inserts)] = inserts
    return frames


CLIPS: dict[str, tuple[Callable[[], Frames], set[int]]] = {
    # cuts
    "bright shots": (lambda: shot("ground") + shot("astronaut"), {12}),
    "soft shots": (lambda: shot("cat") + shot("coffee"), {12}),
    "dark shots": (lambda: gain(shot("cat") + shot("coffee"), lambda _: 0.08), {12}),
    "darker shots": (lambda: gain(shot("rocket") + shot("coffee"), lambda _: 0.04), {12}),
    "dark grainy shots": (lambda: grain(gain(shot("cat") + shot("coffee"), lambda _: 0.15), 0.01), {12}),
    "grainy shots": (lambda: grain(shot("ground") + shot("astronaut"), 0.08), {12}),
    "one sky, another sky": (lambda: shot("sky") + shot("other sky"), {12}),
    "hills, other hills": (lambda: shot("hills") + shot("other hills"), {12}),
    "one place, another place": (lambda: shot("ground", x=-120) + shot("ground", x=120), {12}),
    "far, near": (lambda: shot("ground", scale=1.6) + shot("ground", scale=0.8, x=60, y=40), {12}),
    "face, face closer": (
        lambda: shot("astronaut", scale=1.6, y=-60) + shot("astronaut", scale=0.9, y=-120, x=-20),
        {12},
    ),
    "stars, other stars": (
        lambda: shot("hubble_deep_field", x=-200) + shot("hubble_deep_field", x=250),
        {12},
    ),
    "letterboxed hills": (lambda: bars(shot("hills") + shot("other hills"), half_height=36), {12}),
    "upright hills": (lambda: bars(shot("hills") + shot("other hills"), half_width=50), {12}),
    "into a pan": (lambda: shot("ground") + shot("astronaut", vx=20, blur=20, x=-100), {12}),
    "out of a pan": (lambda: shot("ground", vx=20, blur=20, x=-100) + shot("astronaut"), {12}),
    "two, 5 frames apart": (lambda: shot("ground") + shot("astronaut", 5) + shot("coffee"), {12, 17}),
    "there and back, 5 frames": (lambda: shot("ground") + shot("astronaut", 5) + shot("ground", x=17), {12, 17}),
    "three, 3 frames apart": (
        lambda: shot("ground") + shot("astronaut", 3) + shot("coffee", 3) + shot("cat"),
        {12, 15, 18},
    ),
    "to black": (lambda: shot("ground") + [BLACK] * 12, {12}),
    "from black": (lambda: [BLACK] * 12 + shot("ground"), {12}),
    "just after a flash": (lambda: interrupted(WHITE, tail=1) + shot("astronaut"), {14}),
    "just before a flash": (lambda: shot("astronaut") + interrupted(WHITE, after=1), {12}),
    # none
    "flash": (lambda: interrupted(WHITE), set()),
    "flash, 2 frames": (lambda: interrupted(WHITE, WHITE), set()),
    "flash, not burnt out": (lambda: interrupted(np.clip(view("ground", 12, 3.6) * 1.5 + 0.5, 0, 1)), set()),
    "flash, fading": (
        lambda: each(shot("ground", 28), lambda i, f: f + max(0, 1.2 - 0.3 * (i - 11)) * (i > 11)),
        set(),
    ),
    "a black frame": (lambda: interrupted(BLACK), set()),
    "a picture flashed in": (lambda: interrupted(view("astronaut", 0, 0)), set()),
    "pan": (lambda: shot("ground", vx=20, blur=20, x=-150), set()),
    "fast pan": (lambda: shot("ground", vx=45, blur=45, x=-250), set()),
    "fast pan, short shutter": (lambda: shot("ground", vx=45, x=-250), set()),
    "whip pan": (whip, set()),
    "zoom, 15 % a frame": (lambda: shot("ground", zoom=0.85, scale=2), set()),
    "shake": (shake, set()),
    "passer-by": (passer_by, set()),
    "fireball": (fireball, set()),
    "fade out": (lambda: gain(shot("ground", 28), lambda i: max(0, 1 - i / 20)), set()),
    "fade in": (lambda: gain(shot("ground", 28), lambda i: min(1, i / 20)), set()),
    "fast fade in": (lambda: gain(shot("ground", 20), lambda i: min(1, max(0, i - 4) / 8)), set()),
    "fade out, fade in": (
        lambda: (
            gain(shot("ground", 16), lambda i: max(0, 1 - i / 12))
            + gain(shot("coffee", 16), lambda i: min(1, i / 12))
        ),
        set(),
    ),
    "fade from white": (lambda: each(shot("ground", 28), lambda i, f: 1 - (1 - f) * min(1, i / 20)), set()),
    "dissolve, 24 frames": (lambda: dissolve(shot("ground", 40), shot("astronaut", 40), 8, 24), set()),
    "dissolve, 10 frames": (lambda: dissolve(shot("ground", 28), shot("astronaut", 28), 8, 10), set()),
    "grain": (lambda: grain(shot("ground", 20), 0.1), set()),
    "grain, dark": (lambda: grain(gain(shot("ground", 20), lambda _: 0.08), 0.02), set()),
    "nothing but noise": (lambda: grain([WHITE * 0.5] * 20, 0.15), set()),
    "nothing but black": (lambda: [BLACK] * 20, set()),
    "strobe, 1 frame": (lambda: gain(shot("ground", 24), lambda i: i % 2), set()),
    "strobe, 2 frames": (lambda: gain(shot("ground", 24), lambda i: i // 2 % 2), set()),
    "strobe, 3 frames": (lambda: gain(shot("ground", 24), lambda i: 0.15 + 0.85 * (i // 3 % 2)), set()),
    "colored lights": (lambda: each(shot("ground", 24), lambda i, f: f * LIGHTS[i // 3 % 4]), set()),
    "lights off": (lambda: gain(shot("ground", 24), lambda i: 1 if i < 12 else 0.2), set()),
}


def as_8_bits(frames: Frames) -> Frames:
    return [np.round(np.clip(frame, 0, 1) * 255).astype(np.float32) / 255 for frame in frames]


@pytest.mark.parametrize("name", CLIPS)
def test_cuts_are_found_and_nothing_else_is(name: str) -> None:
    make, truth = CLIPS[name]
    assert {i for i, (_, cut) in enumerate(mark_cuts(as_8_bits(make()), rate=24)) if cut} == truth


@pytest.mark.parametrize(("rate", "length"), [(24, 2), (60, 5)])
def test_a_flash_is_a_matter_of_time_not_of_frames(rate: int, length: int) -> None:
    def cuts(count: int) -> int:
        clip = interrupted(*[WHITE] * count, after=14, tail=14)
        return sum(cut for _, cut in mark_cuts(clip, rate))

    assert cuts(length) == 0
    assert cuts(length + 2) == 2


def test_every_frame_comes_out_once_in_order_with_a_bounded_look_ahead() -> None:
    frames = shot("ground", 12)
    taken = 0

    def source() -> Frames:
        nonlocal taken
        for frame in frames:
            taken += 1
            yield frame

    ahead = CutDetector(24).look_ahead
    for number, (frame, _) in enumerate(mark_cuts(source(), 24)):
        assert frame is frames[number]
        assert taken <= number + 1 + ahead
    assert number + 1 == len(frames)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_clips_shorter_than_the_look_ahead(count: int) -> None:
    frames = [view("ground", 0, 0), view("astronaut", 0, 0), view("astronaut", 1, 0)][:count]
    assert [cut for _, cut in mark_cuts(frames, 24)] == [False, True, False][:count]


def test_memory_does_not_grow() -> None:
    detector = CutDetector(24)
    sizes = set()
    for i in range(60):
        detector.add(view("ground" if i // 4 % 2 else "coffee", i, 0))
        sizes.add((len(detector._grays), len(detector._matches) < 60))
    assert max(sizes)[0] == 2 * detector.look_ahead + 2
    assert all(small for _, small in sizes)


def test_journey_is_cut_where_it_says(journey: Frames) -> None:
    clip = make_samples.CLIPS["journey"]
    pairs = mark_cuts(journey, float(clip.rate))
    assert [i for i, (_, cut) in enumerate(pairs) if cut] == [make_samples.CUT_FRAME]
