"""Networks: the available ones, their weights, and the activations of their layers."""

from __future__ import annotations

from dreamvid.models.classes import class_label
from dreamvid.models.ensemble import Ensemble
from dreamvid.models.layers import LOGITS, LayerInfo
from dreamvid.models.network import (
    AUTO,
    Extractor,
    ModelInfo,
    Network,
    describe_classes,
    describe_layers,
    describe_models,
    fetch_network,
    load_fetched_network,
    load_network,
)
from dreamvid.models.spec import ModelSpec
from dreamvid.models.zoo import find_model
from dreamvid.runtime.registers import MODELS

__all__ = [
    "AUTO",
    "LOGITS",
    "MODELS",
    "Ensemble",
    "Extractor",
    "LayerInfo",
    "ModelInfo",
    "ModelSpec",
    "Network",
    "class_label",
    "describe_classes",
    "describe_layers",
    "describe_models",
    "fetch_network",
    "find_model",
    "load_fetched_network",
    "load_network",
]
