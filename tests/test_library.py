"""`dreamvid.Dreamer`: the command line's frames from arrays, with no file and no trace left."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

import dreamvid
from dreamvid import Dreamer, DreamvidError, Job, ModelError, Settings, SettingsError, ZoomJob, ZoomSettings
from dreamvid.api.arrays import ArrayKind
from dreamvid.dream import DreamCore
from dreamvid.images.read import quantize
from dreamvid.media import read_image, write_image

SAMPLES = Path(__file__).parents[1] / "samples"
LOOK: dict[str, Any] = {
    "model": "dreamnet",
    "layer": "inception3a",
    "octaves": 2,
    "iterations": 2,
    "warm_iterations": 1,
    "precision": "fp32",
    "device": "cpu",
}
Pixels = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own: what the command line measures is not measured elsewhere."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums depend on how many threads add them up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dreamer() -> Dreamer:
    return Dreamer(**LOOK)


def picture(seed: int, height: int = 48, width: int = 64) -> Pixels:
    """Soft blobs, (height, width, 3) uint8."""
    small = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    large = nn.functional.interpolate(small, size=(height, width), mode="bicubic", align_corners=False)
    return np.ascontiguousarray((255 * large[0].clamp(0, 1)).byte().permute(1, 2, 0).numpy())


RAW = picture(0)


def film(frames: int = 5, cut: int = 3, **size: int) -> list[Pixels]:
    """A picture that moves, and from frame `cut` on another."""
    return [np.roll(picture(int(index >= cut), **size), index, axis=1) for index in range(frames)]


def floats(frames: list[Pixels]) -> list[Pixels]:
    return [frame.astype(np.float32) / np.float32(255) for frame in frames]


def save(frames: list[Pixels], folder: Path) -> Path:
    folder.mkdir()
    for number, frame in enumerate(floats(frames), start=1):
        write_image(folder / f"{number:03d}.png", frame, overwrite=False)
    return folder / "%03d.png"


def deep(frames: list[Pixels]) -> list[Pixels]:
    return [quantize(frame, 16) for frame in frames]


def read(folder: Path) -> list[Pixels]:
    return [quantize(read_image(path), 16) for path in sorted(folder.glob("*.png"))]


def run(events: Iterator[Any]) -> None:
    for _ in events:
        pass


def assert_same(ours: list[Pixels], theirs: list[Pixels]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("cuts", ["auto", "none"])
def test_a_film_is_the_command_lines_bit_for_bit(tmp_path: Path, cuts: str) -> None:
    frames, mask, guide = film(), picture(5), picture(6)
    source = save(frames, tmp_path / "in")
    write_image(tmp_path / "mask.png", floats([mask])[0], overwrite=False)
    write_image(tmp_path / "guide.png", floats([guide])[0], overwrite=False)
    look = LOOK | {"strength": "0.5 + 6*t", "every": 2}
    files = {"mask": tmp_path / "mask.png", "guide": tmp_path / "guide.png"}
    job = Job(source, tmp_path / "out" / "%03d.png", Settings(**look, **files, cuts=cuts, bit_depth=16))
    (tmp_path / "out").mkdir()
    run(dreamvid.render_job(job))
    dreams = Dreamer(**look).dream_film(
        floats(frames), 24, cuts="auto" if cuts == "auto" else None, mask=mask, guide=guide
    )
    assert_same(deep(list(dreams)), read(tmp_path / "out"))


def test_a_still_is_the_command_lines_bit_for_bit(tmp_path: Path) -> None:
    look = {"model": "dreamnet", "quality": "draft", "octaves": 2, "precision": "fp32", "device": "cpu"}
    dreamer = Dreamer(**look)
    raw, mask = picture(0), picture(5)
    write_image(tmp_path / "in.png", floats([raw])[0], overwrite=False)
    write_image(tmp_path / "mask.png", floats([mask])[0], overwrite=False)
    (tmp_path / "out").mkdir()
    settings = Settings(**look, mask=tmp_path / "mask.png", bit_depth=16)
    run(dreamvid.render_job(Job(tmp_path / "in.png", tmp_path / "out" / "still.png", settings)))
    assert_same(deep([dreamer.dream(floats([raw])[0], mask=mask)]), read(tmp_path / "out"))
    files = dreamer.dream(floats([raw])[0], mask=tmp_path / "mask.png")
    assert_same(deep([files]), read(tmp_path / "out"))


@pytest.mark.parametrize("given", ["array", "file"])
def test_strength_by_depth_is_the_command_lines_bit_for_bit(tmp_path: Path, given: str) -> None:
    """A ramp of depths: an array, or the file that the command line has."""
    frames, ramp = film(3), np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    write_image(tmp_path / "d.png", np.stack([ramp] * 3, 2) / np.float32(65535), overwrite=False, bit_depth=16)
    source = save(frames, tmp_path / "in")
    look = LOOK | {"strength": "1.5*(1 - depth)"}
    settings = Settings(**look, depth=str(tmp_path / "d.png"), cuts="none", bit_depth=16)
    (tmp_path / "out").mkdir()
    run(dreamvid.render_job(Job(source, tmp_path / "out" / "%03d.png", settings)))
    depth = ramp if given == "array" else tmp_path / "d.png"
    dreamer = Dreamer(**look)
    dreams = list(dreamer.dream_film(floats(frames), 24, cuts=None, depth=depth))
    assert_same(deep(dreams), read(tmp_path / "out"))
    change = np.abs(dreams[0] - floats(frames)[0]).mean((0, 2))
    assert change[:4].max() < 0.2 * change[-4:].mean()  # black is far
    (tmp_path / "still").mkdir()
    run(dreamvid.render_job(Job(tmp_path / "in" / "001.png", tmp_path / "still" / "a.png", settings)))
    assert_same(deep([dreamer.dream(floats(frames)[0], depth=depth)]), read(tmp_path / "still"))


def test_a_zoom_over_an_array_of_depths_is_the_command_lines(tmp_path: Path) -> None:
    near = np.zeros((48, 64), np.uint8)
    near[12:36, 20:44] = 255
    write_image(tmp_path / "in.png", floats([RAW])[0], overwrite=False)
    write_image(tmp_path / "d.png", floats([np.stack([near] * 3, 2)])[0], overwrite=False)
    camera = {"duration": 0.2, "zoom": 1, "dolly": 0.5, "move_x": 0.4, "far": 4}
    settings = ZoomSettings(**LOOK, **camera, depth=str(tmp_path / "d.png"), bit_depth=16)
    (tmp_path / "out").mkdir()
    run(dreamvid.render_zoom(ZoomJob(tmp_path / "in.png", tmp_path / "out" / "%03d.png", settings)))
    dreamer = Dreamer(**LOOK)
    for depth in (near, torch.from_numpy(near), tmp_path / "d.png"):
        assert_same(deep(list(dreamer.zoom(floats([RAW])[0], depth=depth, **camera))), read(tmp_path / "out"))


@pytest.mark.parametrize("source", ["picture", "noise"])
def test_a_zoom_is_the_command_lines_bit_for_bit(tmp_path: Path, source: str) -> None:
    raw = picture(0)
    camera = {"duration": 0.25, "zoom": "1.5 + t", "rotate": 20} | ({} if source == "picture" else {"size": "64x48"})
    write_image(tmp_path / "in.png", floats([raw])[0], overwrite=False)
    target = tmp_path / "out" / "%03d.png"
    target.parent.mkdir()
    settings = ZoomSettings(**LOOK, **camera, bit_depth=16)
    start = {"source": tmp_path / "in.png"} if source == "picture" else {}
    run(dreamvid.render_zoom(ZoomJob(target=target, settings=settings, **start)))
    dreams = Dreamer(**LOOK).zoom(floats([raw])[0] if source == "picture" else None, **camera)
    assert_same(deep(list(dreams)), read(target.parent))


def test_pictures_from_noise_are_the_command_lines(tmp_path: Path) -> None:
    how = {"size": "40x32", "steps": 2, "count": 2}
    what = {"model": "dreamnet", "layer": "inception3a@1,5", "precision": "fp32", "device": "cpu"}
    job = dreamvid.VisualizationJob(Settings(**what), dreamvid.VisualizeSettings(**how), tmp_path / "out")
    run(dreamvid.render_visualization(job))
    drawings = Dreamer(**what).visualize(**how)
    assert [(drawing.label, drawing.number) for drawing in drawings] == [
        ("inception3a 1", 1), ("inception3a 1", 2), ("inception3a 5", 1), ("inception3a 5", 2)
    ]  # fmt: skip
    written = [quantize(read_image(path), 8) for path in sorted((tmp_path / "out").glob("*.png"))]
    assert_same([quantize(drawing.picture, 8) for drawing in drawings], written)


@pytest.mark.slow
def test_who_owns_the_process_gets_the_command_lines_bits_with_any_number_of_threads(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    raw = picture(0, 180, 320)  # its second octave is worth two threads, its third one
    look = LOOK | {"octaves": 3, "layer": "inception4d"}
    write_image(tmp_path / "in.png", floats([raw])[0], overwrite=False)
    (tmp_path / "out").mkdir()
    settings = Settings(**look, bit_depth=16)
    run(dreamvid.render_job(Job(tmp_path / "in.png", tmp_path / "out" / "still.png", settings)))
    measured = sorted(cache.rglob("*.json"))
    monkeypatch.setattr(DreamCore, "_calibration_contrast", lambda *_: pytest.fail("measured again"))
    ours = Dreamer(**look, owns_process=True).dream(floats([raw])[0])
    assert_same(deep([ours]), read(tmp_path / "out"))
    assert torch.get_num_threads() == 2
    assert measured
    assert sorted(cache.rglob("*.json")) == measured


def test_two_threads_with_two_dreamers_give_what_two_runs_give() -> None:
    looks = [LOOK, LOOK | {"layer": "inception4a", "strength": 1.5}]
    frames = film(3)
    alone = [list(Dreamer(**look).dream_film(frames, 24)) for look in looks]

    def dream(look: dict[str, Any]) -> list[Pixels]:
        torch.set_num_threads(1)
        return list(Dreamer(**look).dream_film(frames, 24))

    with ThreadPoolExecutor(2) as pool:
        for ours, theirs in zip(pool.map(dream, looks), alone, strict=True):
            assert_same(ours, theirs)


def test_one_dreamer_serves_several_threads_and_films_at_a_time(dreamer: Dreamer) -> None:
    raws = [picture(seed) for seed in range(4)]
    alone = [dreamer.dream(raw) for raw in raws]

    def dream(raw: Pixels) -> Pixels:
        torch.set_num_threads(1)
        return dreamer.dream(raw)

    with ThreadPoolExecutor(4) as pool:
        assert_same(list(pool.map(dream, raws)), alone)
    frames = film(3)
    expected = list(dreamer.dream_film(frames, 24))
    for one, other in zip(dreamer.dream_film(frames, 24), dreamer.dream_film(frames, 24), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, expected.pop(0))


def test_calls_at_a_time_share_nothing_that_is_for_one_thread(
    dreamer: Dreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dreamer.dream(RAW)  # calibrates
    dream, together, used = DreamCore.dream, threading.Barrier(2, timeout=30), []

    def watched(self: DreamCore, *arguments: Any, **named: Any) -> torch.Tensor:
        used.append(self.shared)
        together.wait()
        return dream(self, *arguments, **named)

    monkeypatch.setattr(DreamCore, "dream", watched)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(dreamer.dream, [RAW, RAW]))
    assert used[0] is not used[1]


class OwnNet(nn.Module):
    """Two convolutions and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(self.relu(self.norm(self.first(x)))))
        return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.fixture
def own() -> OwnNet:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return OwnNet()


def test_a_module_of_ones_own_dreams(own: OwnNet) -> None:
    raw = torch.from_numpy(floats([picture(0)])[0]).permute(2, 0, 1)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    look = {name: value for name, value in LOOK.items() if name not in ("model", "layer")}
    dreamed = Dreamer(own, "second", mean=mean, std=std, **look).dream(raw)
    assert own.training
    assert own.relu.inplace
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())

    def energy(x: torch.Tensor) -> float:
        normalized = (x[None] - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
        with torch.no_grad():
            network = OwnNet().eval()
            network.load_state_dict(before)
            return float(network.second(torch.relu(network.norm(network.first(normalized)))).square().mean())

    assert energy(dreamed) > 1.2 * energy(raw)
    other = Dreamer(own, "second", mean=(0, 0, 0), std=(1, 1, 1), **look).dream(raw)
    assert not torch.equal(other, dreamed)
    with torch.no_grad():
        own.second.weight.mul_(-1)
    assert not torch.equal(Dreamer(own, "second", mean=mean, std=std, **look).dream(raw), dreamed)
    by_class = Dreamer(own, class_=["3"], **look).dream(raw)
    assert not torch.equal(by_class, raw)
    with pytest.raises(ModelError, match="4 classes"):
        Dreamer(own, class_=["4"], **look)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("tensor", [False, True])
def test_what_comes_in_comes_out(dreamer: Dreamer, dtype: str, tensor: bool) -> None:
    levels = {"uint8": 255, "uint16": 65535}.get(dtype)
    raw: Any = picture(0).astype(np.float64) / 255
    raw = raw.astype(dtype) if levels is None else np.round(raw * levels).astype(dtype)
    kept = raw.copy()
    given = torch.from_numpy(raw.transpose(2, 0, 1).copy()) if tensor else raw
    dreamed = dreamer.dream(given)
    assert type(dreamed) is type(given)
    assert dreamed.dtype == given.dtype
    assert dreamed.shape == given.shape
    np.testing.assert_array_equal(raw, kept)
    pixels = dreamed.permute(1, 2, 0).numpy() if tensor else dreamed
    expected = dreamer.dream(floats([picture(0)])[0])
    assert np.abs(pixels / (levels or 1) - expected).mean() < 2 / 255
    (first, *_) = dreamer.dream_film([given, given], 24)
    assert first.dtype == given.dtype
    assert first.shape == given.shape
    (first, *_) = dreamer.zoom(given, duration=0.05)
    assert first.dtype == given.dtype
    assert first.shape == given.shape


def test_a_frame_is_not_given_away() -> None:
    frame = floats([RAW])[0]
    assert not np.shares_memory(ArrayKind("float32").write(frame), frame)


def test_arrays_may_be_written_to_on_both_sides() -> None:
    dreamer = Dreamer(**LOOK)
    frames = floats(film(6))
    expected = list(dreamer.dream_film(frames, 24))

    def reused() -> Iterator[Pixels]:
        buffer = np.empty_like(frames[0])
        for frame in frames:
            buffer[:] = frame
            yield buffer

    for ours, theirs in zip(dreamer.dream_film(reused(), 24), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        ours[:] = 0
    zoomed = [frame.copy() for frame in dreamer.zoom(frames[0], duration=0.2)]
    for ours, theirs in zip(dreamer.zoom(frames[0], duration=0.2), zoomed, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        ours[:] = 0


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (SettingsError, {"strenght": 1}, "no setting 'strenght'; did you mean strength"),
        (SettingsError, {"threads": 2}, "no setting 'threads'"),
        (SettingsError, {"mask": "mask.png"}, "no setting 'mask'"),
        (SettingsError, {"codec": "h264"}, "no setting 'codec'"),
        (SettingsError, {"strength": 99}, "--strength"),
        (SettingsError, {"mean": (0, 0, 0)}, "module of your own"),
        (ModelError, {"layer": "inception9z"}, "inception9z"),
        (ModelError, {"model": "nothing"}, "nothing"),
        (SettingsError, {"model": OwnNet(), "layer": None}, "layer: "),
        (SettingsError, {"model": OwnNet(), "layer": "second", "weights": "w.pth"}, "weights: "),
        (ModelError, {"model": OwnNet(), "layer": "second", "std": (0, 1, 1)}, "std must be"),
        (ModelError, {"model": nn.Sequential(nn.Flatten(), nn.Linear(10, 2)), "layer": "1"}, "sequential cannot be"),
    ],
)
def test_a_dreamer_that_cannot_be_made_says_why_in_one_line(
    kind: type[DreamvidError], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        Dreamer(**LOOK | arguments)
    assert "\n" not in str(caught.value)


NAN = np.full((48, 64, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.dream([1, 2]), "the picture is a list"),
        (lambda d: d.dream(RAW[..., :2]), r"shape \(48, 64, 2\)"),
        (lambda d: d.dream(torch.from_numpy(RAW)), r"torch tensor \(3, H, W\)"),
        (lambda d: d.dream(RAW[None]), r"shape \(1, 48, 64, 3\)"),
        (lambda d: d.dream(RAW.astype(np.int32)), "dtype int32"),
        (lambda d: d.dream(RAW.astype(np.float32)), r"scale floats to \[0, 1\]"),
        (lambda d: d.dream(NAN), "or NaN"),
        (lambda d: d.dream(RAW[:1, :3]), "too small"),
        (lambda d: d.dream(RAW, mask=RAW[:20]), "same aspect ratio"),
        (lambda d: d.dream(RAW, mask=0 * RAW), "completely black"),
        (lambda d: d.dream(RAW, guide=RAW[:1, :3]), "the guide is 3x1"),
        (lambda d: list(d.dream_film([RAW, RAW[:40]], 24)), "frame 1 is 64x40"),
        (lambda d: list(d.dream_film([RAW, RAW / 255], 24)), "frame 1 is float64, but the first one is uint8"),
        (lambda d: list(d.dream_film([RAW, None], 24)), "frame 1 is a NoneType"),
        (lambda d: d.dream_film([RAW], 0), "--rate"),
        (lambda d: d.dream_film([RAW], None), "fps"),
        (lambda d: d.dream_film([RAW], 24, cuts="none"), "cuts: "),
        (lambda d: d.zoom(RAW, size="10x10"), "size: "),
        (lambda d: d.zoom(RAW, feed=0.5), "no setting 'feed'"),
        (lambda d: d.zoom(RAW, strength=2), "no setting 'strength'"),
        (lambda d: d.zoom(RAW, duration=1, zoom="bass + 1"), "give sound=FILE"),
        (lambda d: d.visualize(stepps=2), "did you mean steps"),
        (lambda d: d.dream(RAW, depth=RAW), "--depth: no setting depends on it"),
        (lambda d: list(d.dream_film([RAW], 24, depth="nowhere.png")), "--depth: no setting depends on it"),
        (lambda d: list(d.zoom(RAW, depth=RAW[:20])), "--depth: the array is 64x20, the source 64x48"),
        (lambda d: list(d.zoom(RAW, depth=RAW, loop=True)), "--loop: a depth picture moves with the camera"),
        (lambda d: list(d.zoom(RAW, depth=[1, 2])), "the depth is a list"),
    ],
)
def test_a_call_that_cannot_be_made_says_why_in_one_line(dreamer: Dreamer, call: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        call(dreamer)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_behind(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    torch.set_num_threads(2)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads, seen = threading.active_count(), set[int]()

    def watch(_: object) -> None:
        seen.add(torch.get_num_threads())

    counts: set[int] = set()
    original = torch.set_num_threads
    monkeypatch.setattr(torch, "set_num_threads", counts.add)
    dreamer = Dreamer(**LOOK, on_event=watch)
    dreamer.dream(RAW)
    list(dreamer.dream_film(film(3), 24))
    list(dreamer.zoom(RAW, duration=0.1))
    dreamer.visualize(size="40x32", steps=1)
    monkeypatch.setattr(torch, "set_num_threads", original)
    assert counts == set()
    assert seen == {2}
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert threading.active_count() == threads
    assert list(here.iterdir()) == []
    assert not cache.exists()


def test_a_film_is_taken_lazily_and_closing_ends_its_threads(dreamer: Dreamer) -> None:
    taken = 0

    def endless() -> Iterator[Pixels]:
        nonlocal taken
        for frame in itertools.cycle(film()):
            taken += 1
            yield frame

    before = set(threading.enumerate())
    dreams = dreamer.dream_film(endless(), 24)
    assert taken == 0
    for _ in range(3):
        next(dreams)
    assert set(threading.enumerate()) > before
    dreams.close()
    assert set(threading.enumerate()) == before
    assert 3 <= taken < 3 + 16
    assert list(dreamer.dream_film([], 24)) == []


def test_what_an_iterable_raises_is_raised_in_its_turn(dreamer: Dreamer) -> None:
    def broken() -> Iterator[Pixels]:
        yield from film(2)
        raise OSError("the camera is gone")

    got = []
    with pytest.raises(OSError, match="the camera is gone"):
        got.extend(dreamer.dream_film(broken(), 24, cuts=None))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dreamvid")]


def test_events_are_those_of_a_render() -> None:
    events: list[Any] = []
    dreamer = Dreamer(**LOOK, on_event=events.append)
    list(dreamer.dream_film(film(4), 24, cuts=[2]))
    assert [(event.shot, event.frame) for event in events if isinstance(event, dreamvid.ShotStarted)] == [
        (0, 0), (1, 2)
    ]  # fmt: skip
    assert [event.frame for event in events if isinstance(event, dreamvid.FrameDone)] == [0, 1, 2, 3]
    events.clear()
    dreamer.visualize(size="40x32", steps=2)
    assert [type(event).__name__ for event in events] == ["DrawingStarted", "StepDone", "StepDone", "PictureDone"]


def test_a_strength_that_changes_needs_the_length() -> None:
    dreamer = Dreamer(**LOOK | {"strength": "0.2 + 10*t"})
    expected = list(dreamer.dream_film(film(3), 24))
    with pytest.raises(SettingsError, match="give length=FRAMES"):
        dreamer.dream_film(iter(film(3)), 24)
    assert_same(list(dreamer.dream_film(iter(film(3)), 24, length=3)), expected)
    stacked = np.stack(film(3))
    assert_same(list(dreamer.dream_film(stacked, 24)), expected)


def test_a_sound_drives_a_film() -> None:
    dreamer = Dreamer(**LOOK | {"strength": "0.1 + rms"})
    with pytest.raises(SettingsError, match="give sound=FILE"):
        dreamer.dream_film(film(2), 24)
    heard = list(dreamer.dream_film(film(2), 24, sound=SAMPLES / "journey.mp4"))
    assert len(heard) == 2
