"""What a dream climbs towards: the direction of ascent, stated at the network's own layer."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

_TINY = 1e-12
_LARGEST_PRODUCT = 1 << 24  # correlations held at a time: 64 MiB of float32, whatever the sizes


@dataclass(frozen=True)
class Target:
    """What is climbed at one tap.

    Attributes:
        weight: how much this tap counts beside the others; negative: away from it.
        channels: the feature maps that count; None: all.
        linear: climb the responses themselves (a class's score) instead of their energy.
        reverse: descend.
    """

    weight: float = 1.0
    channels: tuple[int, ...] | None = None
    linear: bool = False
    reverse: bool = False


def ascent_direction(
    activation: Tensor,
    target: Target,
    *,
    spread: float = 0.0,
    guide: Tensor | None = None,
    energy: Tensor | None = None,
) -> Tensor:
    """Return the direction of ascent at a tap, shaped like `activation`: (N, C, h, w), or (N, C) for scores.

    Where `activation` is only a part of the picture's, `energy` is the `channel_energy` of all of it.

    With F the activation, over the chosen channels:
    - plain: the gradient of  sum_c ||F_c||^(2 - spread)  up to a factor, see `spread_channels`;
    - guided, Y the guide's columns (C, M): at each position the column with the largest dot product, then spread;
    - linear: the gradient of the sum of F, which is 1;
    - reversed: the negative of these; plain, that of  sum F |F|,  so that responses before a ReLU are not only
      brought to zero but driven on, below it. After a ReLU this is the plain descent.

    Guides act on taps with positions only. Mordvintsev, Olah & Tyka 2015 for the plain and the guided dream.
    """
    wanted = _wanted(activation.detach(), target, guide)
    if not target.linear:
        wanted = spread_channels(wanted, spread, energy)
    if target.reverse:
        wanted = -wanted
    if target.channels is None:
        return wanted
    return torch.zeros_like(activation).index_copy(1, _numbers(target.channels, activation.device), wanted)


def attainment(activation: Tensor, target: Target, *, guide: Tensor | None = None) -> float:
    """Return how far the responses go where the ascent leads: their mean along its direction, scaled to an RMS of 1.

    Without spread, over the chosen channels: for the plain objective this is the RMS of the activation, for a guide the
    mean dot product with the best columns, for a class its score; what is reversed gives the negative. It rises as
    the dream climbs, and compares frames of one film, not layers.
    """
    direction = ascent_direction(activation, target, guide=guide)
    features = activation.detach()
    if target.channels is not None:
        chosen = _numbers(target.channels, activation.device)
        features, direction = features.index_select(1, chosen), direction.index_select(1, chosen)
    return float((features * direction).mean() / direction.square().mean().sqrt().clamp_min(_TINY))


def channel_energy(activation: Tensor, target: Target, guide: Tensor | None = None) -> Tensor:
    """Return the mean square of what is wanted at a tap, (N, chosen channels), which `spread_channels` weighs by."""
    return _energy(_wanted(activation.detach(), target, guide))


def _wanted(activation: Tensor, target: Target, guide: Tensor | None) -> Tensor:
    """The direction over the chosen channels, before they are spread and perhaps reversed."""
    chosen = None if target.channels is None else _numbers(target.channels, activation.device)
    features = activation if chosen is None else activation.index_select(1, chosen)
    if target.linear:
        return torch.ones_like(features)
    if guide is not None and features.ndim == 4:
        columns = guide if chosen is None else guide.index_select(0, chosen)
        return torch.stack([match_columns(picture, columns) for picture in features])
    return features.abs() if target.reverse else features


@functools.cache
def _numbers(channels: tuple[int, ...], device: torch.device) -> Tensor:
    """An index on the device, made once: a step that is recorded on a GPU can copy nothing from the host."""
    return torch.tensor(channels, device=device)


def _energy(features: Tensor) -> Tensor:
    return features.square().flatten(2).mean(2) if features.ndim > 2 else features.square()


def spread_channels(features: Tensor, spread: float, energy: Tensor | None = None) -> Tensor:
    """Weigh the channels of `features`, (N, C, ...), by their RMS to the power of -`spread`.

    Where `features` is the activation F this gives the gradient of  L = sum_c ||F_c||^(2 - spread)  up to factors,
    where F_c is channel c over the whole picture. `spread` 0 is the classic ½||F||², whose gradient is the activation
    itself: whichever channel is strong grows strongest, until one of them has covered the picture. At 1 each channel
    counts by its norm, at 2 by the norm's logarithm: those that are weak here catch up, and the picture fills with
    different things. `energy` (N, C) is the mean square of each channel where it is not that of `features`.
    """
    if spread == 0:
        return features
    energy = _energy(features) if energy is None else energy
    floor = energy.mean(dim=1, keepdim=True) * 1e-3 + _TINY  # a dead channel must not be blown up
    gain = (energy + floor).pow(-spread / 2)
    return features * gain.reshape(gain.shape + (1,) * (features.ndim - 2))


def match_columns(features: Tensor, columns: Tensor) -> Tensor:
    """At each position of `features` (C, h, w), the column of `columns` (C, M) with the largest dot product.

    Returns (C, h, w). The correlations are made in pieces: memory does not grow with h · w · M.
    """
    channels, height, width = features.shape
    positions = features.reshape(channels, -1)
    piece = max(1, _LARGEST_PRODUCT // columns.shape[1])
    best = torch.cat([(part.T @ columns).argmax(1) for part in torch.split(positions, piece, dim=1)])
    return columns[:, best].reshape(channels, height, width)
