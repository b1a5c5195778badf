"""The networks that can be trained, from random weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreamvid.errors import ModelError, did_you_mean
from dreamvid.train.settings import TrainSettings

# What torchvision's ImageNet weights use; ours keep to it, so that all networks take the same input.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def new_network(settings: TrainSettings, classes: int) -> nn.Module:
    """Return the network of the settings with random weights, drawn from torch's global generator."""
    if settings.model == "dreamnet":
        from dreamvid.models.dreamnet import DreamNet

        return DreamNet(settings.width, classes, middle=settings.middle)
    from torchvision import models

    if settings.model == "googlenet":
        return models.googlenet(  # type: ignore[no-any-return]
            weights=None, num_classes=classes, aux_logits=False, transform_input=False, init_weights=True
        )
    return models.get_model(settings.model, weights=None, num_classes=classes)  # type: ignore[no-any-return]


class Normalised(nn.Module):
    """A network that takes RGB in [0, 1], normalises it, and may learn at an inner layer as well.

    GoogLeNet was trained with classifiers at inner layers (Szegedy et al. 2015, section 5); here that is the
    layer's mean over the picture and one linear map. Such a head is not part of what is exported.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, classes: int, auxiliary: str | None = None) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)
        self.head: nn.Module | None = None
        self._inner: Tensor | None = None
        if auxiliary is not None:
            layers = dict(network.named_modules())
            if auxiliary not in layers:
                raise ModelError(f"no layer {auxiliary!r} to train at{did_you_mean(auxiliary, layers)}")
            layers[auxiliary].register_forward_hook(self._keep)
            with torch.no_grad():
                self.eval()(torch.zeros(1, 3, 64, 64))
            if self._inner is None or self._inner.ndim != 4:
                raise ModelError(f"layer {auxiliary!r} yields no feature maps to train at; try a convolutional one")
            self.head = nn.Linear(self._inner.shape[1], classes)
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
