"""The DeepDream that a tutorial writes: what dreamvid is measured against.

The whole network runs, though the layer lies in its middle; the weights' gradients are computed, though nobody wants
them; memory is laid out as it comes; and every frame of a film is dreamed from nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamvid.models import Network


class Textbook:
    """A network with a hook on a layer."""

    def __init__(self, network: Network, layer: str, device: torch.device) -> None:
        self._module: nn.Module = network.module.to(device)
        for parameter in self._module.parameters():
            parameter.requires_grad_(True)
        self._mean = torch.tensor(network.mean, device=device)[:, None, None]
        self._std = torch.tensor(network.std, device=device)[:, None, None]
        self._seen: list[Tensor] = []
        self._module.get_submodule(layer).register_forward_hook(lambda *call: self._seen.append(call[2]))

    def step(self, image: Tensor, step: float = 1.5) -> Tensor:
        """One step of gradient ascent on (1, 3, H, W) in [0, 1]; `step` in levels."""
        image = image.detach().requires_grad_(True)
        self._seen.clear()
        self._module.zero_grad()
        self._module((image - self._mean) / self._std)
        self._seen[0].norm().backward()
        gradient = image.grad
        assert gradient is not None
        return (image + step / 255 * gradient / gradient.abs().mean()).detach().clamp(0, 1)

    def dream(
        self, picture: Tensor, *, octaves: int = 4, scale: float = 1.4, iterations: int = 10, step: float = 1.5
    ) -> Tensor:
        """Dream a picture over octaves, from nothing."""
        height, width = picture.shape[-2:]
        sizes = [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(octaves))]
        detail = torch.zeros_like(picture)
        image = picture
        for size in sizes:
            base = F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)
            image = base + F.interpolate(detail, size, mode="bilinear", align_corners=False)
            for _ in range(iterations):
                image = self.step(image, step)
            detail = image - base
        return image
