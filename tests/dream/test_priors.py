from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dreamvid.dream import DreamCore, Look, compose
from dreamvid.dream.priors import source_pull, total_variation_gradient
from tests.tiny import TinyExtractor, noise

PICTURE = noise(48, 64)


def rough(height: int = 12, width: int = 9) -> Tensor:
    return torch.rand(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def total_variation(image: Tensor) -> Tensor:
    eps = 1 / 255
    total = image.new_zeros(())
    height, width = image.shape[-2:]
    for y in range(height):
        for x in range(width):
            here = image[..., y, x]
            right = image[..., y, x + 1] - here if x + 1 < width else torch.zeros_like(here)
            below = image[..., y + 1, x] - here if y + 1 < height else torch.zeros_like(here)
            total = total + (right**2 + below**2 + eps**2).sqrt().sum()
    return total


def test_total_variation_is_the_gradient_of_its_formula() -> None:
    image = rough().requires_grad_(True)
    (expected,) = torch.autograd.grad(total_variation(image), image)
    assert torch.allclose(total_variation_gradient(image.detach()), expected)


def test_the_pull_is_the_gradient_of_its_formula_in_levels() -> None:
    image, source = rough().requires_grad_(True), rough().flip(3)
    (expected,) = torch.autograd.grad(0.5 * (image * 255 - source * 255).square().sum(), image)
    assert torch.allclose(source_pull(image.detach(), source), expected / 255)


def dream(**look: float) -> Tensor:
    return DreamCore(TinyExtractor(), Look(octaves=2, iterations=(8,), jitter=0, **look)).dream(PICTURE)


def test_total_variation_makes_the_dream_flatter() -> None:
    def roughness(image: Tensor) -> float:
        return float(image.diff(dim=2).abs().mean() + image.diff(dim=3).abs().mean())

    assert roughness(dream(tv=0.5)) < 0.7 * roughness(dream())


def test_the_pull_keeps_the_dream_near_its_source() -> None:
    free, held = ((dream(l2=l2) - PICTURE).abs().mean() for l2 in (0.0, 0.2))
    assert float(held) < 0.5 * float(free)


def test_a_pixel_settles_where_pull_and_push_are_equal() -> None:
    """With weight 0.1 the pull outweighs an average push at 10 levels."""
    settled = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(150,), jitter=0, step=0.5, l2=0.1)).dream(PICTURE)
    assert float((settled - PICTURE).abs().mean()) * 255 == pytest.approx(10, rel=0.2)


def test_step_decay_is_the_last_step_over_the_first() -> None:
    look = Look(step=2.0, step_decay=0.25)
    lengths = [2.0 * look.decay_at(i, 5) for i in range(5)]
    assert lengths == pytest.approx([2.0, 2.0 * 0.25**0.25, 1.0, 2.0 * 0.25**0.75, 0.5])
    assert look.decay_at(0, 1) == pytest.approx(1.0)
    first = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(2,), jitter=0, step_decay=1e-6)).dream(PICTURE)
    only = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0)).dream(PICTURE)
    assert torch.allclose(first, only, atol=1e-5)


def test_smoothing_keeps_the_length_of_a_step() -> None:
    one = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0, smooth=4.0)).dream(PICTURE) - PICTURE
    assert float(one.abs().mean()) * 255 == pytest.approx(1.5, rel=1e-3)
    plain = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0)).dream(PICTURE) - PICTURE
    assert float(one.diff(dim=3).abs().mean()) < 0.5 * float(plain.diff(dim=3).abs().mean())


def test_a_dream_in_brightness_moves_all_three_colors_alike() -> None:
    added = dream(keep_color=True) - PICTURE
    assert float(added.abs().mean()) > 1 / 255
    assert float((added - added[:, :1]).abs().max()) < 1e-5


def test_compose_adds_and_clips() -> None:
    picture, residual = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5) * 2 - 1
    assert torch.equal(compose(picture, residual), (picture + residual).clamp(0, 1))


def test_compose_in_brightness_keeps_color_differences_even_at_the_ends_of_the_range() -> None:
    generator = torch.Generator().manual_seed(5)
    picture = torch.rand(1, 3, 40, 50, generator=generator)
    residual = torch.rand(1, 3, 40, 50, generator=generator) * 2 - 1
    shown = compose(picture, residual, keep_color=True)
    assert torch.allclose(shown - shown[:, :1], picture - picture[:, :1], atol=1e-6)
    assert float(shown.min()) >= 0
    assert float(shown.max()) <= 1
    luma = (residual * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(1)
    room = (luma.abs() < 0.02)[0]
    inner = (picture.amin(1)[0] > 0.05) & (picture.amax(1)[0] < 0.95) & room
    assert torch.allclose((shown - picture)[0, 0][inner], luma[0][inner], atol=1e-6)


def test_under_a_black_mask_the_picture_is_untouched_to_the_bit() -> None:
    picture, residual = torch.rand(1, 3, 4, 6), torch.rand(1, 3, 4, 6)
    mask = torch.zeros(1, 1, 4, 6)
    mask[..., 2:4] = 0.5
    mask[..., 4:] = 1
    shown = compose(picture, residual, mask=mask)
    whole = compose(picture, residual)
    assert torch.equal(shown[..., :2], picture[..., :2])
    assert torch.allclose(shown[..., 2:4], (picture + whole)[..., 2:4] / 2)
    assert torch.equal(shown[..., 4:], whole[..., 4:])
