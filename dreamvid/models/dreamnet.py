"""dreamnet: a small GoogLeNet for small pictures, built to be dreamed with.

Topology and layer names are GoogLeNet's (Szegedy et al. 2015, "Going deeper with convolutions"). What differs
has one purpose: nothing in the network may leave a regular pattern in the gradient on the picture.

- Every stride is even-handed: each input pixel counts with the same total weight in the outputs (6x6 kernel at
  stride 2, binomial blur at stride 2), so there is no checkerboard (Odena et al. 2016; Zhang 2019).
- No max pooling. Behind a maximum one spot feeds a whole neighborhood, so a lattice of spots is the cheapest
  way to excite the next layer, and that is what dreams turn into.
- The total stride at inception4a to 4e is 8 instead of 16: made for pictures of 64 x 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Branches(NamedTuple):
    """Channels of one inception block: of each branch's output, and of the reductions before the 3x3s."""

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pooled: int


# GoogLeNet's own channel numbers (Szegedy et al. 2015, table 1); `width` and `middle` scale them.
_BLOCKS = {
    "inception3a": _Branches(64, 96, 128, 16, 32, 32),
    "inception3b": _Branches(128, 128, 192, 32, 96, 64),
    "inception4a": _Branches(192, 96, 208, 16, 48, 64),
    "inception4b": _Branches(160, 112, 224, 24, 64, 64),
    "inception4c": _Branches(128, 128, 256, 24, 64, 64),
    "inception4d": _Branches(112, 144, 288, 32, 64, 64),
    "inception4e": _Branches(256, 160, 320, 32, 128, 128),
    "inception5a": _Branches(256, 160, 320, 32, 128, 128),
    "inception5b": _Branches(384, 192, 384, 48, 128, 128),
}
_STEM_CHANNELS = 64
_CONV3_CHANNELS = 192


def _scaled(channels: int, width: float) -> int:
    """Channels at a width, in eights: what vector units like."""
    return max(8, round(channels * width / 8) * 8)


class ConvUnit(nn.Module):
    """Convolution without bias, batch normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class PooledUnit(ConvUnit):
    """A 3x3 average followed by a 1x1 ConvUnit.

    The average comes after the convolution: the two commute, and there are fewer channels to average there.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        averaged = F.avg_pool2d(self.conv(x), 3, stride=1, padding=1, count_include_pad=False)
        return F.relu(self.bn(averaged))


class BlurPool(nn.Module):
    """Halve the size through the binomial filter [1 2 1] / 4 in both directions; n becomes ceil(n / 2).

    Written as two box filters of two pixels, which is what the binomial is.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.avg_pool2d(x, 2, stride=1, padding=1, count_include_pad=False), 2)


class Inception(nn.Module):
    """Four branches side by side: 1x1; 3x3; two 3x3 (a 5x5 field); average and 1x1; stacked."""

    def __init__(self, inputs: int, size: _Branches) -> None:
        super().__init__()
        self.channels = size.one + size.three + size.five + size.pooled
        self.branch1 = ConvUnit(inputs, size.one, 1)
        self.branch2 = nn.Sequential(
            ConvUnit(inputs, size.reduce_three, 1),
            ConvUnit(size.reduce_three, size.three, 3, padding=1),
        )
        self.branch3 = nn.Sequential(
            ConvUnit(inputs, size.reduce_five, 1),
            ConvUnit(size.reduce_five, size.five, 3, padding=1),
            ConvUnit(size.five, size.five, 3, padding=1),
        )
        self.branch4 = PooledUnit(inputs, size.pooled)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class DreamNet(nn.Module):
    """The network: (N, 3, H, W) normalized pictures to (N, classes) scores before the softmax.

    Args:
        width: GoogLeNet's channel numbers are multiplied by this, and rounded to eights.
        classes: how many scores come out.
        middle: the same factor for inception4a to 4e alone; `None`: as `width`. Both are attributes.

    Total strides: conv1 to conv3 2, inception3a and 3b 4, inception4a to 4e 8, inception5a and 5b 16.
    Any picture of at least 16 x 16 pixels will do.
    """

    def __init__(self, width: float = 0.5, classes: int = 126, *, middle: float | None = None) -> None:
        super().__init__()
        middle = width if middle is None else middle
        self.width, self.middle = width, middle

        def block(name: str, inputs: int) -> Inception:
            factor = middle if name.startswith("inception4") else width
            return Inception(inputs, _Branches(*(_scaled(channels, factor) for channels in _BLOCKS[name])))

        stem = _scaled(_STEM_CHANNELS, width)
        self.conv1 = ConvUnit(3, stem, 6, stride=2, padding=2)
        self.conv2 = ConvUnit(stem, stem, 1)
        self.conv3 = ConvUnit(stem, _scaled(_CONV3_CHANNELS, width), 3, padding=1)
        self.pool3 = BlurPool()
        self.inception3a = block("inception3a", _scaled(_CONV3_CHANNELS, width))
        self.inception3b = block("inception3b", self.inception3a.channels)
        self.pool4 = BlurPool()
        self.inception4a = block("inception4a", self.inception3b.channels)
        self.inception4b = block("inception4b", self.inception4a.channels)
        self.inception4c = block("inception4c", self.inception4b.channels)
        self.inception4d = block("inception4d", self.inception4c.channels)
        self.inception4e = block("inception4e", self.inception4d.channels)
        self.pool5 = BlurPool()
        self.inception5a = block("inception5a", self.inception4e.channels)
        self.inception5b = block("inception5b", self.inception5a.channels)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(self.inception5b.channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    @classmethod
    def matching(cls, state: Mapping[str, Tensor]) -> Self:
        """Return an untrained network of the size that a state dict was saved from, read off its shapes."""
        return cls(
            width=len(state["conv1.conv.weight"]) / _STEM_CHANNELS,
            middle=len(state["inception4e.branch1.conv.weight"]) / _BLOCKS["inception4e"].one,
            classes=len(state["fc.weight"]),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3(self.conv2(self.conv1(x)))
        x = self.inception3b(self.inception3a(self.pool3(x)))
        x = self.inception4c(self.inception4b(self.inception4a(self.pool4(x))))
        x = self.inception4e(self.inception4d(x))
        x = self.inception5b(self.inception5a(self.pool5(x)))
        return self.fc(self.dropout(x.mean((2, 3))))  # type: ignore[no-any-return]
