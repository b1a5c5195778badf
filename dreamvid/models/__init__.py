"""Networks: which there are, where their weights come from, and the activations of their layers."""

from __future__ import annotations

from dreamvid.models.layers import LOGITS, LayerInfo
from dreamvid.models.network import (
    AUTO,
    Extractor,
    ModelInfo,
    Network,
    describe_layers,
    describe_models,
    load_network,
)
from dreamvid.models.zoo import MODELS, ModelSpec, find_model

__all__ = [
    "AUTO",
    "LOGITS",
    "MODELS",
    "Extractor",
    "LayerInfo",
    "ModelInfo",
    "ModelSpec",
    "Network",
    "describe_layers",
    "describe_models",
    "find_model",
    "load_network",
]
