"""Strength: the same contrast with every network, layer and look, found once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dreamvid.dream import DreamCore, Look, Shared, Target, level
from dreamvid.dream.calibration import NOMINAL_CONTRAST, calibration_key, find_step
from dreamvid.dream.color import contrast
from dreamvid.dream.noise import pink_noise
from dreamvid.models import load_network
from dreamvid.runtime.calibration_cache import MeasuredLooks


@pytest.mark.parametrize(
    "contrast_at", [lambda step: 0.01 * step, lambda step: 0.2 * step**0.6, lambda step: 0.3 * step / (1 + step)]
)
def test_the_step_is_found(contrast_at: Callable[[float], float]) -> None:
    assert contrast_at(find_step(contrast_at)) == pytest.approx(NOMINAL_CONTRAST, rel=0.04)


def test_where_there_is_nothing_to_climb_the_search_ends() -> None:
    tried: list[float] = []
    assert find_step(lambda step: tried.append(step) or 0.0) == 1.0  # type: ignore[func-returns-value]
    assert find_step(lambda step: 1e-9 * step) == 30.0
    assert len(tried) == 1


@pytest.mark.slow
def test_layers_and_looks_come_out_alike() -> None:
    network = load_network("dreamnet")
    picture = pink_noise((128, 160), seed=3)
    found = []
    for layer, look in (("conv2", Look()), ("inception4d", Look(spectrum=1.0)), ("inception5b", Look(jitter=0))):
        plain = Look((Target(),), 2, look.octave_scale, None, (6, 2), None, jitter=look.jitter, spectrum=look.spectrum)
        dreamer = DreamCore(network.extractor([layer]), plain)
        found.append(float(contrast(dreamer.dream(picture) - picture)))
    assert max(found) < 1.15 * NOMINAL_CONTRAST
    assert min(found) > 0.85 * NOMINAL_CONTRAST


def test_what_was_measured_is_kept_for_the_next_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = load_network("dreamnet").extractor(["conv2"])
    look = Look((Target(),), octaves=1, iterations=(2,), step=None)
    step = DreamCore(extractor, look, shared=Shared(measured=MeasuredLooks(tmp_path / "kept"))).step
    monkeypatch.setattr(DreamCore, "_calibration_contrast", lambda *_: pytest.fail("measured again"))
    assert DreamCore(extractor, look, shared=Shared(measured=MeasuredLooks(tmp_path / "kept"))).step == step
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text("nonsense")
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        _ = DreamCore(extractor, look, shared=Shared(measured=MeasuredLooks(tmp_path / "kept"))).step


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    looks = MeasuredLooks(tmp_path / "file" / "folder")
    looks["a"] = 2.0
    assert looks["a"] == 2.0
    with pytest.raises(KeyError):
        _ = MeasuredLooks(tmp_path / "file" / "folder")["a"]


def test_the_key_tells_networks_and_looks_apart_but_not_lengths_of_steps() -> None:
    one, other = (load_network("dreamnet").extractor([layer]) for layer in ("conv2", "conv3"))
    look = Look((Target(),), step=None)
    softer = Look((Target(),), step=None, spectrum=1)
    keys = {calibration_key(one, look), calibration_key(other, look), calibration_key(one, softer)}
    assert len(keys) == 3
    assert calibration_key(one, Look((Target(),), step=2.0)) == calibration_key(one, look)
    with torch.no_grad():
        next(iter(one.state_dict().values())).add_(1e-3)
    assert calibration_key(one, look) not in keys


def test_leveling_counts_what_is_seen() -> None:
    picture = torch.full((1, 3, 16, 16), 0.98)
    residual = torch.full_like(picture, 0.05)
    residual[..., 1::2] = -0.05
    seen = ((0.02**2 + 0.05**2) / 2) ** 0.5  # there is no room for more than 0.02 above
    leveled = level(residual, picture, 2 * seen, most=10)
    assert torch.allclose(leveled, 2 * residual, atol=1e-5)
    assert torch.equal(level(residual, picture, None, most=10), residual)
    assert torch.allclose(level(residual, picture, 0.9, most=1.5), 1.5 * residual)
