"""The networks that can be trained, from random weights or from others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dreamvid.errors import ModelError, SettingsError, did_you_mean
from dreamvid.models import Network, fetch_network, load_fetched_network
from dreamvid.models.dreamnet import DreamNet
from dreamvid.models.efficientnet_lite import SIZES, EfficientNetLite
from dreamvid.models.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from dreamvid.runtime.events import Progress
from dreamvid.train.settings import PRETRAINED, TrainSettings


class Interface(NamedTuple):
    """What goes into a network, and what comes out: its classes, in the order of the scores, and the `mean` and `std`
    that pictures, RGB in [0, 1], are normalized with."""

    classes: tuple[str, ...]
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


def fetch_start(settings: TrainSettings) -> Iterator[Progress]:
    """Download what `load_start` needs, yielding how far that is. Raises `ModelError`."""
    if settings.finetune == PRETRAINED:
        yield from fetch_network(settings.model)


def load_start(settings: TrainSettings) -> Network | None:
    """The network to begin from, if that is not one with random weights; `fetch_start` comes first.

    Raises `ModelError` where there is none, `SettingsError` where the settings ask for one of another size.
    """
    if settings.finetune is None:
        return None
    weights = None if settings.finetune == PRETRAINED else settings.finetune
    start = load_fetched_network(settings.model, weights=weights)
    if isinstance(start.module, DreamNet):
        for name in ("width", "middle"):
            wanted, given = getattr(settings, name), getattr(start.module, name)
            if name in settings.model_fields_set and wanted != given:
                raise SettingsError(f"--{name} {wanted}: the weights to start from have {given}; leave it out")
    return start


def new_network(settings: TrainSettings, classes: Sequence[str], start: Network | None = None) -> nn.Module:
    """Return the network to train, new weights drawn from torch's global generator.

    With `start` it is that one, which is given up to it; only the last layer is new, unless the classes are the same.
    """
    if start is not None:
        module = start.module.requires_grad_(True)
        if start.class_names != tuple(classes):
            path, _, name = start.spec.head.rpartition(".")
            parent = module.get_submodule(path)
            setattr(parent, name, nn.Linear(getattr(parent, name).in_features, len(classes)))
        return module
    if settings.model == "dreamnet":
        return DreamNet(settings.width, len(classes), middle=settings.middle)
    if settings.model in SIZES:
        return EfficientNetLite(SIZES[settings.model], len(classes))
    from torchvision import models

    if settings.model == "googlenet":
        return models.googlenet(  # type: ignore[no-any-return]
            weights=None, num_classes=len(classes), aux_logits=False, transform_input=False, init_weights=True
        )
    return models.get_model(settings.model, weights=None, num_classes=len(classes))  # type: ignore[no-any-return]


class Normalized(nn.Module):
    """A network that takes RGB in [0, 1], normalizes it, and may learn at an inner layer as well.

    GoogLeNet was trained with classifiers at inner layers (Szegedy et al. 2015, section 5); here that is the
    layer's mean over the picture and one linear map. Such a head is not part of what is exported.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, interface: Interface, auxiliary: str | None = None) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(interface.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(interface.std)[:, None, None], persistent=False)
        self.head: nn.Module | None = None
        self._inner: Tensor | None = None
        if auxiliary is not None:
            layers = dict(network.named_modules())
            if auxiliary not in layers:
                raise ModelError(f"--auxiliary: there is no layer {auxiliary!r}{did_you_mean(auxiliary, layers)}")
            layers[auxiliary].register_forward_hook(self._keep)
            with torch.no_grad():
                self.eval()(torch.zeros(1, 3, 64, 64))
            if self._inner is None or self._inner.ndim != 4:
                raise ModelError(f"--auxiliary: layer {auxiliary!r} has no feature maps; use a convolutional layer")
            self.head = nn.Linear(self._inner.shape[1], len(interface.classes))
            self.train()

    def _keep(self, _module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._inner = output

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the scores, and those of the inner layer's head if there is one: (N, classes) each."""
        scores = self.network((x - self.mean) / self.std)
        if self.head is None or self._inner is None:
            return scores, None
        inner = self.head(self._inner.mean((2, 3)))
        self._inner = None
        return scores, inner
