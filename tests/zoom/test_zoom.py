from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamvid.config.settings import ZoomSettings, build_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.dream.noise import pink_noise
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import open_reader, open_writer
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.side_input import SideInput
from dreamvid.runtime.events import FrameDone, Notice, Started
from dreamvid.zoom.camera import camera_motion, move
from dreamvid.zoom.job import ZoomJob, render_zoom, zoom_output
from dreamvid.zoom.tone import Tone, keep_tone
from dreamvid.zoom.zoom import Zoom, frame_count
from tests.tiny import TinyExtractor

PICTURE = pink_noise((72, 96), seed=3)
Film = npt.NDArray[np.float32]


def zoom(picture: Tensor = PICTURE, extractor: TinyExtractor | None = None, **values: Any) -> Film:
    settings = build_settings(ZoomSettings, {"duration": 1, "warm_iterations": (2, 1), "zoom": 1.5}, values)
    step = 1.5 if settings.step is None else settings.step
    look = Look(octaves=2, jitter=4, spectrum=0.7, step=step, iterations=(4,))
    clock = Clock(settings.fps, frame_count(settings))
    planner = Planner(DreamCore(extractor or TinyExtractor(), look), settings, clock, governed=False)
    pairs = list(Zoom(picture, planner, Tone.of(picture)).dream())
    frames = [frame for frame, _ in pairs if frame is not None]
    assert [event.frame for _, event in pairs if isinstance(event, FrameDone)] == list(range(frame_count(settings)))
    return np.stack(frames)


def psnr(a: Film, b: Film) -> float:
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2) + 1e-20))


def to_film(pictures: Sequence[Tensor]) -> Film:
    return np.stack([picture[0].permute(1, 2, 0).numpy() for picture in pictures])


def test_without_dreaming_each_frame_is_one_exact_motion_of_the_first() -> None:
    camera = {"zoom": 1.6, "rotate": 25.0, "pan_x": 0.1, "center_y": 0.4}
    frames = zoom(warm_iterations=0, duration=2, **camera)
    settings = build_settings(ZoomSettings, camera)
    times = [Fraction(index, 24) for index in range(48)]
    motions = [camera_motion(lambda _: settings, (72, 96), Fraction(0), time, steady=True) for time in times]
    expected = to_film([move(PICTURE, motion).clamp(0, 1) for motion in motions])
    assert min(psnr(a, b) for a, b in zip(frames, expected, strict=True)) > 80


def test_the_film_is_the_same_at_24_and_48_frames_a_second() -> None:
    slow, fast = zoom(fps=24), zoom(fps=48)
    assert len(fast) == 2 * len(slow)
    assert psnr(fast[::2], slow) > 80
    assert psnr(slow, np.stack([slow[0]] * 24)) < 30  # and it is no still


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_at_other_rates_as_much_is_dreamed(fps: int) -> None:
    """Without moving, the dream of a second has come about as far from its beginning."""
    start = to_film([PICTURE])[0]
    far = [float(np.abs(zoom(fps=rate, zoom=1)[-1] - start).mean()) for rate in (24, fps)]
    assert far[1] == pytest.approx(far[0], rel=0.25)


def test_frames_between_dreams_are_exact_motions_of_the_last() -> None:
    frames = zoom(every=4)
    settings = build_settings(ZoomSettings, {"zoom": 1.5})
    dreamed = torch.from_numpy(frames[8]).permute(2, 0, 1)[None]
    for ahead in (1, 3):
        motion = camera_motion(lambda _: settings, (72, 96), Fraction(0), Fraction(ahead, 24), steady=True)
        assert psnr(frames[8 + ahead], to_film([move(dreamed, motion).clamp(0, 1)])[0]) > 80


def test_every_frame_is_dreamed_or_each_nth() -> None:
    calls = []
    for every in (1, 4):
        extractor = TinyExtractor()
        zoom(extractor=extractor, every=every)
        calls.append(extractor.calls)
    assert calls == [24 * 3, 6 * 3]


def test_the_seam_of_a_loop_is_a_step_like_any_other() -> None:
    frames = zoom(loop=True, duration=2)
    assert len(frames) == 48
    steps = [float(np.abs(a - b).mean()) for a, b in pairwise(frames)]
    seam = float(np.abs(frames[-1] - frames[0]).mean())
    assert seam < 1.2 * max(steps)
    open_ended = zoom(duration=2)
    assert float(np.abs(open_ended[-1] - open_ended[0]).mean()) > 2 * seam


def test_a_loops_end_turns_gently() -> None:
    frames = zoom(loop=True, duration=8)
    steps = np.array([np.abs(a - b).mean() for a, b in pairwise(frames)])
    assert steps[-48:].max() < 2.5 * np.median(steps)


def test_a_loops_end_grows_into_its_beginning_and_is_not_only_faded() -> None:
    """What is fed back has turned, too: by more than half when three quarters of the join are over."""
    settings = build_settings(ZoomSettings, {"duration": 4, "warm_iterations": (2, 1), "zoom": 1.2, "loop": True})
    look = Look(octaves=2, jitter=4, spectrum=0.7, iterations=(4,))
    planner = Planner(DreamCore(TinyExtractor(), look), settings, Clock(settings.fps, 96), governed=False)
    state = Zoom(PICTURE, planner, Tone.of(PICTURE))
    distances = {}
    for _, event in state.dream():
        if isinstance(event, FrameDone) and event.frame in (71, 89):  # the join is 24 frames long
            goal = state._before_first[max(0, event.frame - 72)].float()
            distances[event.frame] = float((state._picture - goal).abs().mean())
    assert distances[89] < 0.5 * distances[71]


def high_share(frame: Film) -> float:
    """The share of the picture's variance that is finer than a quarter of the sampling rate."""
    spectrum = np.abs(np.fft.rfft2(frame.mean(2) - frame.mean())) ** 2
    fy, fx = np.fft.fftfreq(frame.shape[0])[:, None], np.fft.rfftfreq(frame.shape[1])[None]
    return float(spectrum[np.hypot(fy, fx) > 0.25].sum() / spectrum.sum())


def test_nothing_drifts_over_hundreds_of_frames() -> None:
    frames = zoom(duration=15, zoom=1.3)
    late = frames[100:]
    assert float(np.abs(late.mean((1, 2)) - frames[0].mean((0, 1))).max()) < 0.03
    assert float(np.abs(late.std((1, 2)) / frames[0].std((0, 1)) - 1).max()) < 0.25
    assert float(late[-60:].std()) == pytest.approx(float(late[:60].std()), rel=0.05)
    shares = np.array([high_share(frame) for frame in late])
    assert shares[-60:].mean() == pytest.approx(shares[:60].mean(), rel=0.35)
    assert float((late == 0).mean() + (late == 1).mean()) < 0.05


def test_settling_comes_before_the_first_frame() -> None:
    late, settled = zoom(duration=2, zoom=1), zoom(duration=1, zoom=1, settle=1)
    assert psnr(settled, late[24:]) > 60


def test_strength_and_its_schedule_drive_the_dream() -> None:
    still = to_film([PICTURE])[0]
    assert psnr(zoom(zoom=1, strength=0)[-1], still) > 60
    switched = zoom(zoom=1, strength="0 if t < 0.5 else 1")
    assert psnr(switched[11], still) > 60
    assert psnr(switched[-1], still) < 35


def test_the_camera_may_change_over_time() -> None:
    frames = zoom(zoom="0:(1), 12:(1)step, 12.0s:(4)", rotate="0 if t < 0.5 else 90", warm_iterations=0)
    still = to_film([PICTURE])[0]
    assert psnr(frames[11], still) > 80
    assert psnr(frames[20], still) < 30


def test_keep_tone_brings_mean_and_contrast_back_and_does_nothing_without_need() -> None:
    tone = Tone.of(PICTURE)
    assert torch.allclose(keep_tone(PICTURE, tone, 1.0), PICTURE, atol=1e-6)
    burnt = (PICTURE * 0.5 + 0.4).clamp(0, 1)
    mended = keep_tone(burnt, tone, 10.0)
    assert torch.allclose(mended, PICTURE, atol=1e-3)
    little = keep_tone(burnt, tone, 1 / 24)
    assert float(burnt.mean()) > float(little.mean()) > float(mended.mean())
    assert float(burnt.std()) < float(little.std()) < 0.8 * float(mended.std())


def film_of_grays(path: Path, levels: Sequence[int]) -> Path:
    with open_writer(path, width=64, height=48, rate=Fraction(24), codec="ffv1") as writer:
        for level in levels:
            writer.write(np.full((48, 64, 3), level / 255, np.float32))
    return path


def test_a_film_is_fed_into_the_dream_frame_by_frame(tmp_path: Path) -> None:
    path = film_of_grays(tmp_path / "film.mkv", [60] * 12 + [180] * 12)
    settings = build_settings(ZoomSettings, {"duration": 1, "warm_iterations": 0, "feed": 0.5, "zoom": 1})
    with SideInput(path, loop=True) as source:
        picture = torch.full((1, 3, 48, 64), 60 / 255)
        core = DreamCore(TinyExtractor(), Look(octaves=1))
        planner = Planner(core, settings, Clock(settings.fps, 24), governed=False)
        state = Zoom(picture, planner, Tone.of(picture), source=source)
        levels = [round(float(state.show(index).mean()) * 255) for index in range(24)]
    assert levels[:12] == [60] * 12
    assert levels[12] == 120
    assert levels[13] == 150
    assert levels[-1] == 180


QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1,
    "duration": "1/3", "codec": "ffv1", "precision": "fp32", "sidecar": False,
}  # fmt: skip


def render(source: Path, target: Path, **values: Any) -> Film:
    list(render_zoom(ZoomJob(source, target, build_settings(ZoomSettings, QUICK, values))))
    with open_reader(target) as reader:
        assert reader.rate == Fraction(values.get("fps", 24))
        return np.stack(list(reader))


SAMPLES = Path(__file__).parents[2] / "samples"


def test_noise_a_picture_and_a_film_can_be_flown_into(tmp_path: Path) -> None:
    noise = render(Path("noise"), tmp_path / "noise.mkv", size="96x64")
    assert noise.shape == (8, 64, 96, 3)
    picture = render(SAMPLES / "portrait.jpg", tmp_path / "face.mkv", max_size=96, fps=30)
    assert picture.shape == (10, 96, 96, 3)
    film = render(SAMPLES / "journey.mp4", tmp_path / "film.mkv", max_size=96)
    assert film.shape == (8, 54, 96, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_transparency_is_left_out_with_a_line(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (96, 64), (90, 120, 60, 128)[: len(mode)]).save(tmp_path / "in.png")
    settings = build_settings(ZoomSettings, QUICK, {"duration": 0.1})
    events = list(render_zoom(ZoomJob(tmp_path / "in.png", tmp_path / "out.mkv", settings)))
    said = [event.text for event in events if isinstance(event, Notice)]
    assert any("its transparency is left out" in text for text in said) == (mode == "RGBA")


@pytest.mark.parametrize("values", [{}, {"loop": True}, {"every": 3}], ids=str)
def test_a_zoom_goes_on_where_it_was_stopped(tmp_path: Path, values: dict[str, Any]) -> None:
    whole = render(SAMPLES / "portrait.jpg", tmp_path / "whole.mkv", max_size=96, duration=1, **values)
    settings = build_settings(ZoomSettings, QUICK, {"max_size": 96, "duration": 1, "save_every": 0}, values)
    job = ZoomJob(SAMPLES / "portrait.jpg", tmp_path / "broken.mkv", settings)
    events = render_zoom(job)
    for event in events:
        if isinstance(event, FrameDone) and event.frame == 13:
            break
    events.close()
    again = list(render_zoom(job))
    (started,) = [event for event in again if isinstance(event, Started)]
    assert started.resumed >= 8
    dreamed = [event.frame for event in again if isinstance(event, FrameDone)]
    assert dreamed == list(range(started.resumed, 24))
    with open_reader(tmp_path / "broken.mkv") as reader:
        assert np.array_equal(np.stack(list(reader)), whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mkv", "whole.mkv"]


def test_where_a_zoom_goes() -> None:
    assert zoom_output(Path("noise")) == Path("noise.zoom.mp4")
    assert zoom_output(Path("a/face.jpg")) == Path("a/face.zoom.mp4")
    assert zoom_output(Path("a/clip.dream.mov")) == Path("a/clip.dream.zoom.mp4")


def test_bad_input_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    for source, values, error, message in (
        (Path("nowhere.jpg"), {}, MediaError, r"nowhere.jpg"),
        (Path("noise"), {"rotate": "bass"}, SettingsError, r"--rotate: follows the sound \(bass\).*--react SONG"),
        (Path("noise"), {"zoom": "1/t"}, SettingsError, r"--zoom: at 0 s .*divides by zero"),
    ):
        with pytest.raises(error, match=message):
            render(source, tmp_path / "x.mkv", **values)
    assert list(tmp_path.iterdir()) == []


def test_a_zoom_into_numbered_pictures(tmp_path: Path) -> None:
    whole = render(SAMPLES / "portrait.jpg", tmp_path / "whole.mkv", max_size=64)
    settings = build_settings(ZoomSettings, QUICK, {"max_size": 64, "first_frame": 100})
    list(render_zoom(ZoomJob(SAMPLES / "portrait.jpg", tmp_path / "frames" / "%03d.png", settings)))
    assert (tmp_path / "frames" / "100.png").exists()
    with open_reader(tmp_path / "frames" / "%03d.png") as reader:
        assert np.array_equal(np.stack(list(reader)), whole)


def test_a_zoom_begins_with_the_dream_of_a_still(tmp_path: Path) -> None:
    look = {"model": "dreamnet", "layer": "conv2", "octaves": 1, "iterations": 4, "duration": "0.04", "size": "96x96"}
    frames = []
    for strength in (0, 1):
        settings = build_settings(ZoomSettings, look, {"strength": strength, "warm_iterations": 0, "codec": "ffv1"})
        target = tmp_path / f"{strength}.mkv"
        list(render_zoom(ZoomJob(SAMPLES / "portrait.jpg", target, settings)))
        with open_reader(target) as reader:
            frames.append(next(reader))
    added = (frames[1] - frames[0]) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    assert float(np.sqrt(np.square(added).mean())) == pytest.approx(25 / 255, rel=0.1)
