from __future__ import annotations

import pytest
import torch
from torch import fx

from dreamvid.models.dreamnet import BlurPool, DreamNet, PooledUnit

STRIDES = {"conv3": 2, "inception3b": 4, "inception4a": 8, "inception4e": 8, "inception5b": 16}


@pytest.fixture(scope="module")
def network() -> DreamNet:
    torch.manual_seed(0)
    return DreamNet(0.125, 7).eval()


def test_total_strides(network: DreamNet) -> None:
    seen: dict[str, int] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update({name: 64 // output.shape[-1]})
        )
        for name in STRIDES
    ]
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 7)
    for hook in hooks:
        hook.remove()
    assert seen == STRIDES


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (50, 21)])
def test_any_size_will_do(size: tuple[int, int], network: DreamNet) -> None:
    assert network(torch.rand(1, 3, *size)).isfinite().all()


def test_it_can_be_traced(network: DreamNet) -> None:
    x = torch.rand(1, 3, 40, 40)
    assert torch.equal(fx.symbolic_trace(network)(x), network(x))


def test_the_down_sampling_is_even_handed() -> None:
    """A stride that weights some pixels more than others draws a checkerboard into every gradient."""
    x = torch.rand(1, 2, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(BlurPool()(x).sum(), x)
    assert torch.allclose(gradient[..., 2:-2, 2:-2], torch.tensor(0.25))
    stem = DreamNet(0.125, 2).conv1.conv
    reach = torch.nn.functional.conv_transpose2d(
        torch.ones(1, 1, 16, 16), torch.ones(1, 1, *stem.kernel_size), stride=stem.stride, padding=stem.padding
    )
    assert reach[..., 6:-6, 6:-6].unique().numel() == 1


def test_blur_pool_is_the_binomial_filter_at_half_the_size() -> None:
    row = torch.tensor([0.0, 0, 4, 0, 0, 8, 0, 0]).expand(1, 1, 8, 8)
    assert BlurPool()(row)[0, 0, 2].tolist() == [0, 2, 2, 2]
    assert BlurPool()(torch.rand(1, 3, 9, 12)).shape == (1, 3, 5, 6)
    stripes = (torch.arange(16) % 2).float().expand(1, 1, 16, 16)
    assert BlurPool()(stripes)[..., 1:-1].std() < 1e-6


def test_pooling_after_the_convolution_is_pooling_before_it() -> None:
    unit = PooledUnit(5, 8).eval()
    x = torch.rand(1, 5, 9, 9)
    pooled = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    assert torch.allclose(unit(x), torch.relu(unit.bn(unit.conv(pooled))), atol=1e-6)


@pytest.mark.parametrize(("width", "middle"), [(0.5, None), (0.5, 0.75), (0.25, 0.375)])
def test_a_state_dict_tells_the_size(width: float, middle: float | None) -> None:
    state = DreamNet(width, 5, middle=middle).state_dict()
    DreamNet.matching(state).load_state_dict(state)


def test_it_is_small() -> None:
    parameters = sum(p.numel() for p in DreamNet(0.5, 126, middle=0.75).parameters())
    assert 1.5e6 < parameters < 3e6
