from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from dreamvid.dream.conditioning import blur, normalize_bands, spectral_gain, tilt_spectrum
from dreamvid.dream.pyramid import octave_sizes, resize

GRADIENT = torch.randn(1, 3, 60, 80, generator=torch.Generator().manual_seed(1))


def wave(cycles: int) -> torch.Tensor:
    x = torch.arange(80) / 80
    return torch.sin(2 * math.pi * cycles * x).repeat(1, 3, 60, 1)


def test_octaves_run_from_coarse_to_the_full_size() -> None:
    assert octave_sizes((360, 640), 4, 1.4) == [(131, 233), (184, 327), (257, 457), (360, 640)]
    assert octave_sizes((1, 1), 3, 2.0) == [(1, 1)] * 3


def test_resize_is_antialiased() -> None:
    checkers = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    shrunk = resize(checkers.float().expand(1, 1, 64, 64), (16, 16))
    assert float((shrunk[..., 2:-2, 2:-2] - 0.5).abs().max()) < 0.05


def test_no_tilt_is_the_identity() -> None:
    assert torch.equal(tilt_spectrum(GRADIENT, spectral_gain((60, 80), 0)), GRADIENT)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_tilt_is_a_power_law(power: float) -> None:
    gain = spectral_gain((60, 80), power)
    ratio = tilt_spectrum(wave(16), gain).std() / tilt_spectrum(wave(8), gain).std()
    assert float(ratio) == pytest.approx(0.5**power, rel=1e-3)


def test_the_tilt_leaves_no_tint() -> None:
    tilted = tilt_spectrum(GRADIENT + 5, spectral_gain((60, 80), 0.7))
    assert float(tilted.mean(dim=(2, 3)).abs().max()) < 1e-4


def test_bands_come_out_equally_strong() -> None:
    loud_fine = wave(20) * 100 + wave(2)
    before = float((loud_fine * wave(2)).mean() / (loud_fine * wave(20)).mean())
    normal = normalize_bands(loud_fine, 5)
    after = float((normal * wave(2)).mean() / (normal * wave(20)).mean())
    assert before == pytest.approx(0.01, rel=0.01)
    assert 0.3 < after < 3
    assert torch.equal(normalize_bands(GRADIENT, 0), GRADIENT)


def test_more_bands_than_the_picture_has_is_no_error() -> None:
    assert normalize_bands(GRADIENT, 16).shape == GRADIENT.shape


@pytest.mark.parametrize("sigma", [0.6, 2.0, 5.0])
def test_blur_is_a_gaussian_mirrored_at_the_borders(sigma: float) -> None:
    blurred = blur(GRADIENT, sigma)
    sigmas, radius = (0, 0, sigma, sigma), math.ceil(3 * sigma)
    expected = ndimage.gaussian_filter(GRADIENT.double().numpy(), sigmas, mode="mirror", radius=radius)
    assert np.allclose(blurred.numpy(), expected, atol=1e-5)


def test_no_blur_changes_nothing_and_a_large_one_fits_a_small_picture() -> None:
    assert torch.equal(blur(GRADIENT, 0), GRADIENT)
    flat = blur(GRADIENT[..., :9, :7], 100.0)
    assert float(flat.std((2, 3)).max()) < 0.5 * float(GRADIENT[..., :9, :7].std((2, 3)).min())
