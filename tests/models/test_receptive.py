"""What the networks say about themselves so that they can look at a picture in tiles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from dreamvid.models import Ensemble, Network

Networks = Callable[[str], Network]

LOCAL = [
    ("dreamnet", "inception3a"),
    ("googlenet", "inception3a"),
    ("vgg11", "relu3_2"),
    ("resnet18", "layer1"),
    ("resnet50", "layer1.0"),
    ("squeezenet1_1", "fire3"),
    ("alexnet", "relu2"),
    ("inception_v3", "Conv2d_4a_3x3"),
]
POOLED = [("dreamnet", "logits"), ("googlenet", "avgpool"), ("vgg11", "fc7"), ("squeezenet1_1", "logits")]


@pytest.mark.parametrize(("model", "tap"), LOCAL)
def test_a_position_sees_what_is_said_and_no_more(model: str, tap: str, random_network: Networks) -> None:
    extractor = random_network(model).extractor([tap], dtype=torch.float64)
    (stride,), (before, after) = extractor.strides, extractor.reach
    x = torch.rand(1, 3, 192, 208, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    (tap_map,) = extractor.maps(x)
    here = 96 // stride
    (gradient,) = torch.autograd.grad(tap_map[0, :, here, here].sum(), x)
    for axis in (2, 3):
        seen = gradient.abs().amax([other for other in range(4) if other != axis]).nonzero()
        first, last = int(seen.min()), int(seen.max())
        # Where a maximum is taken, or a pixel has its place at a kernel's padding, less than the most may be seen.
        assert here * stride - before <= first <= here * stride - before + 2 * stride
        assert (here + 1) * stride - 1 + after >= last >= (here + 1) * stride - 1 + after - 2 * stride


@pytest.mark.parametrize(("model", "tap"), LOCAL)
def test_the_maps_of_a_part_are_those_of_the_whole_but_for_its_edges(
    model: str, tap: str, random_network: Networks
) -> None:
    extractor = random_network(model).extractor([tap])
    (stride,), (before, after) = extractor.strides, extractor.reach
    x = torch.rand(1, 3, 200, 224, generator=torch.Generator().manual_seed(2))
    (whole,), (part,) = extractor.maps(x), extractor.maps(x[..., 32:180, 48:])
    first = -(-before // stride)
    last = (180 - 32 - after) // stride
    inner = part[..., first:last, first:]  # to the right the part ends where the picture does
    down, right = 32 // stride + first, 48 // stride + first
    same = whole[..., down : down + inner.shape[2], right : right + inner.shape[3]]
    assert min(inner.shape[2:]) > 1
    assert torch.allclose(inner, same, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))
    # One position nearer to the edge it is not: the reach is not longer than it need be.
    if before:
        outer = part[..., first - 1, first:], whole[..., down - 1, right : right + inner.shape[3]]
        assert not torch.allclose(*outer, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize(("model", "tap"), POOLED)
def test_a_pooled_tap_is_made_from_a_map_with_positions(model: str, tap: str, random_network: Networks) -> None:
    extractor = random_network(model).extractor([tap, "logits"])
    x = torch.rand(1, 3, 160, 192, generator=torch.Generator().manual_seed(2))
    maps = extractor.maps(x)
    assert extractor.pooled == (True, True)
    assert min(maps[0].shape[2:]) > 1
    for number, activation in enumerate(extractor(x)):
        assert torch.equal(extractor.from_map(number, maps[number]), activation)


def test_what_fails_inside_is_not_printed(random_network: Networks, capfd: pytest.CaptureFixture[str]) -> None:
    extractor = random_network("vgg11").extractor(["pool5"])
    extractor.minimum_side = 1
    with pytest.raises(RuntimeError):
        extractor(torch.rand(1, 3, 8, 8))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("model", "taps", "gates"),
    [
        ("dreamnet", ("inception4d", "inception3a", "logits"), ({1}, set(), {0, 1})),
        ("googlenet", ("inception4c", "inception4d.branch1", "inception4d"), (set(), {0}, {0})),
        ("resnet18", ("layer2.0.conv1", "layer2.0", "layer2.0"), (set(), set(), {1})),
        ("efficientnet_lite0", ("block13", "block10"), ({1}, set())),
    ],
)
def test_gates_are_what_all_ways_lead_through(
    model: str, taps: tuple[str, ...], gates: tuple[set[int], ...], random_network: Networks
) -> None:
    network = random_network(model)
    extractor = network.extractor(taps)
    assert extractor.gates == gates
    both = Ensemble([("other", network.extractor(["logits"])), (model, extractor)])
    assert both.gates == (set(), *({gate + 1 for gate in found} for found in gates))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_map_of_a_gate_lies_on_the_way_of_the_gradient(dtype: torch.dtype, random_network: Networks) -> None:
    extractor = random_network("efficientnet_lite0").extractor(["block13", "block10"], dtype=dtype)
    behind, gate = extractor.maps(torch.rand(1, 3, 96, 96, requires_grad=True))
    (arrived,) = torch.autograd.grad(behind, gate, torch.ones_like(behind))
    assert arrived.dtype == dtype
    assert float(arrived.abs().mean()) > 0
