"""Managed colors on a farm: the light of one process, and joints that keep what nothing was dreamed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dreamvid.config.settings import make_settings
from dreamvid.errors import SettingsError
from dreamvid.farm.driver import render_on_farm
from dreamvid.farm.messages import Task
from dreamvid.farm.rendering import Renderer
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import WorkerPool
from dreamvid.render import Job, render_job
from tests.color.scenes import QUICK, Light, light_of, scene, write_sequence

OCIO = {"ocio": "builtin", "cuts": "none"}


def lights(pattern: Path) -> list[Light]:
    return [light_of(path) for path in sorted(pattern.parent.glob("*.exr"))]


@pytest.mark.slow
def test_a_sequence_of_light_is_that_of_one_process(pool: WorkerPool, tmp_path: Path) -> None:
    source = write_sequence(tmp_path / "in", 4)
    settings = make_settings(QUICK, OCIO)
    alone, together = tmp_path / "alone" / "%04d.exr", tmp_path / "together" / "%04d.exr"
    list(render_job(Job(source, alone, settings)))
    list(render_on_farm(Job(source, together, settings), FarmSettings(chunk="none"), pool))
    made = lights(together)
    assert len(made) == 4
    assert all(np.array_equal(one, other) for one, other in zip(made, lights(alone), strict=True))
    assert not np.array_equal(made[1], scene(2))


@pytest.mark.slow
def test_joints_keep_light(pool: WorkerPool, tmp_path: Path) -> None:
    source = write_sequence(tmp_path / "in", 60)
    settings = make_settings(QUICK, OCIO, {"strength": 0})
    target = tmp_path / "out" / "%04d.exr"
    list(render_on_farm(Job(source, target, settings), FarmSettings(chunk=24, run_in=2, fade=4), pool))
    made = lights(target)
    assert len(made) == 60
    assert all(np.array_equal(light, scene(number)) for number, light in enumerate(made, 1))


def test_another_configuration_on_a_worker_is_refused(tmp_path: Path) -> None:
    from dreamvid.render.plan import Clock

    source = write_sequence(tmp_path / "in", 2)
    settings = make_settings(QUICK, OCIO)
    task = Task(settings, {}, Clock(24, 2), (64, 48), 0, False, ".exr", 1, {}, None, "", colors="0" * 16)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"^--ocio: the configuration is another one on this machine"):
        Renderer(task, settings, source, {})
