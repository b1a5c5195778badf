"""A zoom whose camera moves in space."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from dreamvid.config.settings import ZoomSettings, build_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.dream.noise import pink_noise
from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.media import open_reader, open_writer
from dreamvid.output.recipe import read_look
from dreamvid.render.plan import Clock, Planner
from dreamvid.runtime.events import FrameDone
from dreamvid.zoom.estimate import estimate_zoom
from dreamvid.zoom.flight import Flight
from dreamvid.zoom.job import ZoomJob, render_zoom
from dreamvid.zoom.scene import make_flight, open_scene
from dreamvid.zoom.zoom import begin_zoom, frame_count
from tests.tiny import TinyExtractor

SIZE = (72, 96)
PICTURE = pink_noise(SIZE, seed=3)
SAMPLES = Path(__file__).parents[2] / "samples"
Film = npt.NDArray[np.float32]


def depth_picture(path: Path) -> Path:
    """A disk in the middle, white and so near."""
    level = np.zeros(SIZE, np.uint8)
    cv2.circle(level, (48, 36), 18, 255, -1)
    cv2.imwrite(str(path), level)
    return path


def depth_film(path: Path) -> Path:
    """A white bar that goes from left to right."""
    with open_writer(path, width=96, height=72, rate=Fraction(24), codec="ffv1") as writer:
        for index in range(24):
            frame = np.zeros((72, 96, 3), np.float32)
            frame[:, 4 * index : 4 * index + 20] = 1
            writer.write(frame)
    return path


def zoom(**values: Any) -> Film:
    settings = build_settings(ZoomSettings, {"duration": 1, "warm_iterations": (2, 1), "zoom": 1}, values)
    look = Look(octaves=2, jitter=4, spectrum=0.7, step=1.5, iterations=(4,))
    planner = Planner(
        DreamCore(TinyExtractor(), look), settings, Clock(settings.fps, frame_count(settings)), governed=False
    )
    with contextlib.ExitStack() as closing:
        scene = open_scene(settings, SIZE, (SIZE[1], SIZE[0]), closing)
        frames = [frame for frame, _ in begin_zoom(PICTURE, planner, scene=scene).dream() if frame is not None]
    return np.stack(frames)


def flight(picture: Tensor = PICTURE, **values: Any) -> Flight:
    settings = build_settings(ZoomSettings, {"zoom": 1}, values)
    planner = Planner(DreamCore(TinyExtractor(), Look()), settings, Clock(settings.fps, 240), governed=False)
    with contextlib.ExitStack() as closing:
        return make_flight(picture, planner, open_scene(settings, SIZE, (SIZE[1], SIZE[0]), closing))


def psnr(a: Any, b: Any) -> float:
    return float(-10 * np.log10(np.mean((np.asarray(a, np.float64) - np.asarray(b)) ** 2) + 1e-20))


def test_a_plane_without_a_turn_is_the_flat_zoom() -> None:
    camera: dict[str, Any] = {"zoom": 1.4, "rotate": 10, "pan_x": 0.05, "duration": "0.4"}
    flat = zoom(**camera)
    assert np.array_equal(zoom(depth="plane", dolly=0, yaw=0, **camera), flat)
    assert psnr(zoom(dolly=math.log(1.4), rotate=10, pan_x=0.05, duration="0.4"), flat) > 80
    assert psnr(zoom(move_z=math.log(1.4), roll=-10, pan_x=0.05, duration="0.4"), flat) > 80
    quick: dict[str, Any] = {"warm_iterations": 0, "duration": "0.4"}
    assert psnr(zoom(dolly=1, **quick), zoom(dolly=0.5, **quick)) < 40


def test_all_of_todays_moves_go_along_in_space() -> None:
    """Off-center zoom, rotation and pan, as homographies of a plane."""
    camera: dict[str, Any] = {"zoom": 1.3, "rotate": 25, "pan_x": 0.1, "pan_y": -0.05, "center_x": 0.3, "center_y": 0.8}
    flights = flight(**camera), flight(yaw=1e-9, **camera)
    flat, tilted = (made.move(PICTURE, Fraction(0), Fraction(1, 2)) for made in flights)
    assert tilted.gain is not None
    seen = tilted.gain[0, 0] == 1  # what comes in from outside is not mirrored at the same place
    assert float(seen.double().mean()) > 0.7
    assert psnr(flat.picture[..., seen], tilted.picture[..., seen]) > 80


CAMERAS: list[Any] = [
    pytest.param({"yaw": 20, "pitch": "5*sin(t)", "dolly": 0.2}, marks=pytest.mark.slow),
    pytest.param({"depth": "tunnel", "dolly": "0.5 + 0.3*t", "yaw": 10}, marks=pytest.mark.slow),
    {"depth": "FILE", "dolly": 0.2, "move_x": "0.1*cos(t)"},
    {"fov": "0s:(60), 1s:(40)ease", "dolly": -0.2},
]


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
def test_at_24_and_60_frames_a_second_the_camera_is_at_the_same_place(tmp_path: Path, camera: dict[str, Any]) -> None:
    if camera.get("depth") == "FILE":
        camera = camera | {"depth": str(depth_picture(tmp_path / "depth.png"))}
    slow, fast = (zoom(warm_iterations=0, duration="0.4", fps=fps, **camera) for fps in (24, 60))
    assert psnr(fast[::5], slow[::2]) > 75
    assert psnr(slow[0], slow[-1]) < 35


def test_the_dream_is_the_same_at_24_and_48_frames_a_second() -> None:
    slow, fast = (zoom(depth="tunnel", dolly=0.5, fps=fps, duration="0.5") for fps in (24, 48))
    assert psnr(fast[::2], slow) > 75


def test_there_and_back_is_as_exact_as_a_zoom() -> None:
    """Half a second on, and half a second back, in two resamplings."""

    def returned(**camera: float | str) -> float:
        there = flight(**camera)
        back = flight(**{key: -value if isinstance(value, (int, float)) else value for key, value in camera.items()})
        picture = there.move(PICTURE, Fraction(0), Fraction(1, 2)).picture
        again = back.move(picture, Fraction(0), Fraction(1, 2)).picture
        return psnr(again[..., 20:-20, 26:-26], PICTURE[..., 20:-20, 26:-26])

    zoomed = flight(zoom=1.2).move(PICTURE, Fraction(0), Fraction(1, 2)).picture
    again = flight(zoom=1 / 1.2).move(zoomed, Fraction(0), Fraction(1, 2)).picture
    today = psnr(again[..., 20:-20, 26:-26], PICTURE[..., 20:-20, 26:-26])
    assert returned(dolly=math.log(1.2)) > today - 0.01
    assert returned(yaw=8, pitch=3) > today - 3
    assert returned(depth="tunnel", dolly=0.2) > today - 3


def test_what_comes_into_the_picture_is_dreamed_with_longer_steps_and_settles() -> None:
    made = flight(yaw=40)
    first = made.move(PICTURE, Fraction(0), Fraction(1, 24))
    assert first.gain is not None
    assert float(first.gain[..., -1].min()) == 3
    assert float(first.gain[..., :80].max()) == 1
    made.arrive(first.picture, Fraction(1, 24))
    second = made.move(first.picture, Fraction(1, 24), Fraction(1, 12))
    assert second.gain is not None
    assert float(second.gain[..., -1].min()) == 3
    inner = second.gain[0, 0, 36, :95]
    assert bool(((inner > 2.5) & (inner < 3)).any())


def test_what_comes_into_the_picture_is_no_streak() -> None:
    """It varies along the way of the camera nearly as much as the rest, though it came in a pixel or two at a time."""
    made, picture = flight(yaw=15), PICTURE
    for index in range(12):
        picture = made.move(picture, Fraction(index, 24), Fraction(index + 1, 24)).picture
        made.arrive(picture, Fraction(index + 1, 24))
    steps = picture.diff(dim=3).abs().mean((0, 1, 2))
    assert float(steps[-9:].mean()) > 0.6 * float(steps[20:60].mean())


def test_the_background_stands_in_for_what_is_uncovered(tmp_path: Path) -> None:
    """A black disk before a gray wall, flown past for a second without dreaming: it leaves nothing behind."""
    path = depth_picture(tmp_path / "depth.png")
    level = torch.from_numpy(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    picture = torch.where(level > 0, 0.0, 0.5).expand(1, 3, -1, -1).contiguous()
    made = flight(picture, depth=str(path), move_x=0.1)
    for index in range(24):
        moved = made.move(picture, Fraction(index, 24), Fraction(index + 1, 24))
        picture = moved.picture
        made.arrive(picture, Fraction(index + 1, 24))
    depth = made.depth()
    assert depth is not None
    assert moved.gain is not None
    disk = depth[0, 0] < 0.5
    assert float(disk.double().mean()) == pytest.approx(float((level > 0).double().mean()), rel=0.1)
    assert float((picture[0, :, ~disk] - 0.5).abs().max()) < 0.05
    assert float(picture[0, :, disk].mean()) < 0.06
    center = disk.nonzero()[:, 1].double().mean()
    assert float(center) == pytest.approx(48 - 0.1 / 0.5 * 96 / 2 / math.tan(math.radians(30)), abs=1)


def test_distances_are_kept_and_may_be_reached(tmp_path: Path) -> None:
    """Half a unit a second towards a wall one unit away: twice as large after a second."""
    write_distances(tmp_path / "z.exr", np.full(SIZE, 1.0, np.float32))
    exact = flight(depth=str(tmp_path / "z.exr"), dolly=0.5).move(PICTURE, Fraction(0), Fraction(1)).picture
    double = flight(zoom=2).move(PICTURE, Fraction(0), Fraction(1)).picture
    assert psnr(exact, double) > 60


def test_a_wall_of_a_depth_picture_is_never_reached(tmp_path: Path) -> None:
    """Black is two units away, and stays so: a dolly of one is a zoom by the root of e."""
    cv2.imwrite(str(tmp_path / "depth.png"), np.zeros(SIZE, np.uint8))
    for seconds in (1, 3):
        wall = flight(depth=str(tmp_path / "depth.png"), dolly=1).move(PICTURE, Fraction(0), Fraction(seconds))
        zoomed = flight(zoom=math.exp(0.5)).move(PICTURE, Fraction(0), Fraction(seconds))
        assert psnr(wall.picture, zoomed.picture) > 75


def write_distances(path: Path, distances: Film) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"ViewLayer.Depth.Z": distances}).write(str(path))


def test_a_camera_of_a_file_is_added(tmp_path: Path) -> None:
    rows = "".join(f"{frame} 0 0 0 0 {-10 * frame / 24} 0\n" for frame in range(25))
    (tmp_path / "a.chan").write_text(rows)
    quick: dict[str, Any] = {"warm_iterations": 0, "duration": "0.3"}
    of_file = zoom(camera=tmp_path / "a.chan", **quick)
    assert psnr(of_file, zoom(yaw=10, **quick)) > 75
    faster = zoom(camera=tmp_path / "a.chan", camera_rate=120, **quick)
    assert psnr(faster[1], of_file[5]) > 75
    assert psnr(faster[-1], faster[5]) > 75  # its last pose holds
    assert psnr(of_file[0], of_file[-1]) < 35


def test_a_lens_that_zooms_moves_nothing_against_anything_else(tmp_path: Path) -> None:
    """From 60 to 40 degrees near and far things grow alike."""
    depth = str(depth_picture(tmp_path / "depth.png"))
    tele = math.tan(math.radians(30)) / math.tan(math.radians(20))
    for shape in (depth, "plane"):
        lens = flight(fov="0s:(60), 1s:(40)", depth=shape).move(PICTURE, Fraction(0), Fraction(1)).picture
        assert psnr(lens, flight(zoom=tele).move(PICTURE, Fraction(0), Fraction(1)).picture) > 60


def test_near_dreams_and_far_does_not() -> None:
    dreamed = zoom(depth="tunnel", strength="1 if depth < 0.5 else 0")
    plain = zoom(depth="tunnel", strength=0)

    def change(columns: slice) -> float:
        """But for the tone, which is held for the whole picture."""
        before, after = plain[-1][20:52, columns, 0].ravel(), dreamed[-1][20:52, columns, 0].ravel()
        return float(np.std(after - np.polyval(np.polyfit(before, after, 1), before)))

    assert change(slice(40, 56)) < 0.05 * change(slice(0, 16))


def test_the_seam_of_a_loop_through_a_tunnel_is_a_step_like_any_other() -> None:
    frames = zoom(depth="tunnel", dolly=0.3, loop=True, duration=2)
    steps = [float(np.abs(a - b).mean()) for a, b in pairwise(frames)]
    assert float(np.abs(frames[-1] - frames[0]).mean()) < 1.2 * max(steps)


QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1,
    "duration": "0.5", "codec": "ffv1", "precision": "fp32", "sidecar": False, "size": "96x72",
}  # fmt: skip


def render(target: Path, **values: Any) -> Film:
    settings = build_settings(ZoomSettings, QUICK, values)
    list(render_zoom(ZoomJob(SAMPLES / "portrait.jpg", target, settings)))
    with open_reader(target) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize(
    "camera",
    [
        pytest.param({"yaw": 10, "dolly": "0.2 + t"}, marks=pytest.mark.slow),
        {"depth": "tunnel"},
        {"depth": "PICTURE", "move_x": 0.3, "strength": "2 - depth"},
        pytest.param({"depth": "FILM", "dolly": 0.5}, marks=pytest.mark.slow),
        pytest.param({"depth": "model:brightness", "dolly": 0.5, "every": 2}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_flight_goes_on_where_it_was_stopped(tmp_path: Path, camera: dict[str, Any]) -> None:
    depths = {"PICTURE": depth_picture(tmp_path / "depth.png"), "FILM": depth_film(tmp_path / "depth.mkv")}
    camera = camera | {"depth": depths.get(camera.get("depth", ""), camera.get("depth"))}
    camera = {key: str(value) for key, value in camera.items() if value is not None}
    whole = render(tmp_path / "whole.mkv", **camera)
    settings = build_settings(ZoomSettings, QUICK, {"save_every": 0}, camera)
    job = ZoomJob(SAMPLES / "portrait.jpg", tmp_path / "broken.mkv", settings)
    events = render_zoom(job)
    for event in events:
        if isinstance(event, FrameDone) and event.frame == 6:
            break
    events.close()
    again = [event.frame for event in render_zoom(job) if isinstance(event, FrameDone)]
    assert 0 < again[0] <= 7
    with open_reader(tmp_path / "broken.mkv") as reader:
        assert np.array_equal(np.stack(list(reader)), whole)
    assert psnr(whole[0], whole[-1]) < 40


def test_recipe_report_and_estimate_know_the_camera(tmp_path: Path) -> None:
    camera: dict[str, Any] = {"depth": "tunnel", "dolly": "0.1*t", "strength": "2 - depth", "duration": "0.2"}
    render(tmp_path / "a.mkv", report=True, **camera)
    assert (tmp_path / "a.mkv.report.jsonl").is_file() or list(tmp_path.glob("a*.report.jsonl"))
    look = read_look(tmp_path / "a.mkv", ZoomSettings)
    assert {key: look[key] for key in ("depth", "dolly", "strength")} == {
        "depth": "tunnel", "dolly": "0.1*t", "strength": "2 - depth"
    }  # fmt: skip
    assert not {"yaw", "near", "far", "camera"} & look.keys()
    settings = build_settings(ZoomSettings, QUICK, camera)
    estimate = estimate_zoom(ZoomJob(SAMPLES / "portrait.jpg", tmp_path / "b.mkv", settings))
    assert estimate.frames == 5


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"depth": "nowhere.png"}, MediaError, "nowhere.png"),
        ({"depth": "model:nobody"}, SettingsError, "--depth: there is no depth model 'nobody'; use brightness"),
        ({"depth": "tunnel", "near": 3}, SettingsError, "--near: 3 is not nearer than --far, 2"),
        ({"depth": "PICTURE", "loop": True}, SettingsError, "--loop: a depth picture moves with the camera"),
        ({"depth": "NARROW"}, SettingsError, r"--depth: .* is 40x72, the source 400x400; give depths with the same"),
        ({"depth": "EXR", "strength": "depth"}, SettingsError, "contains distances; say with --near and --far"),
        ({"strength": "depth"}, SettingsError, "--strength: depends on depth, but none is known"),
        ({"dolly": "depth", "depth": "tunnel"}, SettingsError, "--dolly: depth varies from pixel to pixel, which only"),
        ({"yaw": 2000}, SettingsError, "--yaw: 2000 degrees per second turn the camera by more than 45 .* 1080"),
        ({"pitch": "3000*t"}, SettingsError, r"--pitch: at 0\.\d+ s .* degrees per second turn the camera"),
        ({"camera_rate": 25}, SettingsError, "are for a file; give it with --camera"),
        ({"camera": "nowhere.chan"}, SettingsError, "nowhere.chan: no such camera"),
        ({"depth": "tunnel", "strength": "1/depth"}, SettingsError, "--strength: .*divides by zero"),
    ],
    ids=str,
)
def test_a_camera_that_cannot_be_is_one_line_and_leaves_nothing(
    tmp_path: Path, values: dict[str, Any], error: type[DreamvidError], message: str
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    cv2.imwrite(str(files / "narrow.png"), np.zeros((72, 40), np.uint8))
    write_distances(files / "z.exr", np.full(SIZE, 1.0, np.float32))
    named = {"PICTURE": depth_picture(files / "a.png"), "NARROW": files / "narrow.png", "EXR": files / "z.exr"}
    values = {key: str(named.get(value, value)) if key == "depth" else value for key, value in values.items()}
    with pytest.raises(error, match=message):
        render(tmp_path / "x.mkv", **values)
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
