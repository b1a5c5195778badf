"""The gradient on the picture: of the whole at once, or tile by tile with the same result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dreamvid.dream.objective import Target, ascent_direction, channel_energy
from dreamvid.dream.tiles import LARGEST_HALO, Grain, Tiling

_TINY = 1e-12


class Extractor(Protocol):
    """A network cut off at its taps; see `dreamvid.models.Extractor`."""

    taps: tuple[str, ...]
    minimum_side: int
    strides: tuple[int, ...]
    reach: tuple[int, int]
    pooled: tuple[bool, ...]

    def __call__(self, image: Tensor) -> list[Tensor]: ...

    def maps(self, image: Tensor) -> list[Tensor]: ...

    def from_map(self, tap: int, tap_map: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Objective:
    """What is climbed: a target and perhaps a guide, (C, M) columns, for each tap; and how far channels are spread."""

    targets: tuple[Target, ...]
    guides: tuple[Tensor | None, ...]
    spread: float = 0.0

    def direction(self, tap: int, activation: Tensor, energy: Tensor | None = None) -> Tensor:
        """The direction of ascent at a tap; see `ascent_direction`."""
        return ascent_direction(
            activation, self.targets[tap], spread=self.spread, guide=self.guides[tap], energy=energy
        )


def grain_of(extractor: Extractor) -> Grain:
    """What a network asks of tiles."""
    before, after = (min(side, LARGEST_HALO) for side in extractor.reach)
    return Grain(extractor.strides, before, after, extractor.minimum_side)


def image_gradient(
    extractor: Extractor, image: Tensor, objective: Objective, tiling: Tiling | None = None
) -> Tensor:
    """The weighted sum of every tap's gradient on `image`, each normalised first so that a weight means what it says.

    Args:
        extractor: the network.
        image: (N, 3, H, W) RGB in [0, 1].
        objective: what is climbed.
        tiling: of the image; None, or a single tile: the network sees it whole. Memory then grows with the largest
            tile; the whole image is held a few times only, and a small map of it where scores are climbed.

    Returns:
        (N, 3, H, W). Tiles change it by the rounding of sums, and where the network reaches beyond `LARGEST_HALO`.
    """
    climbed = [tap for tap, target in enumerate(objective.targets) if target.weight != 0]
    if tiling is None or len(tiling) == 1:
        gradients = _whole(extractor, image, objective, climbed)
    else:
        gradients = _tiled(extractor, image, objective, climbed, tiling)
    total: Tensor | None = None
    for tap, gradient in zip(climbed, gradients, strict=True):
        normal = gradient * (objective.targets[tap].weight / gradient.abs().mean().clamp_min(_TINY))
        total = normal if total is None else total + normal
    return torch.zeros_like(image) if total is None else total


def _whole(extractor: Extractor, image: Tensor, objective: Objective, climbed: Sequence[int]) -> Iterator[Tensor]:
    """Each climbed tap's gradient on the image."""
    image = image.detach().requires_grad_(True)
    activations = extractor(image)
    for tap in climbed:
        direction = objective.direction(tap, activations[tap])
        (gradient,) = torch.autograd.grad(activations[tap], image, direction, retain_graph=tap != climbed[-1])
        yield gradient


def _tiled(
    extractor: Extractor, image: Tensor, objective: Objective, climbed: Sequence[int], tiling: Tiling
) -> Iterator[Tensor]:
    """The same in tiles: what must be known of all of them is gathered first, and then each goes its own way."""
    energies, seeds = _gather(extractor, image, objective, climbed, tiling)
    gradients = {tap: torch.zeros_like(image) for tap in climbed}
    for tile in tiling:
        part = image[..., *tile.pixels].detach().requires_grad_(True)
        maps = extractor.maps(part)
        for tap in climbed:
            stride = extractor.strides[tap]
            if tap in seeds:
                inner = tile.own(seeds[tap], stride)
            else:
                inner = objective.direction(tap, tile.interior(maps[tap], stride), energies.get(tap))
            direction = torch.zeros_like(maps[tap])
            tile.interior(direction, stride).copy_(inner)
            (gradient,) = torch.autograd.grad(maps[tap], part, direction, retain_graph=tap != climbed[-1])
            gradients[tap][..., *tile.pixels] += gradient
    yield from gradients.values()


def _gather(
    extractor: Extractor, image: Tensor, objective: Objective, climbed: Sequence[int], tiling: Tiling
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """What a tap's direction in one tile depends on in the others.

    Returns the channels' energies of the whole picture, for taps whose channels are spread; and, for taps that are
    made by pooling, the gradient on the whole map they are made from.
    """
    pooled = [tap for tap in climbed if extractor.pooled[tap]]
    spread = [tap for tap in climbed if tap not in pooled and objective.spread and not objective.targets[tap].linear]
    if not pooled and not spread:
        return {}, {}
    parts: dict[int, list[Tensor]] = {tap: [] for tap in pooled}
    sums: dict[int, Tensor] = {}
    counts = dict.fromkeys(spread, 0)
    for tile in tiling:
        with torch.no_grad():
            maps = extractor.maps(image[..., *tile.pixels])
        for tap in pooled:
            parts[tap].append(tile.interior(maps[tap], extractor.strides[tap]).clone())
        for tap in spread:
            inner = tile.interior(maps[tap], extractor.strides[tap])
            count = inner.shape[-2] * inner.shape[-1]
            if count:
                energy = count * channel_energy(inner, objective.targets[tap], objective.guides[tap])
                sums[tap] = sums[tap] + energy if tap in sums else energy
                counts[tap] += count
    energies = {tap: sums[tap] / counts[tap] for tap in spread}
    return energies, {tap: _seed(extractor, tap, tiling.join(parts.pop(tap)), objective) for tap in pooled}


def _seed(extractor: Extractor, tap: int, tap_map: Tensor, objective: Objective) -> Tensor:
    """The gradient of what is climbed at a tap on the map that the tap is made from."""
    tap_map.requires_grad_(True)
    activation = extractor.from_map(tap, tap_map)
    (gradient,) = torch.autograd.grad(activation, tap_map, objective.direction(tap, activation))
    return gradient
