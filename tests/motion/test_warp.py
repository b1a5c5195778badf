from __future__ import annotations

import pytest
import torch

from dreamvid.motion import warp_backward

MODES = ["bicubic", "bilinear"]


def noise(height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def constant_flow(dx: float, dy: float, height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.tensor([dx, dy])[None, :, None, None].expand(2, 2, height, width)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(40, 56), (1, 1), (7, 1), (270, 480)])
def test_zero_flow_is_identity(mode: str, size: tuple[int, int]) -> None:
    image = noise(*size)
    assert torch.equal(warp_backward(image, constant_flow(0, 0, *size), mode), image)


@pytest.mark.parametrize("mode", MODES)
def test_direction_order_and_exactness(mode: str) -> None:
    """out(x, y) = image(x + 3, y - 2), and only that."""
    image = noise()
    moved = warp_backward(image, constant_flow(3, -2), mode)
    assert torch.equal(moved[..., 2:, :-3], image[..., :-2, 3:])


@pytest.mark.parametrize("mode", MODES)
def test_whole_pixels_again_and_again_do_not_blur(mode: str) -> None:
    image = noise()
    moved = image
    for step in range(60):
        moved = warp_backward(moved, constant_flow(*((2, 1) if step % 2 else (-2, -1))), mode)
    inner = (..., slice(4, -4), slice(4, -4))
    assert torch.equal(moved[inner], image[inner])


def test_bicubic_stays_sharper_than_bilinear_on_a_round_trip() -> None:
    image = torch.nn.functional.avg_pool2d(noise(), 5, 1, 2)
    inner = (..., slice(4, -4), slice(4, -4))
    lost = {}
    for mode in MODES:
        there = warp_backward(image, constant_flow(0.4, -0.3), mode)
        back = warp_backward(there, constant_flow(-0.4, 0.3), mode)
        lost[mode] = (back - image)[inner].abs().mean()
    assert lost["bicubic"] < 0.8 * lost["bilinear"]


def test_bicubic_carried_for_long_neither_grows_nor_fades() -> None:
    """The dream is carried frame by frame: a kernel that sharpens would blow it up."""
    image = torch.nn.functional.avg_pool2d(noise(96, 96), 5, 1, 2) - 0.5
    random = torch.Generator().manual_seed(0)
    moved, inner = image, (..., slice(30, -30), slice(30, -30))
    for _ in range(20):
        dx, dy = (torch.rand(2, generator=random) * 2 - 1).tolist()
        for sign in (1, -1):
            moved = warp_backward(moved, constant_flow(sign * dx, sign * dy, 96, 96))
    assert 0.7 < moved[inner].std() / image[inner].std() < 1.0


def test_far_and_absurd_places_are_the_edge() -> None:
    image = noise()
    moved = warp_backward(image, constant_flow(1e20, 0))
    assert torch.equal(moved, image[..., -1:].expand_as(image))


@pytest.mark.parametrize("mode", MODES)
def test_a_ramp_reads_off_the_place_it_came_from(mode: str) -> None:
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(50.0), indexing="ij")
    flow = torch.stack([0.05 * y - 1.3, 0.7 - 0.04 * x])[None]
    came_from = warp_backward(torch.stack([x, y])[None], flow, mode)
    inner = (..., slice(4, -4), slice(4, -4))
    expected = torch.stack([x, y])[None] + flow
    torch.testing.assert_close(came_from[inner], expected[inner], atol=1e-3, rtol=0)


def test_outside_the_edge_repeats() -> None:
    image = noise()
    moved = warp_backward(image, constant_flow(-100, 0))
    torch.testing.assert_close(moved, image[..., :1].expand_as(image), atol=1e-5, rtol=0)


def test_the_image_keeps_its_type() -> None:
    assert warp_backward(noise().to(torch.bfloat16), constant_flow(1, 1)).dtype == torch.bfloat16


def test_a_flow_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="flow must be"):
        warp_backward(noise(), constant_flow(0, 0).permute(0, 2, 3, 1))
