"""The extractor computes what the whole network computes at a layer, and nothing beyond it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dreamvid.models import Network

Networks = Callable[[str], Network]

# model, tap, the module of the plain network whose output it is
ONE_PER_FAMILY = [
    ("googlenet", "inception_4a/output", "inception4a"),
    ("vgg11", "relu4_2", "features.14"),
    ("vgg11_bn", "pool4", "features.21"),
    ("resnet18", "layer3", "layer3"),
    ("resnet50", "layer3.1", "layer3.1"),
    ("alexnet", "relu3", "features.7"),
    ("inception_v3", "Mixed_6a", "Mixed_6a"),
    ("squeezenet1_1", "fire5", "features.7"),
    ("dreamnet", "inception4b", "inception4b"),
    ("googlenet", "logits", "fc"),
    ("vgg11", "fc7", "classifier.3"),
    ("squeezenet1_0", "logits", ""),
]


def plain_activation(network: Network, path: str, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """What a hook sees on the network's own module; cloned, because a later ReLU may work in place."""
    seen: list[Tensor] = []
    module = network.module.get_submodule(path)
    handle = module.register_forward_hook(lambda _m, _i, out: seen.append(out.clone()))
    mean, std = (torch.tensor(values, dtype=dtype).view(1, 3, 1, 1) for values in (network.mean, network.std))
    try:
        network.module((x.to(dtype) - mean) / std)
    finally:
        handle.remove()
    return seen[0]


@pytest.mark.parametrize(("model", "tap", "path"), ONE_PER_FAMILY)
def test_equals_the_whole_network(
    model: str, tap: str, path: str, random_network: Networks, picture: Tensor
) -> None:
    network = random_network(model)
    extractor = network.extractor([tap])
    with torch.no_grad():
        (fast,) = extractor(picture)
        plain = plain_activation(network, path, picture)
    assert fast.shape == plain.shape
    assert fast.shape[1] == extractor.channels[0]
    assert torch.allclose(fast, plain, rtol=1e-4, atol=1e-4 * plain.abs().max().item())
    assert plain.std() > 0.01, "the comparison must not be one of zeros"


def test_googlenet_keeps_the_input_transform(picture: Tensor, random_network: Networks) -> None:
    """torchvision normalizes with ImageNet's numbers, then rescales inside the network."""
    from torchvision.models import googlenet

    network = random_network("googlenet")
    reference = googlenet(weights=None, aux_logits=False, transform_input=True, init_weights=False).eval()
    reference.load_state_dict(network.module.state_dict())
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = reference((picture - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
        (scores,) = network.extractor(["logits"])(picture)
    assert torch.allclose(scores, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_taps_come_in_the_order_asked_for(random_network: Networks, picture: Tensor) -> None:
    extractor = random_network("googlenet").extractor(["inception4a", "conv2", "inception_4a/3x3"])
    deep, shallow, branch = extractor(picture)
    assert extractor.taps == ("inception4a", "conv2", "inception4a.branch2")
    assert (deep.shape[1], shallow.shape[1], branch.shape[1]) == extractor.channels == (512, 64, 208)
    assert torch.equal(deep[:, 192:400], branch)


@pytest.mark.parametrize(
    ("model", "tap"),
    [
        ("googlenet", "inception3b"),
        ("googlenet", "inception3b.branch2"),
        ("vgg11", "relu3_2"),
        ("vgg11_bn", "relu3_2"),
        ("resnet18", "layer2"),
        ("squeezenet1_1", "fire4"),
        ("dreamnet", "inception4a"),
    ],
)
def test_pre_is_before_the_relu(model: str, tap: str, random_network: Networks, picture: Tensor) -> None:
    after, before = random_network(model).extractor([tap, f"{tap}/pre"])(picture)
    assert before.min() < 0 <= after.min()
    assert torch.allclose(before.clamp(min=0), after, atol=1e-5 * after.max().item())


def test_a_tapped_convolution_is_not_overwritten(random_network: Networks, picture: Tensor) -> None:
    """Its ReLU works in place in torchvision, and runs here too, for the deeper tap."""
    network = random_network("vgg11")
    conv, _ = network.extractor(["conv3_1", "relu3_2"])(picture)
    assert conv.min() < 0
    assert torch.equal(conv, network.extractor(["conv3_1"])(picture)[0])


def test_a_raw_convolution_is_tapped_without_its_batch_norm(random_network: Networks, picture: Tensor) -> None:
    network = random_network("resnet18")
    with torch.no_grad():
        raw, normalized = network.extractor(["layer1.0.conv1", "layer1.0.bn1"])(picture)
        assert torch.allclose(raw, plain_activation(network, "layer1.0.conv1", picture), atol=1e-3)
        assert torch.allclose(normalized, plain_activation(network, "layer1.0.bn1", picture), atol=1e-3)


@pytest.mark.parametrize(("taps", "convolutions"), [(["conv1"], 1), (["inception_3a/1x1"], 4), (["inception3a"], 7)])
def test_nothing_beyond_the_taps_is_kept_or_run(
    taps: list[str], convolutions: int, random_network: Networks, picture: Tensor
) -> None:
    extractor = random_network("googlenet").extractor(taps)
    kinds = [type(module) for module in extractor.modules()]
    assert kinds.count(nn.Conv2d) == convolutions
    assert nn.BatchNorm2d not in kinds
    assert nn.Dropout not in kinds
    with FlopCounterMode(display=False) as counter:
        extractor(picture)
    stem = 64 * 192 / 4  # 7 x 7 pixels of 3 colors, in 4 x 4 blocks of 2 x 2
    per_pixel = {1: stem, 4: stem + 64 * 64 / 16 + 192 * 576 / 16 + 64 * 192 / 64}
    if convolutions in per_pixel:
        assert counter.get_total_flops() == 2 * per_pixel[convolutions] * 80 * 80


def test_the_same_gradient_as_the_plain_network(random_network: Networks, picture: Tensor) -> None:
    network = random_network("googlenet")
    x = picture.clone().requires_grad_()
    (fast,) = torch.autograd.grad(network.extractor(["inception4a"])(x)[0].pow(2).sum(), x)
    (plain,) = torch.autograd.grad(plain_activation(network, "inception4a", x).pow(2).sum(), x)
    assert torch.allclose(fast, plain, rtol=1e-3, atol=1e-4 * plain.abs().max().item())


def test_double_precision_agrees_to_rounding(random_network: Networks, picture: Tensor) -> None:
    """Folding is exact: what differs in float32 is rounding alone."""
    network = random_network("squeezenet1_1")
    with torch.no_grad():
        (fast,) = network.extractor(["fire5"], dtype=torch.float64)(picture.double())
        (slow,) = network.extractor(["fire5"])(picture)
    assert fast.dtype == torch.float64
    assert torch.allclose(fast.float(), slow, rtol=1e-4, atol=1e-4 * slow.max().item())


def test_bfloat16_is_close_and_gives_float32_back(random_network: Networks, picture: Tensor) -> None:
    network = random_network("googlenet")
    exact, half = network.extractor(["inception3b"]), network.extractor(["inception3b"], dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    gradients = []
    for extractor in (exact, half):
        x = picture.clone().requires_grad_()
        (activation,) = extractor(x)
        assert activation.dtype == torch.float32
        gradients.append(torch.autograd.grad(activation.pow(2).sum(), x)[0])
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(gradients[0].flatten(), gradients[1].flatten(), dim=0) > 0.98
    error = (exact(picture)[0] - half(picture)[0]).norm() / exact(picture)[0].norm()
    assert 0 < error < 0.02


def test_parameters_are_frozen_and_not_shared(random_network: Networks) -> None:
    network = random_network("squeezenet1_1")
    before = network.module.features[0].weight.clone()
    extractor = network.extractor(["pool1"])
    assert not any(p.requires_grad for p in [*extractor.parameters(), *network.module.parameters()])
    next(extractor.parameters()).zero_()
    assert torch.equal(network.module.features[0].weight, before)
    assert not network.module.training


@pytest.mark.parametrize(
    ("model", "tap", "stride"),
    [
        ("googlenet", "inception4d", 16),
        ("vgg11", "pool5", 32),
        ("alexnet", "pool5", 32),
        ("dreamnet", "inception5a", 16),
    ],
)
def test_minimum_side_is_the_smallest_that_works(
    model: str, tap: str, stride: int, random_network: Networks
) -> None:
    extractor = random_network(model).extractor([tap])
    side = extractor.minimum_side
    assert extractor.stride == stride
    assert 1 < side <= random_network(model).spec.minimum_side
    assert min(extractor(torch.rand(1, 3, side, side))[0].shape) >= 1
    with pytest.raises(ValueError, match=f"at least {side} px a side, not 90x{side - 1}"):
        extractor(torch.rand(1, 3, side - 1, 90))
    with pytest.raises(RuntimeError):
        extractor.body(torch.rand(1, 3, side - 1, side - 1))
