"""Damaged files: each gives a result or one clear line, soon, and nothing under the output's name by halves."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from media_clips import indexed

from dreamvid.errors import MediaError
from dreamvid.media import open_reader, open_writer, probe, write_image
from tests.told import Told

LIMIT_SECONDS = 30  # of one file that is thirty thousand pixels in all, on a busy machine
VIDEOS = ("h264.mp4", "h264.mkv", "ffv1.mkv", "prores.mov", "mpeg4.avi", "h264.ts", "vp9.webm")
IMAGES = ("rgba.png", "deep.png", "gray.jpg", "rgba.webp", "rgba.tif", "deep.tif", "half.exr", "rgb.bmp")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    codecs = {"h264": "libx264", "ffv1": "ffv1", "prores": "prores_ks", "mpeg4": "mpeg4", "vp9": "libvpx-vp9"}
    for name in VIDEOS:
        codec = codecs[name.partition(".")[0]]
        pixels = {"prores": "yuv422p10le"}.get(name.partition(".")[0], "yuv420p")
        indexed(
            folder / name, "-c:v", codec, "-c:a", "libopus" if name.endswith("webm") else "aac", size="48x32",
            filters="noise=alls=20", sound="sine=r=48000", pixel_format=pixels,
        )  # fmt: skip
    noise = np.random.default_rng(0).random((24, 32, 4), np.float32)
    for name in IMAGES:
        kind = name.partition(".")[0]
        depth = 16 if kind in ("deep", "half") else None
        channels = 4 if kind in ("rgba", "half") else 3
        write_image(folder / name, noise[..., :channels], bit_depth=depth, metadata={"dreamvid": "{}"})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def damaged(data: bytes, seed: int) -> bytes:
    """Flip bits, cut short, or write rubbish, in the header as often as anywhere."""
    chance = random.Random(seed)
    broken = bytearray(data)
    reach = len(data) if chance.random() < 0.5 else min(len(data), 600)
    kind = chance.choice(("flips", "flips", "cut", "rubbish", "hole", "ones"))
    if kind == "flips":
        for _ in range(chance.choice((1, 4, 30))):
            broken[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del broken[chance.randrange(1, len(data)) :]
    else:
        begin, length = chance.randrange(reach), chance.choice((4, 16, 200))
        filling = {"rubbish": chance.randbytes(length), "hole": b"", "ones": b"\xff" * length}[kind]
        broken[begin : begin + length] = filling
    return bytes(broken)


@contextmanager
def limit(seconds: int, what: str) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{what} took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(folder: Path, name: str, data: bytes, seed: int) -> bool:
    """Read a damaged copy and write what comes; return whether there was a result."""
    source, target = folder / f"{seed}-{name}", folder / f"{seed}-out.mkv"
    source.write_bytes(damaged(data, seed))
    told = Told()
    with limit(LIMIT_SECONDS, source.name):
        try:
            with open_reader(source, alpha=True, max_size=64, tell=told) as reader, open_writer(
                target, width=reader.width, height=reader.height, rate=reader.rate or Fraction(24), codec="ffv1",
                alpha=reader.alpha, color=reader.color,
            ) as writer:  # fmt: skip
                for frame in reader:
                    assert np.isfinite(frame).all()
                    writer.write(frame)
        except MediaError as error:
            said = str(error)
        else:
            said = ""
    if said:
        assert "\n" not in said
        assert str(source) in said or str(target) in said
        assert not target.exists()
    else:
        assert all("\n" not in line for line in told)
        assert probe(target).frame_count == writer.frame_count
    assert {path.name for path in folder.iterdir()} <= {source.name, target.name}
    target.unlink(missing_ok=True)
    source.unlink()
    return not said


def run(folder: Path, whole: dict[str, bytes], names: tuple[str, ...], seeds: range) -> None:
    done = [check(folder, names[seed % len(names)], whole[names[seed % len(names)]], seed) for seed in seeds]
    assert 0.1 < np.mean(done) < 0.95  # both kinds of damage are there


def test_damaged_videos(tmp_path: Path, whole: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, whole, VIDEOS, range(35))
    assert capfd.readouterr().err == ""


def test_damaged_images(tmp_path: Path, whole: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, whole, IMAGES, range(40))
    # OpenEXR has a voice of its own.
    assert [line for line in capfd.readouterr().err.splitlines() if "EXR_ERR" not in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(4))
def test_hundreds_of_damaged_files(tmp_path: Path, whole: dict[str, bytes], hundred: int) -> None:
    run(tmp_path, whole, VIDEOS + IMAGES, range(1000 + 100 * hundred, 1100 + 100 * hundred))
