"""A layer answers to every name that people have for it."""

from __future__ import annotations

import pytest

from dreamvid.errors import ModelError
from dreamvid.models import MODELS, describe_layers
from dreamvid.models.layers import LayerTable
from dreamvid.models.weights import build_skeleton


def table(model: str) -> LayerTable:
    return LayerTable(build_skeleton(MODELS[model]), MODELS[model])


SPELLINGS = {
    "googlenet": {
        "inception4d": "inception4d inception_4d Inception_4D inception_4d/output inception4d.output mixed4d "
        "mixed_4d inception4d.cat cat_5",
        "inception4d.branch1": "inception_4d/1x1 mixed4d_1x1 inception4d.branch1 inception4d.branch1.relu",
        "inception4d.branch2": "inception_4d/3x3 inception4d.branch2.1 mixed4d_3x3",
        "inception4d.branch2.0": "inception_4d/3x3_reduce mixed4d_3x3_bottleneck",
        "inception4d.branch3": "inception_4d/5x5",
        "inception4d.branch4": "inception_4d/pool_proj mixed4d_pool_reduce",
        "inception4d.branch1.conv": "inception4d.branch1.conv inception4d_branch1_conv",
        "inception4d/pre": "inception4d/pre inception4d:pre inception_4d/output/pre mixed4d.pre",
        "conv3": "conv2/3x3 conv2d2 conv3",
        "maxpool3": "pool3/3x3_s2 maxpool3",
        "logits": "logits fc loss3/classifier LOGITS",
    },
    "vgg16": {
        "relu4_3": "relu4_3 relu43 RELU4-3 features.22 block4_conv3 features_22",
        "conv4_3": "conv4_3 features.21",
        "relu4_3/pre": "relu4_3/pre relu4_3:pre features.22.pre",
        "pool4": "pool4 block4_pool features/23",
        "fc7": "fc7 classifier.3",
        "logits": "logits fc8 classifier.6",
    },
    "vgg16_bn": {"relu4_3": "relu4_3 features.32", "conv4_3": "conv4_3 features.31", "features.30": "features.30"},
    "vgg19": {"relu5_4": "relu5_4 features.35", "pool5": "pool5 features.36"},
    "resnet50": {
        "layer3": "layer3 layer3.5 layer3.5.relu_2 res4 conv4_x conv4_block6_out layer3/output",
        "layer3.4": "layer3.4 Layer3/4 conv4_block5_out",
        "layer3.5.conv2": "layer3.5.conv2 layer3_5_conv2",
        "layer3.5.relu": "layer3.5.relu",
        "layer3.5.add": "layer3.5.add",
        "layer3/pre": "layer3/pre layer3.5:pre",
        "layer1.0.downsample": "layer1.0.downsample layer1.0.downsample.1",
    },
    "alexnet": {"relu5": "relu5 features.11", "conv5": "conv5 features.10", "fc6": "fc6 classifier.1"},
    "inception_v3": {
        "Mixed_6c": "Mixed_6c mixed6c mixed5 mixed_6c",
        "Mixed_6c.branch1x1": "mixed_6c.branch1x1",
        "Conv2d_4a_3x3": "conv2d_4a_3x3",
    },
    "squeezenet1_0": {"fire8": "fire8 features.10", "fire9/expand3x3": "fire9/expand3x3 fire9.expand3x3"},
    "squeezenet1_1": {"fire8": "fire8 features.11", "conv10": "conv10", "logits": "logits"},
    "dreamnet": {
        "inception4d": "inception4d inception_4d/output mixed4d",
        "inception4d.branch2": "inception_4d/3x3",
        "pool5": "pool5",
        "logits": "fc logits",
    },
}


@pytest.mark.parametrize("model", SPELLINGS)
def test_spellings(model: str) -> None:
    layers = table(model)
    for canonical, aliases in SPELLINGS[model].items():
        for spelling in aliases.split():
            assert layers.resolve(spelling) == canonical, spelling
        assert layers.resolve(canonical) == canonical


def test_a_batch_normed_vgg_has_its_conv_names_before_the_relu() -> None:
    layers = table("vgg11_bn")
    assert len(layers.subgraph(["relu3_1/pre"]).nodes) == len(layers.subgraph(["conv3_1"]).nodes)
    assert layers.info("conv3_1").kind == "norm"


@pytest.mark.parametrize("model", MODELS)
def test_every_listed_name_and_alias_leads_back(model: str) -> None:
    layers = table(model)
    infos = layers.infos(detail=True)
    assert len({info.name for info in infos}) == len(infos)
    for info in infos:
        for spelling in (info.name, *info.aliases):
            assert layers.resolve(spelling) == info.name
        assert info.channels > 0
        assert info.name not in info.aliases
    assert infos[-1].name == "logits"
    assert layers.resolve(MODELS[model].default_layer) == MODELS[model].default_layer
    assert layers.info(MODELS[model].default_layer).stride in (8, 16)


@pytest.mark.parametrize("model", ["googlenet", "vgg16", "resnet18", "inception_v3"])
def test_listing_runs_from_shallow_to_deep(model: str) -> None:
    infos = describe_layers(model)
    assert infos[0].name.lower().startswith("conv")
    assert infos[-1].name == "logits"
    blocks = [info.stride for info in infos if info.stride and "." not in info.name]
    assert blocks == sorted(blocks)
    assert len(infos) < 80


def test_facts_of_a_layer() -> None:
    layers = table("googlenet")
    assert (layers.info("inception_4d/output").channels, layers.info("inception4d").stride) == (528, 16)
    assert layers.info("inception4d").kind == "block"
    assert "mixed4d" in layers.info("inception4d").aliases
    assert (layers.info("logits").channels, layers.info("logits").stride) == (1000, None)
    assert layers.info("inception4d/pre").kind == "pre"
    vgg = {info.name: (info.kind, info.channels, info.stride) for info in table("vgg16").infos()}
    assert vgg["conv4_3"] == ("conv", 512, 8)
    assert vgg["pool4"] == ("pool", 512, 16)


def test_strides_hold_for_valid_convolutions() -> None:
    """Inception v3 does not pad its stem, so its sizes are no multiples; the stride still is 8, 16, 32."""
    layers = table("inception_v3")
    assert [layers.info(name).stride for name in ("Mixed_5d", "Mixed_6e", "Mixed_7c")] == [8, 16, 32]


@pytest.mark.parametrize(
    ("model", "text", "parts"),
    [
        ("googlenet", "inception4f", ["'inception4f'; did you mean inception4", "`dreamvid layers googlenet`"]),
        ("vgg16", "relu9_9", ["no layer 'relu9_9'", "`dreamvid layers vgg16`"]),
        ("vgg16", "", ["no layer ''", "`dreamvid layers vgg16`"]),
        ("vgg16", "pool4/pre", ["does not end in a ReLU", "use 'pool4'"]),
        ("googlenet", "logits:pre", ["does not end in a ReLU"]),
        ("resnet18", "inception4d", ["resnet18 has no layer"]),
    ],
)
def test_unknown_layers_are_one_line_with_a_way_out(model: str, text: str, parts: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        table(model).resolve(text)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_tap_on_dropout_does_not_exist_but_its_neighbors_do() -> None:
    layers = table("alexnet")
    with pytest.raises(ModelError):
        layers.resolve("classifier.0")
    assert layers.resolve("relu6") == "relu6"
