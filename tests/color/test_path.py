"""The rule by which a dream comes back into light."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dreamvid.color.hdr import HdrPath
from dreamvid.color.path import SCENE_PEAK, UNCHANGED, WorkingCurve, screen_light
from dreamvid.color.primaries import PRIMARIES
from dreamvid.color.transfer import HLG, PQ, Linear, Transfer
from tests.color.scenes import Light, scene


def path(source: Transfer | None = None, target: Transfer | None = None, **options: Any) -> HdrPath:
    source = source or Linear()
    primaries = PRIMARIES[source.primaries]
    return HdrPath(source, target or source, primaries, primaries, tags=None, scene=None, **options)


def dreamed(light: Light, residual: float | Light, way: HdrPath | None = None) -> Light:
    """What comes of light, (H, W, 3), when a residual is added to its rendition."""
    way = way or path()
    frame = way.expose(light)
    frame[..., :3] = np.clip(frame[..., :3] + residual, 0, 1)
    return way.develop(frame)


def gray(*light: float) -> Light:
    return np.repeat(np.array([light], np.float32)[..., None], 3, axis=2)


def test_the_rendition_is_a_screens_up_to_middle_gray_and_bounded_above() -> None:
    curve = WorkingCurve(SCENE_PEAK)
    light = torch.cat([torch.linspace(0, 0.2, 50), torch.logspace(-1, 3, 200)])
    work = curve.to_work(light)
    assert float(work.min()) == 0
    assert float(work.max()) == 1
    assert torch.allclose(screen_light(work[:50]), light[:50], atol=1e-6)
    assert float(curve.to_work(torch.tensor(1.0))) == pytest.approx(0.75, abs=0.02)
    rising = curve.to_work(torch.logspace(-3, np.log10(SCENE_PEAK), 400)).diff()
    assert bool((rising > 0).all())
    assert float(curve.to_work(torch.tensor(-1.0))) == 0


def test_without_a_residual_light_stays_bit_for_bit() -> None:
    light = scene()
    assert np.array_equal(dreamed(light, 0.0), light)
    assert np.array_equal(dreamed(light, UNCHANGED / 2), light)


def test_alpha_goes_along() -> None:
    light = np.concatenate([scene(), np.full((48, 64, 1), 0.25, np.float32)], axis=-1)
    way = path()
    frame = way.expose(light)
    assert frame.shape == (48, 64, 7)
    assert np.array_equal(way.develop(frame), light)


def test_where_the_rendition_is_the_screens_own_light_is_the_dreams() -> None:
    light = gray(0.0, 0.01, 0.1, 0.2)
    shown = path().expose(light)[..., :3]
    wanted = screen_light(torch.from_numpy(shown + np.float32(0.1))).numpy()
    assert np.allclose(dreamed(light, 0.1), wanted, rtol=1e-3, atol=1e-5)


def test_highlights_change_in_the_proportion_that_is_seen() -> None:
    light = gray(1.0, 4.0, 20.0, 60.0, 200.0)
    shown = path().expose(light)[..., :3]
    after = screen_light(torch.from_numpy(shown - np.float32(0.1))).numpy()
    before = screen_light(torch.from_numpy(shown)).numpy()
    assert np.allclose(dreamed(light, -0.1) / light, after / before, rtol=0.01)
    assert (dreamed(light, -0.4) > light / 10).all()  # no black holes


def test_no_fireflies() -> None:
    light = np.abs(scene(3))
    random = np.random.default_rng(1)
    for size in (0.1, 0.5, 1.0):
        made = dreamed(light, random.uniform(-size, size, light.shape).astype(np.float32))
        assert np.isfinite(made).all()
        assert (made >= 0).all()
        assert (made.max(-1) <= 2 * np.maximum(1, light.max(-1))).all()


def test_light_gets_no_more_negative_than_it_was() -> None:
    light = scene(4)
    made = dreamed(light, np.random.default_rng(2).uniform(-1, 1, light.shape).astype(np.float32))
    assert (made >= np.minimum(light, 0)).all()
    assert np.isfinite(dreamed(np.full((2, 2, 3), 65504, np.float32), 0.5)).all()


def test_the_result_is_continuous() -> None:
    light = gray(*np.geomspace(0.01, 100, 2000).tolist())
    for residual in (-0.2, 0.2):
        steps = np.diff(np.log(dreamed(light, residual)[0, :, 0] + 0.01))
        assert np.abs(steps).max() < 0.05


@pytest.mark.parametrize("transfer", [PQ(), HLG()], ids=["pq", "hlg"])
def test_codes_stay_and_dreams_stay_in_range(transfer: Transfer) -> None:
    codes = np.random.default_rng(5).uniform(0, 1, (16, 16, 3)).astype(np.float32)
    way = path(transfer)
    assert np.array_equal(dreamed(codes, 0.0, way), codes)
    made = dreamed(codes, 0.3, way)
    assert 0 <= made.min() <= made.max() <= 1
    assert np.abs(made - codes).mean() > 0.01


def test_a_dream_is_no_brighter_than_the_screen_that_pq_was_made_on() -> None:
    nits = 600.0
    codes = PQ().encode(torch.linspace(0.5, nits / 203, 64)[None, :, None].repeat(1, 1, 3)).numpy()
    made = dreamed(codes, 0.25, path(PQ(), brightest_nits=nits))
    assert float(PQ().decode(torch.from_numpy(made)).max()) * 203 <= nits * 1.001
    assert float(PQ().decode(torch.from_numpy(dreamed(codes, 0.25, path(PQ())))).max()) * 203 > nits * 1.05


def test_from_pq_to_hlg_and_back_is_where_it_began() -> None:
    codes = np.linspace(0.05, 0.74, 256, dtype=np.float32)[None, :, None].repeat(3, axis=2)  # up to 900 cd/m²
    to_hlg, to_pq = path(PQ(), HLG()), path(HLG(), PQ())
    again = to_pq.develop(to_pq.expose(to_hlg.develop(to_hlg.expose(codes))))
    assert np.abs(again - codes).max() < 1 / 1023


def _saturation(light: Tensor) -> Tensor:
    return 1 - light.amin(-1) / light.amax(-1)


def test_an_orange_lamp_stays_orange() -> None:
    lamp = np.tile(np.array([20, 8, 2], np.float32), (8, 8, 1))
    made = dreamed(lamp, -0.1)
    before, after = _saturation(torch.from_numpy(lamp)), _saturation(torch.from_numpy(made))
    assert float((after - before).abs().max()) < 0.05
