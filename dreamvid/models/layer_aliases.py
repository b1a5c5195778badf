"""Tables of the names people call layers by: module path -> aliases, of which the first is the one shown.

Papers, Caffe, Keras, Lucid and torchvision each named the same layers differently, and people type what the
tutorial in front of them says. Letter case, `_` and `-` never matter, `/` and `.` are the same, and an ending
`/output` is ignored (see `layers.py`): a table lists only aliases that differ in more than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LayerAliases = Mapping[str, tuple[str, ...]]

_INCEPTION_BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")

# torchvision's branch -> (Caffe's name, Lucid's). torchvision's 5x5 is really a 3x3; its name stays.
_INCEPTION_BRANCHES = {
    "branch1": ("1x1", "1x1"),
    "branch2.0": ("3x3_reduce", "3x3_bottleneck"),
    "branch2": ("3x3", "3x3"),
    "branch3.0": ("5x5_reduce", "5x5_bottleneck"),
    "branch3": ("5x5", "5x5"),
    "branch4": ("pool_proj", "pool_reduce"),
}


def googlenet(pools: Sequence[str]) -> LayerAliases:
    """Names for GoogLeNet and its like; `pools`: the paths of the poolings in order of depth."""
    table: dict[str, tuple[str, ...]] = {
        "conv1": ("conv1", "conv1/7x7_s2", "conv2d0"),
        "conv2": ("conv2", "conv2/3x3_reduce", "conv2d1"),
        "conv3": ("conv3", "conv2/3x3", "conv2d2"),
        "fc": ("fc", "loss3/classifier"),
    }
    for block in _INCEPTION_BLOCKS:
        table[f"inception{block}"] = (f"inception{block}", f"mixed{block}")
        for branch, (caffe, lucid) in _INCEPTION_BRANCHES.items():
            path = f"inception{block}.{branch}"
            table[path] = (path, f"inception{block}/{caffe}", f"mixed{block}_{lucid}")
    for number, path in enumerate(pools, 1):
        table[path] = (path, f"pool{number}", f"pool{number}/3x3_s2")
    return table


def inception_v3() -> LayerAliases:
    """Names for Inception v3: Keras counts its blocks from `mixed0` to `mixed10`."""
    blocks = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
    return {f"Mixed_{block}": (f"Mixed_{block}", f"mixed{i}") for i, block in enumerate(blocks)}


def _classifier(first: int, step: int) -> dict[str, tuple[str, ...]]:
    """The three fully connected layers that AlexNet and VGG share; `step`: modules from one to the next."""
    return {
        f"classifier.{first}": ("fc6",),
        f"classifier.{first + 1}": ("relu6",),
        f"classifier.{first + step}": ("fc7",),
        f"classifier.{first + step + 1}": ("relu7",),
        "classifier.6": ("fc8",),
    }


def vgg(convolutions: Sequence[int], *, batch_norm: bool) -> LayerAliases:
    """Names for VGG with so many convolutions per block: `conv4_3` (before its ReLU), `relu4_3`, `pool4`."""
    table: dict[str, tuple[str, ...]] = {}
    index = 0
    for block, count in enumerate(convolutions, 1):
        for number in range(1, count + 1):
            index += 1 if batch_norm else 0  # the response before the ReLU is the normalized one
            table[f"features.{index}"] = (f"conv{block}_{number}",)
            table[f"features.{index + 1}"] = (f"relu{block}_{number}", f"block{block}_conv{number}")
            index += 2
        table[f"features.{index}"] = (f"pool{block}", f"block{block}_pool")
        index += 1
    return table | _classifier(0, 3)


def alexnet() -> LayerAliases:
    """Names for AlexNet: `conv3` (before its ReLU), `relu3`, `pool5`."""
    names = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "conv4", "relu4"]
    names += ["conv5", "relu5", "pool5"]
    return {f"features.{i}": (name,) for i, name in enumerate(names)} | _classifier(1, 3)


def resnet(blocks: Sequence[int]) -> LayerAliases:
    """Names for ResNet with so many blocks per stage: `layer3`, `layer3.5`, Keras' `conv4_block6_out`."""
    table: dict[str, tuple[str, ...]] = {}
    for stage, count in enumerate(blocks, 1):
        table[f"layer{stage}"] = (f"layer{stage}", f"conv{stage + 1}_x", f"res{stage + 1}")
        for block in range(count):
            path = f"layer{stage}.{block}"
            table[path] = (path, f"conv{stage + 1}_block{block + 1}_out")
    return table


def squeezenet(modules: Sequence[str]) -> LayerAliases:
    """Names for SqueezeNet, whose features are these in order; a `fire` also names its three convolutions."""
    table: dict[str, tuple[str, ...]] = {}
    for i, name in enumerate(modules):
        table[f"features.{i}"] = (name,)
        if name.startswith("fire"):
            for part, caffe in (("squeeze", "squeeze1x1"), ("expand1x1",) * 2, ("expand3x3",) * 2):
                table[f"features.{i}.{part}_activation"] = (f"{name}/{caffe}",)
    return table | {"classifier.1": ("conv10",), "classifier.2": ("relu_conv10",)}


def efficientnet_lite(repeats: Sequence[int]) -> LayerAliases:
    """Names for EfficientNet-Lite with so many blocks per stage: `block10` counts them all from 0; Keras says
    `block5c`, timm `blocks.4.2`."""
    table: dict[str, tuple[str, ...]] = {"stem": ("stem",), "head": ("head",)}
    number = 0
    for stage, count in enumerate(repeats):
        for repeat in range(count):
            path = f"block{number}"
            table[path] = (path, f"block{stage + 1}{chr(ord('a') + repeat)}", f"blocks.{stage}.{repeat}")
            number += 1
    return table
