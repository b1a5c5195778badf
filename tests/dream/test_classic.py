"""The dream of 2015, written from its description, against ours with the same settings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.dream import DreamCore, Look
from dreamvid.models import load_network
from tests.tiny import noise


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def notebook_dream(network: torch.nn.Module, mean: Tensor, std: Tensor, picture: Tensor) -> Tensor:
    """Octaves from coarse to fine; at each, ten steps of 1.5 / mean|g| along the gradient of ½||inception4c||²,
    values clipped to the display's range; what was added is enlarged and laid over the next larger picture."""
    octaves, scale, iterations, step = 4, 1.4, 10, 1.5
    height, width = picture.shape[-2:]
    sizes = [(round(height / scale**k), round(width / scale**k)) for k in range(octaves)]
    pyramid = [resized(picture, size).clamp(0, 1) if size != (height, width) else picture for size in sizes]
    seen: list[Tensor] = []
    hook = network.inception4c.register_forward_hook(lambda _m, _i, output: seen.append(output))
    detail = torch.zeros_like(pyramid[-1])
    for base in reversed(pyramid):
        detail = resized(detail, tuple(base.shape[-2:]))
        levels = ((base + detail) * 255).clamp(0, 255)
        for _ in range(iterations):
            levels = levels.detach().requires_grad_(True)
            seen.clear()
            network((levels / 255 - mean) / std)
            (gradient,) = torch.autograd.grad(0.5 * seen[0].square().sum(), levels)
            levels = (levels + step / gradient.abs().mean() * gradient).clamp(0, 255)
        detail = levels.detach() / 255 - base
    hook.remove()
    return base + detail


def test_our_dream_is_the_published_one() -> None:
    """In double precision: forty steps double a difference nearly forty times, and rounding is one."""
    network = load_network("dreamnet")
    network.module.double()
    picture = noise(90, 120, low=0.1, high=0.9).double()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    expected = notebook_dream(network.module, mean, std, picture)
    look = Look(octaves=4, octave_scale=1.4, iterations=(10,), step=1.5, jitter=0)
    ours = DreamCore(network.extractor(["inception4c"], dtype=torch.float64), look).dream(picture)
    moved = float((expected - picture).abs().mean()) * 255
    assert moved > 8
    assert float((ours - expected).abs().max()) * 255 < 1
