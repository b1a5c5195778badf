"""The colors of photographs: along which axes they spread, how far, and what that says about a gradient."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Brightness, red against blue, magenta against green: the principal axes of the colors of photographs."""

_DEVIATIONS = (1.0, 0.33, 0.16)
"""How far colors spread along them. Measured on photographs, as the axes were, which lie within 3 degrees of these:
from the covariance of the RGB of two million pixels, of 10,000 small pictures of 126 kinds of things. Seven large
photographs gave 1, 0.45, 0.13."""

_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


def color_matrix() -> Tensor:
    """From independent colors of variance 1 to RGB with the correlations of photographs, mean variance 1; (3, 3)."""
    axes = torch.tensor(_AXES)
    axes = axes / axes.norm(dim=1, keepdim=True)
    deviations = torch.tensor(_DEVIATIONS)
    deviations = deviations / deviations.square().mean().sqrt()
    matrix: Tensor = (axes * deviations[:, None]).T
    return matrix


@functools.lru_cache(maxsize=64)
def color_prior(power: float, device: torch.device | str = "cpu") -> Tensor | None:
    """(C Cᵀ)^power with C the `color_matrix`, (3, 3); None for a power of 0, which leaves colors alone.

    C Cᵀ is the covariance of the colors of photographs. Multiplied by it, a gradient on RGB becomes the step that
    plain ascent takes in independent colors (Olah et al. 2017, "Feature Visualization", Distill): what pictures seldom
    show is held back. A power between 0 and 1 holds it back in part.
    """
    if power == 0:
        return None
    matrix = color_matrix().double()
    variances, axes = torch.linalg.eigh(matrix @ matrix.T)
    prior: Tensor = axes @ torch.diag(variances.clamp_min(1e-9) ** power) @ axes.T
    return prior.to(device, torch.float32)


def weigh_colors(gradient: Tensor, prior: Tensor | None) -> Tensor:
    """Multiply each pixel's gradient, (N, 3, H, W), by `color_prior`."""
    if prior is None:
        return gradient
    weighed: Tensor = torch.einsum("rc,nchw->nrhw", prior.to(gradient.dtype), gradient)
    return weighed


@functools.cache
def luma_weights(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The weights of red, green and blue in BT.709 luma, (1, 3, 1, 1).

    Made once: a step that is recorded on a GPU can copy nothing from the host.
    """
    return torch.tensor(_LUMA, device=device, dtype=dtype).view(1, 3, 1, 1)


def luma(picture: Tensor) -> Tensor:
    """The BT.709 luma of pictures or residuals, (N, 3, H, W) to (N, 1, H, W)."""
    return (picture * luma_weights(picture.device, picture.dtype)).sum(1, keepdim=True)


def contrast(residual: Tensor) -> Tensor:
    """The RMS of a residual's luma, in the residual's units; shape ().

    Luma is close to L*: of the residuals of dreams, in 8-bit levels, the two differ by a few percent.
    """
    return luma(residual).square().mean().sqrt()
