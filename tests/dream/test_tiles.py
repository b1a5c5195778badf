"""In tiles a dream is what it is whole."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dreamvid.dream import DreamCore, Look, Shared, Target, TileBudget
from dreamvid.dream.gradient import Extractor, image_gradient, tile_constraints
from dreamvid.dream.objective import Score
from dreamvid.dream.objectives.energy import Energy
from dreamvid.dream.objectives.strongest import Strongest
from dreamvid.dream.tiles import TileConstraints, Tiling, plan_tiles
from dreamvid.models import Ensemble, load_network
from tests.tiny import TinyExtractor, noise

GUIDE = torch.rand(8, 30, generator=torch.Generator().manual_seed(5))
SCORE = Target(channels=(2,), objective=Score())

OBJECTIVES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "plain": (("second",), {}),
    "spread": (("second",), {"spread": 1.5}),
    "channels": (("first",), {"targets": (Target(channels=(1, 4)),), "spread": 1.0}),
    "guide": (("second",), {"targets": (Target().guided(GUIDE),)}),
    "guide, spread": (("second",), {"targets": (Target().guided(GUIDE),), "spread": 1.5}),
    "guide, channels": (("second",), {"targets": (Target(channels=(0, 3)).guided(GUIDE),), "spread": 1.5}),
    "class": (("scores",), {"targets": (SCORE,)}),
    "energy of the scores": (("scores",), {"spread": 1.0}),
    "reverse": (("second",), {"targets": (Target(objective=Energy().reversed()),), "spread": 1.5}),
    "away from a class": (("scores",), {"targets": (Target(channels=(1,), objective=Score().reversed()),)}),
    "layers": (("first", "second", "scores"), {"targets": (Target(0.5), Target(-1.0), SCORE), "spread": 1.5}),
    "strongest": (("second",), {"targets": (Target(objective=Strongest(3)),), "spread": 1.5}),
    "strongest scores": (("scores",), {"targets": (Target(objective=Strongest(2)),), "spread": 1.5}),
    "away from the strongest": (("first",), {"targets": (Target(objective=Strongest(3).reversed()),), "spread": 1.0}),
    "strongest alone": (("second",), {"targets": (Target(objective=Strongest(1)),)}),
    "a layer that does not count": (("first", "second"), {"targets": (Target(), Target(0.0)), "spread": 1.5}),
}


def faint_half(height: int, width: int) -> Tensor:
    """A picture whose left half is nearly flat: normalized tile by tile, it would be dreamed as strongly as the other.
    """
    picture = noise(height, width, seed=3)
    picture[..., : width // 2] = 0.5 + 0.02 * (picture[..., : width // 2] - 0.5)
    return picture


def tiled(extractor: Extractor, picture: Tensor, side: int = 64) -> Tiling:
    tiling = plan_tiles((picture.shape[-2], picture.shape[-1]), tile_constraints(extractor), math.inf, side)
    assert len(tiling.rows) > 1
    assert len(tiling.columns) > 1
    return tiling


@pytest.mark.parametrize("size", [(203, 151), (150, 256), (131, 135)])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_in_tiles_is_the_wholes(name: str, size: tuple[int, int]) -> None:
    taps, values = OBJECTIVES[name]
    extractor, picture = TinyExtractor(taps), faint_half(*size)
    climbed = values.get("targets", (Target(),) * len(taps)), values.get("spread", 0.0)
    whole = image_gradient(extractor, picture, *climbed)
    assert whole.abs().mean() > 0
    parts = image_gradient(extractor, picture, *climbed, tiled(extractor, picture))
    assert torch.allclose(parts, whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize(
    "taps",
    [
        pytest.param(("inception4d",), marks=pytest.mark.slow),
        ("inception4d", "inception4a"),
        ("logits", "inception3a"),
        ("mean",),
    ],
)
def test_dreamnets_gradient_in_tiles_is_the_wholes(taps: tuple[str, ...]) -> None:
    extractor = load_network("dreamnet").extractor(taps)
    targets = tuple(Target(channels=(7,), objective=Score()) if tap == "logits" else Target() for tap in taps)
    climbed, picture = (targets, 1.5), faint_half(309, 411)
    whole = image_gradient(extractor, picture, *climbed)
    tiling = tiled(extractor, picture, side=220)
    parts = image_gradient(extractor, picture, *climbed, tiling)
    assert torch.allclose(parts, whole, rtol=1e-3, atol=1e-5 * float(whole.abs().max()))
    edges = seams(tiling, picture)
    difference = (parts - whole).abs().mean((0, 1))
    assert float(difference[edges].mean()) < 3 * float(difference[~edges].mean()) + 1e-9


@pytest.mark.parametrize("name", ["layers", "spread"])
def test_weights_that_vary_by_pixel_count_in_tiles_as_in_the_whole(name: str) -> None:
    """And so much that a tap whose weights are one counts as ever, and where they are zero it starts nothing."""
    taps, values = OBJECTIVES[name]
    extractor, picture = TinyExtractor(taps), faint_half(150, 256)
    targets, spread = values.get("targets", (Target(),) * len(taps)), values["spread"]
    place = torch.zeros(1, 1, 150, 256)
    place[..., 160:] = torch.linspace(0, 2, 96)
    places = [place if tap != "scores" else None for tap in taps]
    whole = image_gradient(extractor, picture, targets, spread, places=places)
    parts = image_gradient(extractor, picture, targets, spread, tiled(extractor, picture), places)
    assert torch.allclose(parts, whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))
    assert not torch.allclose(whole, image_gradient(extractor, picture, targets, spread), rtol=0.1)
    if len(taps) == 1:
        one = image_gradient(extractor, picture, targets, spread, places=[torch.ones_like(place)])
        assert torch.allclose(one, image_gradient(extractor, picture, targets, spread))
        assert float(whole[..., :140].abs().max()) == 0
        assert float(whole.abs().mean()) == pytest.approx(float(place.mean()), rel=1e-4)


def seams(tiling: Tiling, picture: Tensor, width: int = 4) -> Tensor:
    """Where in a picture two interiors or two tiles meet, (H, W) bool."""
    found = torch.zeros(picture.shape[-2:], dtype=torch.bool)
    for span in tiling.rows:
        for edge in (span.start, span.first, span.end, span.stop):
            if 0 < edge < len(found):
                found[max(0, edge - width) : edge + width] = True
    for span in tiling.columns:
        for edge in (span.start, span.first, span.end, span.stop):
            if 0 < edge < found.shape[1]:
                found[:, max(0, edge - width) : edge + width] = True
    return found


def test_several_networks_in_tiles_are_what_they_are_whole() -> None:
    parts = [
        ("dreamnet", load_network("dreamnet").extractor(["inception3a", "inception4a"])),
        ("squeezenet1_1", load_network("squeezenet1_1", random_seed=5).extractor(["logits", "fire4"])),
    ]
    extractor, picture = Ensemble(parts), faint_half(233, 347)
    climbed = (Target(), Target(0.5), SCORE, Target(2.0)), 1.0
    whole = image_gradient(extractor, picture, *climbed)
    tiling = tiled(extractor, picture, side=180)
    difference = image_gradient(extractor, picture, *climbed, tiling) - whole
    assert float(difference.abs().mean() / whole.abs().mean()) < 1e-4  # a maximum of equals may fall elsewhere


@pytest.mark.parametrize(
    "values", [{"jitter": 9}, {"jitter": 0, "spectrum": 0.7}, {"jitter": 5, "laplacian": 2, "tv": 0.1, "smooth": 1.0}]
)
def test_a_dream_in_tiles_is_the_whole_dream(values: dict[str, Any]) -> None:
    look = Look((Target(), SCORE), octaves=3, iterations=(3,), spread=1.5, **values)
    picture = faint_half(171, 239)
    whole = DreamCore(TinyExtractor(("second", "scores")), look).dream(picture)
    extractor = TinyExtractor(("second", "scores"))
    parts = DreamCore(extractor, look, shared=Shared(budget=TileBudget(tile=64))).dream(picture)
    assert extractor.calls > 9 + 3 * 6  # not one for each step
    assert float((whole - picture).abs().mean()) > 2 / 255
    assert float((parts - whole).abs().mean()) < 0.01 / 255


def test_what_fits_is_dreamed_whole_to_the_bit() -> None:
    picture, look = noise(100, 120), Look(octaves=2, iterations=(2,))
    whole = DreamCore(TinyExtractor(), look).dream(picture)
    for budget in (TileBudget(tile="auto"), TileBudget(tile=128)):
        assert torch.equal(DreamCore(TinyExtractor(), look, shared=Shared(budget=budget)).dream(picture), whole)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(20, 900), st.integers(20, 900)),
    strides=st.lists(st.sampled_from([1, 2, 4, 8, 16]), min_size=1, max_size=3),
    before=st.integers(0, 120),
    after=st.integers(0, 120),
    least=st.integers(1, 20),
    pixels=st.integers(5_000, 300_000),
    side=st.none() | st.integers(64, 400),
)
def test_tiles_are_small_enough_and_interiors_cover_the_picture_once(
    size: tuple[int, int], strides: list[int], before: int, after: int, least: int, pixels: int, side: int | None
) -> None:
    constraints = TileConstraints(tuple(strides), before, after, least)
    tiling = plan_tiles(size, constraints, pixels, side)
    covered = torch.zeros(size, dtype=torch.int32)
    for tile in tiling:
        for span, length in zip(tile, size, strict=True):
            assert span.start % max(strides) == span.first % max(strides) == 0
            assert 0 <= span.start <= max(0, span.first - before)
            assert length >= span.stop >= min(length, span.end + after)
            assert span.stop - span.start >= least
            # As short as the side allows; one that is not shorter than the stride cannot be cut.
            assert side is None or span.end - span.first < max(side, 128) + max(strides)
        covered[tile.rows.first : tile.rows.end, tile.columns.first : tile.columns.end] += 1
        assert torch.zeros(size)[tile.pixels].numel() <= tiling.largest
    assert covered.min() == covered.max() == 1
    smallest = plan_tiles(size, constraints, 0, side)
    assert tiling.largest <= max(pixels, smallest.largest)


def test_of_all_tilings_the_one_with_least_to_compute() -> None:
    constraints = TileConstraints((8,), 90, 84, 2)
    whole = plan_tiles((2160, 3840), constraints, 2160 * 3840)
    assert len(whole) == 1
    halves = plan_tiles((2160, 3840), constraints, 2160 * 3840 - 1)
    assert (len(halves.rows), len(halves.columns)) == (1, 2)  # the shorter seam
    tiles = plan_tiles((2160, 3840), constraints, 1_000_000)
    computed = sum(
        (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start) for tile in tiles
    )
    assert computed < 1.5 * 2160 * 3840
