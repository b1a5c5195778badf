"""The lean network gives the numbers of the one that it was made of, and so do its gradients."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from dreamvid.models import load_network
from dreamvid.models.optimize import BlockConv, optimize


def same(module: nn.Module, lean: nn.Module, picture: Tensor, tolerance: float = 1e-10) -> None:
    """Both give the same tensors and the same gradients, in float64, up to `tolerance` of the largest."""
    results = []
    for network in (module, lean):
        image = picture.clone().requires_grad_(True)
        taps = network(image)
        weights = [torch.linspace(-1, 1, tap.numel(), dtype=tap.dtype).reshape(tap.shape) for tap in taps]
        sum((tap * weight).sum() for tap, weight in zip(taps, weights, strict=True)).backward()
        results.append([*[tap.detach() for tap in taps], image.grad])
    for plain, made in zip(*results, strict=True):
        assert (plain - made).abs().max() <= tolerance * plain.abs().max()


def trace(module: nn.Module) -> tuple[nn.Module, fx.GraphModule]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.3)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.running_mean)
                nn.init.uniform_(part.running_var, 0.5, 2)
    module = module.double().eval().requires_grad_(False)
    return module, optimize(fx.symbolic_trace(copy.deepcopy(module)))


@pytest.mark.parametrize("kernel", [2, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(16, 20), (17, 23), (21, 16)])
def test_a_stem_of_blocks_is_the_strided_convolution(kernel: int, padding: int, size: tuple[int, int]) -> None:
    conv = nn.Conv2d(3, 5, kernel, 2, padding).double().requires_grad_(False)
    image = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    same(nn.Sequential(conv, Listed()), nn.Sequential(BlockConv(conv), Listed()), image)


class Listed(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x]


class Block(nn.Module):
    """A stem, four branches that begin with one pixel, one of them averaged, and taps before ReLUs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 7, 2, 3)
        self.one, self.two, self.three = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 2, 1, bias=False), nn.Conv2d(6, 3, 1)
        self.strided = nn.Conv2d(6, 2, 1, 2)
        self.next = nn.Conv2d(2, 5, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.stem(x))
        pre = self.one(x)
        pooled = F.avg_pool2d(self.three(x), 3, stride=1, padding=1, count_include_pad=False)
        return (
            pre,
            torch.cat([F.relu(pre), F.relu(self.next(F.relu(self.two(x)))), F.relu(self.bn(pooled))], 1),
            self.strided(x),
        )


def test_a_block_with_taps_inside() -> None:
    plain, lean = trace(Block())
    for size in ((24, 24), (23, 31)):
        same(plain, lean, torch.rand(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))
    names = [type(module).__name__ for module in lean.modules()]
    assert names.count("BlockConv") == 1
    assert "BatchNorm2d" not in names
    ones = [m for m in lean.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1) and m.stride == (1, 1)]
    assert [conv.out_channels for conv in ones] == [9]


def test_a_norm_behind_an_average_that_counts_padding_stays() -> None:
    class Padded(Block):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return (self.bn(F.avg_pool2d(self.three(self.stem(x)), 3, stride=1, padding=1)),)

    plain, lean = trace(Padded())
    same(plain, lean, torch.rand(1, 3, 20, 20, dtype=torch.float64))


def test_a_relu_does_not_touch_what_somebody_else_reads() -> None:
    class Shared(Block):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            x = self.stem(x)
            return F.relu(x), F.relu(self.next(self.strided(F.relu(x)))), x

    plain, lean = trace(Shared())
    same(plain, lean, torch.rand(1, 3, 20, 20, dtype=torch.float64))


@pytest.mark.parametrize(("model", "layers"), [
    ("dreamnet", ["conv1", "inception3a", "inception3b/pre", "inception4d"]),
    ("googlenet", ["conv1", "inception3a/pre", "inception4a"]),
    ("resnet50", ["conv1", "layer1"]),
    ("vgg16", ["relu2_2", "relu2_2/pre"]),
])  # fmt: skip
def test_networks_see_the_same(model: str, layers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_network(model, random_seed=0)
    lean = network.extractor(layers, dtype=torch.float64)
    monkeypatch.setattr("dreamvid.models.network.optimize", lambda body: body)
    plain = network.extractor(layers, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    for size in ((64, 64), (67, 81)):
        picture = torch.rand(1, 3, *size, dtype=torch.float64, generator=generator)
        same(plain, lean, picture, 1e-5)  # norms are folded in float32
