from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream import Target
from dreamvid.dream.color import color_matrix
from dreamvid.dream.fourier import FourierPictures
from dreamvid.dream.objective import Score
from dreamvid.dream.objectives.energy import Energy
from dreamvid.dream.visualize import GentleReLU, Method, Visualization, look, mean_similarity, mean_variation, response
from dreamvid.errors import SettingsError
from tests.tiny import TinyExtractor, noise

SAMPLES = Path(__file__).parents[2] / "samples"
QUICK = Method(size=(32, 40), steps=24, jitter=3, scale_range=(0.8, 1.0))
CHANNEL = Target(channels=(3,), objective=Score())


class DeepSleeper(TinyExtractor):
    """No channel of the first tap answers to anything as faint as the noise at the start."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        return [F.relu(F.conv2d(image - 0.5, self._first, padding=2) - 0.35)]


def seeds(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def drawn(
    method: Method = QUICK,
    extractor: TinyExtractor | None = None,
    targets: tuple[Target, ...] = (CHANNEL,),
    numbers: tuple[int, ...] = (0,),
    *,
    neuron: bool = False,
) -> Visualization:
    """A visualization, all steps done."""
    drawing = Visualization(extractor or TinyExtractor(), targets, method, numbers=numbers, neuron=neuron)
    for _ in range(method.steps):
        drawing.advance()
    return drawing


def pixels(picture: Tensor) -> Tensor:
    """(3, pixels), before the sigmoid."""
    return torch.logit(picture).transpose(0, 1).flatten(1)


# The coordinates.


@pytest.mark.parametrize("size", [(64, 96), (63, 97), (97, 64), (1, 33)])
def test_pictures_of_any_size_are_within_range(size: tuple[int, int]) -> None:
    pictures = FourierPictures(size, seeds(2), power=1.5).render().detach()
    assert pictures.shape == (2, 3, *size)
    assert 0 < float(pictures.min()) < float(pictures.max()) < 1


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_unit_coefficients_make_a_picture_of_rms_1_whatever_the_size(power: float) -> None:
    for size in [(64, 96), (301, 155)]:
        fourier = FourierPictures(size, seeds(24), power=power)
        with torch.no_grad():
            fourier.coefficients.div_(fourier.coefficients.square().mean().sqrt())
        assert float(pixels(fourier.render().detach()).square().mean().sqrt()) == pytest.approx(1, rel=0.15)


def test_colors_go_together_as_in_photographs() -> None:
    fourier = FourierPictures((80, 80), seeds(8), power=1.0)
    rendered = np.corrcoef(pixels(fourier.render().detach()).numpy())
    red_green, red_blue, green_blue = rendered[0, 1], rendered[0, 2], rendered[1, 2]
    assert 0.6 < red_blue < red_green - 0.05
    assert abs(red_green - green_blue) < 0.1


def test_the_coordinates_of_color_are_independent_in_photographs() -> None:
    photographs = [cv2.imread(str(SAMPLES / f"{name}.jpg"))[..., ::-1] for name in ("sky", "landscape", "portrait")]
    colors = np.concatenate([photograph.reshape(-1, 3)[::7] for photograph in photographs]) / 255

    def spread(values: np.ndarray) -> float:
        """The largest over the smallest standard deviation along any axis: 1 if they are independent and equal."""
        variances = np.linalg.eigvalsh(np.cov(values.T))
        return float(np.sqrt(variances[-1] / variances[0]))

    assert spread(np.linalg.solve(color_matrix().numpy(), colors.T).T) < 0.45 * spread(colors)


def test_power_says_how_fine_the_noise_is() -> None:
    pictures = [FourierPictures((64, 64), seeds(4), power=power).render().detach() for power in (0, 1, 2)]
    rough = [float(mean_variation(picture).mean()) for picture in pictures]
    assert rough[0] > 1.5 * rough[1] > 4 * rough[2]


def test_a_large_picture_is_as_fine_as_a_small_one() -> None:
    small, large = (FourierPictures(size, seeds(4), power=1.5).render().detach() for size in ((200, 200), (600, 500)))
    assert float(mean_variation(large).mean()) == pytest.approx(float(mean_variation(small).mean()), rel=0.15)


def test_opposite_borders_do_not_meet() -> None:
    pictures = FourierPictures((64, 64), seeds(16), power=1.5).render().detach()
    for axis in (2, 3):
        first, second, last = (pictures.select(axis, index) for index in (0, 1, -1))
        assert float((first - last).abs().mean()) > 2 * float((first - second).abs().mean())


# Seeing the picture anew.

PICTURE = noise(24, 32)
STILL = torch.zeros(1, 2)


def test_a_view_without_a_change_is_the_picture() -> None:
    assert torch.allclose(look(PICTURE, (24, 32), torch.zeros(1), STILL), PICTURE, atol=1e-5)


def test_a_shift_moves_the_content_right_and_down() -> None:
    seen = look(PICTURE, (24, 32), torch.zeros(1), torch.tensor([[5.0, 3.0]]))
    assert torch.allclose(seen[..., 3:, 5:], PICTURE[..., :-3, :-5], atol=1e-5)


def test_a_turn_is_clockwise_about_the_center_and_keeps_circles_round() -> None:
    seen = look(PICTURE, (24, 32), torch.tensor([math.pi / 2]), STILL)
    middle = PICTURE[..., 4:28]
    assert torch.allclose(seen[..., 4:28], torch.rot90(middle, -1, (2, 3)), atol=1e-4)


def test_the_shift_comes_after_the_turn() -> None:
    turned = look(PICTURE, (24, 32), torch.tensor([math.pi / 2]), STILL)
    both = look(PICTURE, (24, 32), torch.tensor([math.pi / 2]), torch.tensor([[2.0, 1.0]]))
    assert torch.allclose(both[..., 1:, 6:28], turned[..., :-1, 4:26], atol=1e-4)


def test_each_picture_is_seen_in_its_own_way_at_the_same_size() -> None:
    pair = torch.cat([PICTURE, PICTURE])
    seen = look(pair, (12, 16), torch.tensor([0.0, math.pi]), torch.zeros(2, 2))
    assert seen.shape == (2, 3, 12, 16)
    assert torch.allclose(seen[1], seen[0].flip((1, 2)), atol=1e-4)


def test_views_keep_to_their_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[int, int], float, float]] = []

    def spy(pictures: Tensor, size: tuple[int, int], angles: Tensor, shifts: Tensor) -> Tensor:
        seen.extend((size, *pair) for pair in zip(angles.tolist(), shifts.abs().amax(1).tolist(), strict=True))
        return look(pictures, size, angles, shifts)

    monkeypatch.setattr("dreamvid.dream.visualize.look", spy)
    drawn(replace(QUICK, size=(40, 80), steps=40, rotate=20, jitter=6, scale_range=(0.5, 2.0)), numbers=(0, 1))
    sizes, angles, shifts = zip(*seen, strict=True)
    assert 20 <= min(sizes)[0] < 24 < 68 < max(sizes)[0] <= 80
    assert all(abs(width - 2 * height) <= 1 for height, width in sizes)
    assert -math.radians(20) <= min(angles) < -0.2 < 0.2 < max(angles) <= math.radians(20)
    assert 5 < max(shifts) <= 6
    assert len(set(angles)) == len(angles)


# What is climbed.


def test_the_response_of_channels_neurons_and_layers() -> None:
    activation = torch.randn(2, 4, 5, 7, generator=torch.Generator().manual_seed(0))
    channels = Target(channels=(1, 3), objective=Score())
    assert torch.allclose(response(activation, channels), activation[:, [1, 3]].mean((1, 2, 3)))
    assert torch.allclose(response(activation, channels, neuron=True), activation[:, [1, 3], 2, 3].mean(1))
    assert torch.allclose(response(activation, Target()), activation.square().mean((1, 2, 3)))
    scores = activation[:, :, 0, 0]
    assert torch.allclose(response(scores, Target(channels=(2,), objective=Score())), scores[:, 2])


def test_the_reverse_is_driven_below_zero() -> None:
    activation = torch.tensor([-2.0, 1.0]).reshape(1, 1, 1, 2)
    assert float(response(activation, Target(channels=(0,), objective=Score().reversed()))) == 0.5
    assert float(response(activation, Target(objective=Energy().reversed()))) == 1.5


def test_similarity_is_of_textures_not_of_places() -> None:
    features = torch.rand(1, 6, 8, 8, generator=torch.Generator().manual_seed(1)).square()
    moved = features.roll((3, 2), (2, 3))
    assert float(mean_similarity([torch.cat([features, moved])])) == pytest.approx(1, abs=1e-5)
    apart = torch.zeros(2, 2, 4, 4)
    apart[0, 0], apart[1, 1] = 1, 3
    assert float(mean_similarity([apart])) == 0
    # Of three pairs one is alike; of two taps one has textures.
    assert float(mean_similarity([torch.cat([apart, apart[:1]]), torch.ones(3, 5)])) == pytest.approx(1 / 3)


def test_scores_alone_have_a_similarity_too() -> None:
    scores = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert float(mean_similarity([scores])) == pytest.approx(0.5)


def test_variation_is_the_difference_of_neighbors() -> None:
    ramp = torch.linspace(0, 1, 11).expand(1, 3, 11, 11)
    assert float(mean_variation(ramp)) == pytest.approx(0.1)
    assert float(mean_variation(ramp.transpose(2, 3))) == pytest.approx(0.1)
    assert float(mean_variation(torch.rand(1, 3, 99, 99))) == pytest.approx(2 / 3, abs=0.02)


def test_a_gentle_relu_differs_only_where_a_channel_sleeps() -> None:
    x = torch.tensor([[[[1.0, -1.0]], [[-1.0, -2.0]]]], requires_grad=True)
    wanted = torch.tensor([[[[1.0, 1.0]], [[1.0, -1.0]]]])
    with GentleReLU():
        answers = [F.relu(x), torch.relu(x), x.relu(), torch.nn.ReLU()(x)]
    for answer in answers:
        assert torch.equal(answer, x.clamp_min(0))
        (gradient,) = torch.autograd.grad(answer, x, wanted)
        assert torch.equal(gradient, torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]]))
    (plain,) = torch.autograd.grad(F.relu(x), x, wanted)
    assert torch.equal(plain, torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]]))


# Drawing.


@pytest.mark.parametrize("target", [CHANNEL, Target(), Target(channels=(1, 5), objective=Score())])
def test_the_response_rises_and_the_picture_stays_smooth(target: Target) -> None:
    start = Visualization(TinyExtractor(), (target,), QUICK)
    drawing = drawn(targets=(target,))
    assert float(drawing.responses()) > 10 * float(start.responses()) > 0
    assert float(mean_variation(drawing.pictures)) < 0.12


def test_the_reverse_falls() -> None:
    target = replace(CHANNEL, objective=Score().reversed())
    assert -1e-3 < float(drawn(targets=(target,)).responses()) <= 0
    assert float(Visualization(TinyExtractor(), (target,), QUICK).responses()) < -4e-3


def test_a_channel_that_sleeps_through_the_noise_is_woken() -> None:
    method = replace(QUICK, tv=0.0, steps=48)
    start = Visualization(DeepSleeper(), (CHANNEL,), method)
    assert float(DeepSleeper()(start.pictures)[0].max()) == 0
    assert float(drawn(method, DeepSleeper()).responses()) > 0.05
    assert float(drawn(method, DeepSleeper(), neuron=True).responses()) > 0.05


class Half(TinyExtractor):
    """Channel 0 answers, channel 3 sleeps."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        offset = torch.zeros(8, 1, 1)
        offset[3] = 0.35
        return [F.relu(F.conv2d(image - 0.5, self._first, padding=2) - offset)]


def test_sleepers_beside_a_channel_that_answers_are_woken() -> None:
    drawing = drawn(replace(QUICK, tv=0.0, steps=48), Half(), (Target(channels=(0, 3), objective=Score()),))
    assert float(Half()(drawing.pictures)[0][:, 3].mean()) > 0.01


def test_waking_ends_when_all_answer() -> None:
    for channels, sleeps in (((0,), False), ((0, 3), True), (None, False)):
        half = Visualization(Half(), (Target(channels=channels, objective=Score()),), QUICK)
        half.advance()
        assert half._waking == sleeps
    drawing = Visualization(DeepSleeper(), (CHANNEL,), QUICK)
    states = []
    for _ in range(QUICK.steps):
        states.append(drawing._waking)
        drawing.advance()
    assert states[0]
    assert not states[-1]


def test_a_neuron_is_drawn_at_the_middle() -> None:
    drawing = drawn(replace(QUICK, jitter=0, rotate=0, scale_range=(1, 1)), neuron=True)
    answers = TinyExtractor()(drawing.pictures)[0][0, 3]
    assert float(answers[16, 20]) == pytest.approx(float(drawing.responses()), rel=1e-4)
    assert float(answers[16, 20]) > 5 * float(answers.mean())


def test_the_same_seed_gives_the_same_bytes_and_another_another_picture() -> None:
    first, again, other = (drawn(replace(QUICK, seed=seed)).pictures for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert float((first - other).abs().mean()) > 0.02


def test_a_picture_depends_on_its_number_not_on_those_beside_it() -> None:
    method = replace(QUICK, steps=6)
    together = drawn(method, numbers=(0, 1, 2)).pictures
    alone = drawn(method, numbers=(2,)).pictures
    assert torch.allclose(together[2], alone[0], atol=1e-3)
    assert float((together[0] - together[2]).abs().mean()) > 0.02


def test_diversity_tells_pictures_apart_that_still_show_their_target() -> None:
    numbers = (0, 1, 2)
    whole = (Target(),)
    start = Visualization(TinyExtractor(), whole, QUICK, numbers=numbers).responses()
    alike = drawn(targets=whole, numbers=numbers)
    apart = drawn(replace(QUICK, diversity=0.5), targets=whole, numbers=numbers)
    assert apart.similarity() < alike.similarity() - 0.1
    assert bool((apart.responses() > 3 * start).all())


def test_diversity_is_nothing_to_a_single_picture() -> None:
    assert torch.equal(drawn(replace(QUICK, diversity=3.0)).pictures, drawn().pictures)


def test_total_variation_smooths() -> None:
    rough, smooth = (drawn(replace(QUICK, tv=tv)).pictures for tv in (0.0, 0.5))
    assert float(mean_variation(smooth)) < 0.7 * float(mean_variation(rough))


def test_the_steps_shrink_to_nothing_at_the_end() -> None:
    drawing = Visualization(TinyExtractor(), (CHANNEL,), QUICK)
    changes = []
    for _ in range(QUICK.steps):
        before = drawing.pictures
        drawing.advance()
        changes.append(float((drawing.pictures - before).abs().mean()))
    assert 0 < changes[-1] < 0.2 * changes[QUICK.steps // 2]


def test_a_tap_that_weighs_nothing_is_not_climbed() -> None:
    both = TinyExtractor(("first", "second"))
    assert torch.allclose(drawn(extractor=both, targets=(CHANNEL, Target(weight=0))).pictures, drawn().pictures)


def test_weights_count_against_gradients_of_equal_length() -> None:
    method = replace(QUICK, steps=4)
    targets = (CHANNEL, Target(0.5))
    plain = drawn(method, TinyExtractor(("first", "second")), targets).pictures
    loud = drawn(method, TinyExtractor(("first", "second"), scale=1000.0), targets).pictures
    even = drawn(method, TinyExtractor(("first", "second")), (CHANNEL, Target())).pictures
    assert torch.allclose(plain, loud, atol=1e-4)
    assert not torch.allclose(plain, even, atol=1e-3)


def test_the_response_of_several_taps_is_their_weighted_sum() -> None:
    extractor = TinyExtractor(("first", "second"))
    targets = (CHANNEL, Target(0.5))
    drawing = Visualization(extractor, targets, QUICK, numbers=(0, 1))
    first, second = extractor(drawing.pictures)
    assert torch.allclose(drawing.responses(), response(first, CHANNEL) + 0.5 * response(second, Target()))


def test_a_picture_that_is_too_small_at_its_smallest_is_refused() -> None:
    Visualization(TinyExtractor(), (CHANNEL,), Method(size=(10, 20), scale_range=(0.8, 1.0)))
    with pytest.raises(SettingsError, match=r"14x7, but first needs at least 8"):
        Visualization(TinyExtractor(), (CHANNEL,), Method(size=(10, 20), scale_range=(0.7, 1.0)))
