"""The color prior: brightness stays, what photographs seldom show is held back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dreamvid.dream import DreamCore, Look, Target
from dreamvid.dream.color import color_matrix, color_prior, contrast, luma, weigh_colors
from dreamvid.models import load_network


def test_no_power_leaves_colors_alone() -> None:
    gradient = torch.randn(1, 3, 8, 8)
    assert color_prior(0) is None
    assert weigh_colors(gradient, None) is gradient


@pytest.mark.parametrize("power", [0.3, 0.6, 1.0])
def test_the_prior_is_a_power_of_the_covariance_of_colors(power: float) -> None:
    prior = color_prior(power)
    assert prior is not None
    covariance = (color_matrix() @ color_matrix().T).double().numpy()
    values, axes = np.linalg.eigh(covariance)
    expected = axes @ np.diag(values**power) @ axes.T
    np.testing.assert_allclose(prior.numpy(), expected, atol=1e-5)
    gray, red = torch.ones(1, 3, 1, 1), torch.tensor([1.0, 0, -1]).view(1, 3, 1, 1)
    kept, held = (float(weigh_colors(axis, prior).norm() / axis.norm()) for axis in (gray, red))
    assert held < kept * 0.33 ** (2 * power) * 1.05


def test_a_dream_with_the_prior_has_less_color_and_as_much_contrast() -> None:
    extractor = load_network("dreamnet").extractor(["inception3b"])
    picture = torch.full((1, 3, 96, 96), 0.5)

    def chroma(power: float) -> float:
        look = Look((Target(),), octaves=1, iterations=(6,), color_prior=power)
        residual = DreamCore(extractor, look).dream(picture) - picture
        return float((residual - luma(residual)).square().mean().sqrt() / contrast(residual))

    assert chroma(0.6) < 0.6 * chroma(0.0)
