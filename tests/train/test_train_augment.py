from __future__ import annotations

import pytest
import torch

from dreamvid.train.augment import color_matrices, random_colors, random_crops


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(64, 3, 24, 24, generator=seeded(9))


def test_hue_and_saturation_leave_gray_alone() -> None:
    gray = torch.full((3,), 0.37)
    assert torch.allclose(color_matrices(200, seeded()) @ gray, gray.expand(200, 3), atol=1e-6)


def test_colors_move_hue_and_some_pictures_turn_gray(pictures: torch.Tensor) -> None:
    red = torch.tensor([1.0, 0, 0])
    mixed = color_matrices(400, seeded()) @ red
    spread = mixed.amax(1) - mixed.amin(1)
    assert 0.08 < (spread < 1e-5).float().mean() < 0.25
    colored = mixed[spread > 0.1]
    assert (colored[:, 1] > colored[:, 2]).any()
    assert (colored[:, 1] < colored[:, 2]).any()


def test_colors_stay_within_range_and_change_the_pictures(pictures: torch.Tensor) -> None:
    changed = random_colors(pictures, seeded())
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed - pictures).abs().mean((1, 2, 3)).min() > 0.001


def test_no_strength_changes_nothing(pictures: torch.Tensor) -> None:
    assert torch.equal(random_colors(pictures, seeded(), strength=0), pictures)


def test_the_seed_decides(pictures: torch.Tensor) -> None:
    def augmented(seed: int) -> torch.Tensor:
        generator = seeded(seed)
        return random_colors(random_crops(pictures, 16, generator), generator)

    assert torch.equal(augmented(1), augmented(1))
    assert not torch.equal(augmented(1), augmented(2))


def test_crops_have_the_size_and_show_only_the_picture(pictures: torch.Tensor) -> None:
    crops = random_crops(pictures, 20, seeded())
    assert crops.shape == (64, 3, 20, 20)
    assert crops.min() >= 0
    assert crops.max() <= 1


def test_crops_keep_at_least_the_stated_area() -> None:
    ramp = torch.linspace(0, 1, 64).expand(500, 3, 64, 64)
    seen = random_crops(ramp, 64, seeded(), area=0.5)[:, 0, 32]
    widths = (seen[:, -1] - seen[:, 0]).abs()
    # Half of the area at the narrowest aspect, and nearly the whole width at the other end.
    assert 0.5**0.5 * 2.718 ** (-0.125) - 0.03 < widths.min() < 0.75
    assert widths.max() > 0.97


def test_half_of_the_crops_are_mirrored_only_if_wanted() -> None:
    ramp = torch.linspace(0, 1, 32).expand(400, 3, 32, 32)

    def mirrored_share(flip: bool) -> float:
        crops = random_crops(ramp, 32, seeded(), flip=flip)
        return float((crops[:, 0, 16, 0] > crops[:, 0, 16, -1]).float().mean())

    assert 0.4 < mirrored_share(True) < 0.6
    assert mirrored_share(False) == 0


def test_strong_shrinking_does_not_alias() -> None:
    fine = (torch.arange(128) % 2).float().expand(8, 3, 128, 128)
    assert random_crops(fine, 16, seeded()).std() < 0.05
