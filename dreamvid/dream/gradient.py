"""The gradient on the picture: of the whole at once, or tile by tile with the same result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dreamvid.dream.pyramid import Size
from dreamvid.dream.target import Target
from dreamvid.dream.tiles import LARGEST_HALO, Overlay, Tile, TileConstraints, Tiling

_TINY = 1e-12


class Extractor(Protocol):
    """A network cut off at its taps; see `dreamvid.models.Extractor`."""

    taps: tuple[str, ...]
    minimum_side: int
    strides: tuple[int, ...]
    reach: tuple[int, int]
    pooled: tuple[bool, ...]
    gates: tuple[frozenset[int], ...]

    def __call__(self, image: Tensor) -> list[Tensor]: ...

    def maps(self, image: Tensor) -> list[Tensor]: ...

    def from_map(self, tap: int, tap_map: Tensor) -> Tensor: ...


def tile_constraints(extractor: Extractor) -> TileConstraints:
    """What a network asks of tiles."""
    before, after = (min(side, LARGEST_HALO) for side in extractor.reach)
    return TileConstraints(extractor.strides, before, after, extractor.minimum_side)


def image_gradient(
    extractor: Extractor,
    image: Tensor,
    targets: Sequence[Target],
    spread: float = 0.0,
    tiling: Tiling | None = None,
    places: Sequence[Tensor | None] = (),
) -> Tensor:
    """The weighted sum of every tap's gradient, each normalized first so that a weight means what it says.

    Taps that one map stands before, as a layer does before the deeper ones of its network, are normalized on that map:
    what arrives there from each is brought to a mean |g| of its weight, and the sum takes the rest of the way as one.
    Other taps are normalized on the picture, and those whose weight varies by pixel.

    Args:
        extractor: the network.
        image: (N, 3, H, W) RGB in [0, 1].
        targets: what is climbed, one for each tap.
        spread: how far channels are balanced; see `spread_channels`.
        places: for each tap what its weight is multiplied by at each pixel, (1, 1, H, W), or None; empty: nothing
            is. A tap then counts as much as its weights do on average.
        tiling: of the image; None, or a single tile: the network sees it whole. Memory then grows with the largest
            tile; the whole image is held a few times only, and a map of it where scores or several layers are climbed.

    Returns:
        (N, 3, H, W). Tiles change it by the rounding of sums, and where the network reaches beyond `LARGEST_HALO`.
    """
    places = places or (None,) * len(targets)
    weights = [
        target.weight if place is None else target.weight * place.abs().mean()
        for target, place in zip(targets, places, strict=True)
    ]
    groups = _groups(extractor, targets, places)
    if tiling is None or len(tiling) == 1:
        gradients = _whole(extractor, image, targets, spread, groups, places, weights)
    else:
        gradients = _tiled(extractor, image, targets, spread, groups, places, weights, tiling)
    total: Tensor | None = None
    for gradient, length in gradients:
        normal = gradient * (length / gradient.abs().mean().clamp_min(_TINY))
        total = normal if total is None else total + normal
    return torch.zeros_like(image) if total is None else total


Group = tuple[int, ...]
"""Taps that are climbed together: the one that all others pass through, and these."""

Places = Sequence[Tensor | None]
Weights = Sequence[float | Tensor]


def _groups(extractor: Extractor, targets: Sequence[Target], places: Places) -> list[Group]:
    """The climbed taps; those that lie behind another climbed one, with the first such. A tap that does not count alike
    everywhere goes alone: what is normalized on the picture is as strong where it counts as it is by itself."""
    climbed = [tap for tap, target in enumerate(targets) if target.weight != 0]
    groups: dict[int, list[int]] = {}
    for tap in sorted(climbed, key=lambda tap: len(extractor.gates[tap])):
        gates = extractor.gates[tap] if places[tap] is None else ()
        root = next((gate for gate in groups if gate in gates and places[gate] is None), tap)
        groups.setdefault(root, []).append(tap)
    return [tuple(group) for group in groups.values()]


def _whole(
    extractor: Extractor,
    image: Tensor,
    targets: Sequence[Target],
    spread: float,
    groups: Sequence[Group],
    places: Places,
    weights: Weights,
) -> Iterator[tuple[Tensor, float | Tensor]]:
    """Each group's gradient on the image, and the mean |g| that it shall have."""
    image = image.detach().requires_grad_(True)
    maps = extractor.maps(image)
    for group in groups:
        directions = [
            _placed(
                _direction(extractor, tap, maps[tap].detach().to(image.dtype), targets[tap], spread),
                places[tap],
                extractor.strides[tap],
            )
            for tap in group
        ]
        arrived = list(_arrivals(maps, group, directions))
        direction, length = _meet(arrived, group, weights)
        yield _backward(maps[group[0]], image, direction, keep=group is not groups[-1]), length


def _tiled(
    extractor: Extractor,
    image: Tensor,
    targets: Sequence[Target],
    spread: float,
    groups: Sequence[Group],
    places: Places,
    weights: Weights,
    tiling: Tiling,
) -> Iterator[tuple[Tensor, float | Tensor]]:
    """The same in tiles: what must be known of all of them is gathered first, and then each goes its own way."""
    gathered, seeds = _gather(extractor, image, targets, spread, sorted(sum(groups, ())), places, tiling)

    def directions(tile: Tile, maps: Sequence[Tensor], group: Group) -> list[Tensor]:
        """On each map of a group in a tile; zero outside of the interior."""
        found = []
        for tap in group:
            stride = extractor.strides[tap]
            if tap in seeds:
                inner = tile.own(seeds[tap], stride)
            else:
                interior = tile.interior(maps[tap].detach(), stride).to(image.dtype)
                inner = targets[tap].direction(interior, spread, gathered.get(tap))
                if (place := places[tap]) is not None and inner.ndim == 4:
                    size = maps[tap].shape[-2], maps[tap].shape[-1]
                    inner = inner * tile.interior(_at_positions(place[..., *tile.pixels], stride, size), stride)
            found.append(torch.zeros_like(maps[tap], dtype=image.dtype))
            tile.interior(found[-1], stride).copy_(inner)
        return found

    lengths: dict[int, float | Tensor] = {group[0]: weights[group[0]] for group in groups}
    for group in groups:
        if len(group) == 1:
            continue
        overlays = [Overlay((image.shape[-2], image.shape[-1]), extractor.strides[group[0]]) for _ in group]
        for tile in tiling:
            maps = extractor.maps(image[..., *tile.pixels].detach().requires_grad_(True))
            for overlay, part in zip(overlays, _arrivals(maps, group, directions(tile, maps, group)), strict=True):
                overlay.add(tile, part)
        seeds[group[0]], lengths[group[0]] = _meet([overlay.whole() for overlay in overlays], group, weights)
    roots = list(lengths)
    gradients = {root: torch.zeros_like(image) for root in roots}
    for tile in tiling:
        part = image[..., *tile.pixels].detach().requires_grad_(True)
        maps = extractor.maps(part)
        for root in roots:
            (direction,) = directions(tile, maps, (root,))
            gradients[root][..., *tile.pixels] += _backward(maps[root], part, direction, keep=root != roots[-1])
    yield from ((gradients[root], lengths[root]) for root in roots)


def _backward(tap_map: Tensor, onto: Tensor, direction: Tensor, *, keep: bool) -> Tensor:
    """The gradient on what `tap_map` is made from; `keep` the graph for another one."""
    (gradient,) = torch.autograd.grad(tap_map, onto, direction.to(tap_map.dtype), retain_graph=keep)
    return gradient


def _arrivals(maps: Sequence[Tensor], group: Group, directions: Sequence[Tensor]) -> Iterator[Tensor]:
    """What arrives on the map that all taps of a group pass through, from each, in the directions' dtype."""
    root, *others = group
    yield directions[0]
    for tap, direction in zip(others, directions[1:], strict=True):
        yield _backward(maps[tap], maps[root], direction, keep=True).to(direction.dtype)


def _meet(arrived: Sequence[Tensor], group: Group, weights: Weights) -> tuple[Tensor, float | Tensor]:
    """The sum of what has arrived on a group's first map, by weight, and its mean |g|."""
    if len(group) == 1:
        return arrived[0], weights[group[0]]
    parts = [
        part * (weights[tap] / part.abs().mean().clamp_min(_TINY)) for part, tap in zip(arrived, group, strict=True)
    ]
    total = torch.stack(parts).sum(0)
    return total, total.abs().mean()


def _gather(
    extractor: Extractor,
    image: Tensor,
    targets: Sequence[Target],
    spread: float,
    climbed: Sequence[int],
    places: Places,
    tiling: Tiling,
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """What a tap's direction in one tile depends on in the others.

    Returns what objectives gather of the whole picture; and, for taps that are made by pooling, the gradient on the
    whole map they are made from.
    """
    pooled = [tap for tap in climbed if extractor.pooled[tap]]
    asking = [tap for tap in climbed if tap not in pooled and targets[tap].objective.gathers(spread)]
    if not pooled and not asking:
        return {}, {}
    parts: dict[int, list[Tensor]] = {tap: [] for tap in pooled}
    sums: dict[int, Tensor] = {}
    counts = dict.fromkeys(asking, 0)
    for tile in tiling:
        with torch.no_grad():
            maps = extractor.maps(image[..., *tile.pixels])
        for tap in pooled:
            parts[tap].append(tile.interior(maps[tap], extractor.strides[tap]).to(image.dtype, copy=True))
        for tap in asking:
            inner = tile.interior(maps[tap], extractor.strides[tap]).to(image.dtype)
            count = inner.shape[-2] * inner.shape[-1]
            if count:
                part = count * targets[tap].gather(inner)
                sums[tap] = sums[tap] + part if tap in sums else part
                counts[tap] += count
    gathered = {tap: sums[tap] / counts[tap] for tap in asking}
    return gathered, {
        tap: _placed(
            _direction(extractor, tap, tiling.join(parts.pop(tap)), targets[tap], spread),
            places[tap],
            extractor.strides[tap],
        )
        for tap in pooled
    }


def _direction(extractor: Extractor, tap: int, tap_map: Tensor, target: Target, spread: float) -> Tensor:
    """The direction of ascent on the whole map that a tap is made from, which is mostly the tap itself."""
    if not extractor.pooled[tap]:
        return target.direction(tap_map, spread)
    tap_map = tap_map.requires_grad_(True)
    activation = extractor.from_map(tap, tap_map)
    (gradient,) = torch.autograd.grad(activation, tap_map, target.direction(activation, spread))
    return gradient


def _placed(direction: Tensor, place: Tensor | None, stride: int) -> Tensor:
    """A direction on a whole map, (N, C, h, w), where the tap's weight varies by pixel; scores have no places."""
    if place is None or direction.ndim != 4:
        return direction
    return direction * _at_positions(place, stride, (direction.shape[-2], direction.shape[-1]))


def _at_positions(place: Tensor, stride: int, size: Size) -> Tensor:
    """Weights of pixels, (1, 1, H, W), as those of the positions of a map of `size`: their means, (1, 1, h, w).

    A part of a picture that begins at a multiple of `stride` gives the same as the whole.
    """
    means = F.avg_pool2d(place, stride, ceil_mode=True) if stride > 1 else place
    height, width = (min(side, most) for side, most in zip(size, means.shape[-2:], strict=True))
    return F.pad(means[..., :height, :width], (0, size[1] - width, 0, size[0] - height), mode="replicate")
