"""What may change over time is checked at all times, before the first frame is dreamed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import Settings, ZoomSettings, build_settings, make_settings
from dreamvid.errors import SettingsError
from dreamvid.media import open_writer
from dreamvid.render import Event, FrameDone, Job, render_job
from dreamvid.render.plan import Clock
from dreamvid.render.preparation import check_over_time
from dreamvid.zoom.job import NOISE, ZoomJob, render_zoom
from dreamvid.zoom.scene import check_camera

QUICK: dict[str, Any] = {
    "model": "dreamnet", "octaves": 1, "iterations": 1, "warm_iterations": 1, "precision": "fp32", "cuts": "none",
    "flow": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with open_writer(path, width=96, height=72, rate=Fraction(24), codec="ffv1") as writer:
        for _ in range(24):
            writer.write(np.full((72, 96, 3), 0.5, np.float32))
    return path


def refused(events: Iterable[Event]) -> str:
    """The reason why a render is refused, before it has dreamed anything."""
    dreamed = []
    with pytest.raises(SettingsError) as caught:
        dreamed += [event for event in events if isinstance(event, FrameDone)]
    assert not dreamed
    return str(caught.value)


def dreamed(events: Iterable[Event]) -> int:
    return sum(isinstance(event, FrameDone) for event in events)


@pytest.mark.parametrize(
    "values",
    [
        {"octaves": "0:(1), 20:(30)"},
        {"octaves": "0:(30), 20:(1)"},
        {"octaves": "1 + 30*(f > 22)"},
        {"octaves": 4, "octave_scale": "0:(1.1)step, 20:(4)"},
        {"octaves": "0:(1), 20:(30)", "layer": "0s:(conv1), 1s:(inception3a)"},
    ],
)
def test_octaves_that_become_too_many(film: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    said = refused(render_job(Job(film, tmp_path / "out.mkv", make_settings(QUICK, {"codec": "ffv1"}, values))))
    assert said.startswith("at ")
    assert "96x72 is too small: its coarsest octave is" in said
    assert not (tmp_path / "out.mkv").exists()


def test_only_what_is_rendered_counts(film: Path, tmp_path: Path) -> None:
    settings = make_settings(QUICK, {"codec": "ffv1", "octaves": "0:(1)step, 12:(30)", "frames": 2})
    assert dreamed(render_job(Job(film, tmp_path / "out.mkv", settings))) == 2
    settings = make_settings(QUICK, {"codec": "ffv1", "octaves": "0:(30)step, 12:(1)", "start": 0.5, "frames": 2})
    assert dreamed(render_job(Job(film, tmp_path / "late.mkv", settings))) == 2


def test_a_zoom_is_checked_at_all_times_too(tmp_path: Path) -> None:
    quick = {name: value for name, value in QUICK.items() if name in ZoomSettings.model_fields}
    settings = build_settings(ZoomSettings, quick, {"octaves": "0:(1), 6:(30)", "size": "96x72", "duration": 0.5})
    assert "coarsest octave" in refused(render_zoom(ZoomJob(NOISE, tmp_path / "out.mp4", settings)))


def test_a_camera_is_looked_at_between_the_frames() -> None:
    settings = build_settings(ZoomSettings, {"rotate": "0.001/(t - 9.5/240)", "duration": 1})
    with pytest.raises(SettingsError, match=r"^--rotate: at 0\.0395833 s .* divides by zero"):
        check_camera(settings, Clock(settings.fps, 24))
    later = settings.model_copy(update={"duration": Fraction(1, 30)})
    check_camera(later, Clock(settings.fps, 1))
    check_camera(build_settings(ZoomSettings, {"zoom": "0:(1), 5:(2)", "duration": 10**4}), Clock(settings.fps, 1))


def test_every_value_is_looked_at_once() -> None:
    seen: list[int] = []

    def check(now: Settings) -> None:
        seen.append(now.octaves)
        if now.octaves == 5:
            raise SettingsError("five")

    clock = Clock(Fraction(24), 48)
    check_over_time(make_settings({"octaves": 3}), clock, range(48), check)
    assert seen == [3]
    seen.clear()
    check_over_time(make_settings({"octaves": "1 + f % 4"}), clock, range(48), check)
    assert seen == [1, 2, 3, 4]
    with pytest.raises(SettingsError, match=r"^at 1\.5 s \(frame 36\): five$"):
        check_over_time(make_settings({"octaves": "where(f == 36, 5, 2)"}), clock, range(48), check)
    with contextlib.suppress(SettingsError):
        check_over_time(make_settings({"octaves": "where(f == 36, 5, 2)"}), clock, range(36), check)
    assert seen[-1] == 2
