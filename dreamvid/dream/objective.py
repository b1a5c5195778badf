"""What a dream climbs towards: the direction of ascent, stated at the network's own layer."""

from __future__ import annotations

from torch import Tensor

_TINY = 1e-12


def spread_energy(activation: Tensor, spread: float) -> Tensor:
    """The ascent direction at a layer, (N, C, H, W) like `activation`.

    It is the gradient of  L = sum_c ||F_c||^(2 - spread)  up to factors, where F_c is channel c over the whole
    picture. `spread` 0 is the classic ½||F||², whose gradient is the activation itself: whichever channel
    is strong grows strongest, until one of them has covered the picture. At 1 each channel counts by its norm, at 2 by
    the norm's logarithm: those that are weak here catch up, and the picture fills with different things.
    """
    seed = activation.detach()
    if spread == 0:
        return seed
    energy = seed.square().mean(dim=(2, 3), keepdim=True)
    floor = energy.mean(dim=1, keepdim=True) * 1e-3 + _TINY  # a dead channel must not be blown up
    return seed * (energy + floor).pow(-spread / 2)
