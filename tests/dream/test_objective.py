from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream import Dreamer, Look, Target, objective
from dreamvid.dream.gradient import Objective, image_gradient
from dreamvid.dream.objective import ascent_direction, match_columns, spread_channels
from tests.tiny import TinyExtractor, noise


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gradient_of(loss: Tensor, at: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, at)
    return gradient


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0, 1.5])
def test_spread_is_the_gradient_of_its_formula(spread: float) -> None:
    activation = features(1, 6, 9, 7).abs()
    activation *= torch.tensor([1, 2, 2, 4, 4, 8], dtype=torch.float64)[:, None, None]
    activation.requires_grad_(True)
    expected = gradient_of(activation.square().sum(dim=(2, 3)).pow((2 - spread) / 2).sum(), activation)
    direction = spread_channels(activation.detach(), spread)
    assert float(torch.cosine_similarity(direction.flatten(), expected.flatten(), dim=0)) > 0.999


def test_spread_of_scores_is_per_class() -> None:
    scores = torch.tensor([[1.0, 4.0]], dtype=torch.float64)
    even = spread_channels(scores, 1.0)
    assert even[0, 1] / even[0, 0] == pytest.approx(1, abs=0.01)


def test_spread_does_not_blow_up_a_dead_channel() -> None:
    activation = torch.ones(1, 4, 5, 5)
    activation[:, 0] = 1e-9
    assert float(spread_channels(activation, 2.0)[:, 0].max()) < 1e-5


def test_channels_are_the_gradient_of_their_own_energy() -> None:
    activation = features(1, 6, 5, 4).requires_grad_(True)
    expected = gradient_of(0.5 * activation[:, [1, 4]].square().sum(), activation)
    assert torch.allclose(ascent_direction(activation, Target(channels=(1, 4))), expected)


def test_spread_among_chosen_channels_knows_nothing_of_the_others() -> None:
    activation = features(1, 6, 5, 4)
    louder = activation.clone()
    louder[:, 0] *= 100
    target = Target(channels=(1, 4))
    assert torch.equal(ascent_direction(activation, target, spread=1.5), ascent_direction(louder, target, spread=1.5))


def test_a_score_is_climbed_by_itself() -> None:
    scores = features(1, 6).requires_grad_(True)
    target = Target(channels=(2,), linear=True)
    assert torch.equal(ascent_direction(scores, target), gradient_of(scores[:, 2].sum(), scores))
    down = ascent_direction(scores, Target(channels=(2,), linear=True, reverse=True))
    assert torch.equal(down, gradient_of(-scores[:, 2].sum(), scores))


def test_reverse_drives_responses_on_below_zero() -> None:
    activation = features(1, 6, 5, 4).requires_grad_(True)
    expected = gradient_of(-0.5 * (activation * activation.abs()).sum(), activation)
    assert torch.allclose(ascent_direction(activation, Target(reverse=True)), expected)
    after_relu = activation.detach().relu()
    assert torch.equal(ascent_direction(after_relu, Target(reverse=True)), -after_relu)


def guided_reference(activation: Tensor, guide: Tensor) -> Tensor:
    """The gradient of the sum over positions of the largest dot product with a column of the guide."""
    positions = activation.flatten(2)[0]
    return gradient_of((positions.T @ guide).amax(1).sum(), activation)


def test_a_guide_is_the_gradient_of_the_best_dot_products() -> None:
    activation = features(1, 6, 5, 4).requires_grad_(True)
    guide = features(6, 11, seed=1)
    assert torch.allclose(ascent_direction(activation, Target(), guide=guide), guided_reference(activation, guide))


def test_a_guide_among_chosen_channels() -> None:
    activation = features(1, 6, 5, 4)
    guide = features(6, 11, seed=1)
    direction = ascent_direction(activation, Target(channels=(0, 5)), guide=guide)
    chosen = activation[:, [0, 5]].requires_grad_(True)
    assert torch.allclose(direction[:, [0, 5]], guided_reference(chosen, guide[[0, 5]]))
    assert float(direction[:, 1:5].abs().max()) == 0


@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_a_picture_guided_by_itself_at_one_position_is_the_plain_dream(spread: float) -> None:
    activation = features(1, 6, 1, 1)
    guided = ascent_direction(activation, Target(), spread=spread, guide=activation[0].flatten(1))
    assert torch.allclose(guided, ascent_direction(activation, Target(), spread=spread))


def test_matching_in_pieces_is_matching(monkeypatch: pytest.MonkeyPatch) -> None:
    activation, guide = features(6, 13, 17), features(6, 19, seed=1)
    whole = match_columns(activation, guide)
    monkeypatch.setattr(objective, "_LARGEST_PRODUCT", 19 * 7)
    assert torch.equal(match_columns(activation, guide), whole)


def test_correlations_held_at_a_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    matmul = Tensor.__matmul__

    def watched(a: Tensor, b: Tensor) -> Tensor:
        nonlocal largest
        product = matmul(a, b)
        largest = max(largest, product.numel())
        return product

    monkeypatch.setattr(objective, "_LARGEST_PRODUCT", 1000)
    monkeypatch.setattr(Tensor, "__matmul__", watched)
    match_columns(features(4, 30, 40), features(4, 90, seed=1))
    assert 0 < largest <= 1000


def test_the_picture_gradient_of_several_taps_is_their_weighted_normalised_sum() -> None:
    extractor = TinyExtractor(("first", "second"))
    targets = (Target(0.7, (1, 3)), Target(-0.4))
    picture = noise(16, 20).double().requires_grad_(True)
    first, second = extractor(picture)
    one = gradient_of(first[:, [1, 3]].square().sum(), picture)
    first, second = extractor(picture)
    two = gradient_of(second.square().sum(), picture)
    expected = 0.7 * one / one.abs().mean() - 0.4 * two / two.abs().mean()
    found = image_gradient(extractor, picture, Objective(targets, (None, None)))
    assert torch.allclose(found, expected, rtol=1e-9)


def test_a_guide_of_any_size_draws_the_dream_to_its_features() -> None:
    extractor = TinyExtractor()
    picture, guide = noise(48, 64), noise(21, 33, seed=4, low=0.0, high=1.0)
    look = Look(octaves=1, iterations=(6,), jitter=0)
    plain, guided = Dreamer(extractor, look), Dreamer(extractor, look).guided_by(guide)
    columns = extractor(guide)[0][0].flatten(1)

    def likeness(dreamed: Tensor) -> float:
        return float((F.normalize(extractor(dreamed)[0][0].flatten(1), dim=0).T @ columns).amax(1).mean())

    assert likeness(guided.dream(picture)) > likeness(plain.dream(picture)) > likeness(picture)


def test_a_guide_leaves_its_dreamer_as_it_was() -> None:
    dreamer = Dreamer(TinyExtractor(), Look(octaves=1, iterations=(2,)))
    before = dreamer.dream(noise(48, 64))
    guided = dreamer.guided_by(noise(30, 30, seed=3))
    assert not torch.equal(guided.dream(noise(48, 64)), before)
    assert torch.equal(dreamer.dream(noise(48, 64)), before)
    assert guided.nominal_contrast == dreamer.nominal_contrast
