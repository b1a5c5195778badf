from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream import DreamCore, Look, Target, objective
from dreamvid.dream.gradient import image_gradient
from dreamvid.dream.objective import Score, match_columns, spread_channels
from dreamvid.dream.objectives.energy import Energy
from dreamvid.dream.objectives.strongest import Strongest
from dreamvid.models import load_network
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
    assert torch.allclose(Target(channels=(1, 4)).direction(activation), expected)


def test_spread_among_chosen_channels_knows_nothing_of_the_others() -> None:
    activation = features(1, 6, 5, 4)
    louder = activation.clone()
    louder[:, 0] *= 100
    target = Target(channels=(1, 4))
    assert torch.equal(target.direction(activation, 1.5), target.direction(louder, 1.5))


def test_a_score_is_climbed_by_itself() -> None:
    scores = features(1, 6).requires_grad_(True)
    target = Target(channels=(2,), objective=Score())
    assert torch.equal(target.direction(scores), gradient_of(scores[:, 2].sum(), scores))
    down = Target(channels=(2,), objective=Score().reversed()).direction(scores)
    assert torch.equal(down, gradient_of(-scores[:, 2].sum(), scores))


def test_reverse_drives_responses_on_below_zero() -> None:
    activation = features(1, 6, 5, 4).requires_grad_(True)
    expected = gradient_of(-0.5 * (activation * activation.abs()).sum(), activation)
    assert torch.allclose(Target(objective=Energy().reversed()).direction(activation), expected)
    after_relu = activation.detach().relu()
    assert torch.equal(Target(objective=Energy().reversed()).direction(after_relu), -after_relu)


def test_the_strongest_are_the_gradient_of_their_own_energy() -> None:
    activation = features(2, 6, 5, 4).requires_grad_(True)
    energies = activation.square().sum((2, 3))
    expected = gradient_of(0.5 * energies.topk(2, dim=1).values.sum(), activation)
    assert torch.allclose(Target(objective=Strongest(2)).direction(activation), expected)
    assert torch.equal(Target(objective=Strongest(9)).direction(activation), activation.detach())


def test_guides_and_classes_are_climbed_in_their_own_way() -> None:
    guide = features(6, 11, seed=1)
    activation = features(1, 6, 5, 4)
    plainly = Target().guided(guide).direction(activation)
    assert torch.equal(Target(objective=Strongest(2)).guided(guide).direction(activation), plainly)
    assert torch.equal(Target(objective=Energy().reversed()).guided(guide).direction(activation), -plainly)
    score = Target(channels=(2,), objective=Score())
    assert score.guided(guide) == score


def guided_reference(activation: Tensor, guide: Tensor) -> Tensor:
    """The gradient of the sum over positions of the largest dot product with a column of the guide."""
    positions = activation.flatten(2)[0]
    return gradient_of((positions.T @ guide).amax(1).sum(), activation)


def test_a_guide_is_the_gradient_of_the_best_dot_products() -> None:
    activation = features(1, 6, 5, 4).requires_grad_(True)
    guide = features(6, 11, seed=1)
    assert torch.allclose(Target().guided(guide).direction(activation), guided_reference(activation, guide))


def test_a_guide_among_chosen_channels() -> None:
    activation = features(1, 6, 5, 4)
    guide = features(6, 11, seed=1)
    direction = Target(channels=(0, 5)).guided(guide).direction(activation)
    chosen = activation[:, [0, 5]].requires_grad_(True)
    assert torch.allclose(direction[:, [0, 5]], guided_reference(chosen, guide[[0, 5]]))
    assert float(direction[:, 1:5].abs().max()) == 0


@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_a_picture_guided_by_itself_at_one_position_is_the_plain_dream(spread: float) -> None:
    activation = features(1, 6, 1, 1)
    guided = Target().guided(activation[0].flatten(1)).direction(activation, spread)
    assert torch.allclose(guided, Target().direction(activation, spread))


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


def test_taps_behind_one_another_are_normalized_where_they_meet() -> None:
    """The expectation is written with the tiny network's own arithmetic: what each tap sends back to the first map."""
    extractor = TinyExtractor(("second", "first"))
    targets = (Target(-0.4), Target(0.7, (1, 3)))
    picture = noise(16, 20).double().requires_grad_(True)
    second, first = extractor(picture)
    from_first = gradient_of(first[:, [1, 3]].square().sum(), first)
    from_second = gradient_of(second.square().sum(), first)
    met = 0.7 * from_first / from_first.abs().mean() - 0.4 * from_second / from_second.abs().mean()
    onto_picture = gradient_of((first * met).sum(), picture)
    expected = onto_picture / onto_picture.abs().mean() * met.abs().mean()
    found = image_gradient(extractor, picture, targets)
    assert torch.allclose(found, expected, rtol=1e-9)


def test_taps_of_which_none_lies_behind_another_are_normalized_on_the_picture() -> None:
    extractor = TinyExtractor(("first", "second"))
    extractor.gates = (frozenset(), frozenset())
    targets = (Target(0.7, (1, 3)), Target(-0.4))
    picture = noise(16, 20).double().requires_grad_(True)
    first, second = extractor(picture)
    one = gradient_of(first[:, [1, 3]].square().sum(), picture)
    first, second = extractor(picture)
    two = gradient_of(second.square().sum(), picture)
    expected = 0.7 * one / one.abs().mean() - 0.4 * two / two.abs().mean()
    found = image_gradient(extractor, picture, targets)
    assert torch.allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layers_of_one_network_take_one_way_to_the_picture(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = 0
    grad = torch.autograd.grad

    def watched(outputs: Tensor, inputs: Tensor, *rest: Any, **more: Any) -> Any:
        nonlocal ways
        ways += inputs.shape[1] == 3
        return grad(outputs, inputs, *rest, **more)

    extractor = load_network("dreamnet").extractor(["inception4d", "inception3a", "logits"], dtype=dtype)
    monkeypatch.setattr(torch.autograd, "grad", watched)
    found = image_gradient(extractor, noise(96, 128), (Target(),) * 3, 1.0)
    assert ways == 1
    assert float(found.abs().mean()) > 0


def test_a_guide_of_any_size_draws_the_dream_to_its_features() -> None:
    extractor = TinyExtractor()
    picture, guide = noise(48, 64), noise(21, 33, seed=4, low=0.0, high=1.0)
    look = Look(octaves=1, iterations=(6,), jitter=0)
    plain, guided = DreamCore(extractor, look), DreamCore(extractor, look).guided_by(guide)
    columns = extractor(guide)[0][0].flatten(1)

    def likeness(dreamed: Tensor) -> float:
        return float((F.normalize(extractor(dreamed)[0][0].flatten(1), dim=0).T @ columns).amax(1).mean())

    assert likeness(guided.dream(picture)) > likeness(plain.dream(picture)) > likeness(picture)


def test_a_guide_leaves_its_dreamer_as_it_was() -> None:
    dreamer = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(2,)))
    before = dreamer.dream(noise(48, 64))
    guided = dreamer.guided_by(noise(30, 30, seed=3))
    assert not torch.equal(guided.dream(noise(48, 64)), before)
    assert torch.equal(dreamer.dream(noise(48, 64)), before)
    assert guided.nominal_contrast == dreamer.nominal_contrast
