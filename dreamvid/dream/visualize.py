"""Pictures from noise of what a part of a network answers to: feature visualization.

Olah, Mordvintsev & Schubert 2017 ("Feature Visualization", Distill): ascent on spectra (see `fourier.py`), each step
on another view of the picture, so that only what survives being moved, turned and scaled is drawn.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from dreamvid.dream.fourier import FourierPictures
from dreamvid.dream.gradient import Extractor
from dreamvid.dream.priors import total_variation_gradient
from dreamvid.dream.pyramid import Size, resize
from dreamvid.dream.target import Target
from dreamvid.errors import SettingsError

_TINY = 1e-12
_SETTLING = 0.4  # the last share of the steps, over which they shrink to nothing


@dataclass(frozen=True)
class Method:
    """The numbers that shape a visualization; `dreamvid.visualize.settings` says what each means."""

    size: Size = (224, 224)
    steps: int = 128
    lr: float = 0.1
    spectrum: float = 1.5
    jitter: float = 8.0
    scale_range: tuple[float, float] = (0.5, 1.0)
    rotate: float = 10.0
    tv: float = 0.05
    diversity: float = 0.0
    seed: int = 0


class Visualization:
    """Several pictures on the way from noise to what some taps of a network answer to.

    A tap whose target weighs 0 is not climbed: it is only where diverse pictures are told apart. The same inputs give
    the same bytes on the same CPU.
    """

    def __init__(
        self,
        extractor: Extractor,
        targets: Sequence[Target],
        method: Method,
        *,
        neuron: bool = False,
        numbers: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
    ) -> None:
        """Begin with noise.

        Args:
            extractor: the network, cut off at its taps.
            targets: what is climbed at each tap; see `response`.
            method: how.
            neuron: climb the middle position only, not the mean of all.
            numbers: one picture for each; a picture's noise and views follow from the seed and its number alone.
            device: where the extractor is.

        Raises:
            SettingsError: seen at its smallest, the picture is too small for the network.
        """
        self.extractor = extractor
        self.targets = tuple(targets)
        self.method = method
        self.neuron = neuron
        check_size(extractor, method)
        self._noises = [_generator(method.seed, number) for number in numbers]
        self._fourier = FourierPictures(method.size, self._noises, power=method.spectrum, device=device)
        self._adam = torch.optim.Adam([self._fourier.coefficients], lr=method.lr)
        self._step = 0
        self._waking = True

    @property
    def pictures(self) -> Tensor:
        """The pictures as they are, (N, 3, H, W) RGB in [0, 1]."""
        return self._fourier.render().detach()

    def responses(self) -> Tensor:
        """What the network answers to the pictures as they are, (N,): the weighted sum over all taps."""
        with torch.no_grad():
            return self._weighted(self.extractor(self.pictures)).cpu()

    def similarity(self) -> float:
        """The mean similarity of any two of the pictures as they are, in [0, 1]; see `mean_similarity`."""
        with torch.no_grad():
            return float(mean_similarity(self.extractor(self.pictures)))

    def advance(self) -> Tensor:
        """Do one step; return the responses to the views it was made on, (N,)."""
        pictures = self._fourier.render()
        seen = pictures.detach().requires_grad_(True)
        with GentleReLU() if self._waking else contextlib.nullcontext():
            activations = self.extractor(self._view(seen))
        update = self._ascend_octaves(activations, seen)
        if self.method.diversity and len(seen) > 1:
            (apart,) = torch.autograd.grad(mean_similarity(activations), seen)
            update = update - self.method.diversity * _unit(apart)
        if self.method.tv:
            update = update - self.method.tv * total_variation_gradient(seen.detach())
        self._waking = any(map(self._sleeps, activations, self.targets))
        self._adam.param_groups[0]["lr"] = self.method.lr * self._length(self._step)
        self._adam.zero_grad()
        pictures.backward(-update)  # type: ignore[no-untyped-call]
        self._adam.step()
        self._step += 1
        return self._weighted([activation.detach() for activation in activations]).cpu()

    def _ascend_octaves(self, activations: Sequence[Tensor], seen: Tensor) -> Tensor:
        """The weighted sum of every tap's gradient on the pictures, each with a mean |g| of 1 per picture."""
        update = torch.zeros_like(seen)
        for activation, target in zip(activations, self.targets, strict=True):
            if target.weight == 0:
                continue
            climbed = response(activation, target, neuron=self.neuron).sum()
            (gradient,) = torch.autograd.grad(climbed, seen, retain_graph=True)
            update = update + target.weight * _unit(gradient)
        return update

    def _weighted(self, activations: Sequence[Tensor]) -> Tensor:
        answers = [
            target.weight * response(activation, target, neuron=self.neuron)
            for activation, target in zip(activations, self.targets, strict=True)
        ]
        return torch.stack(answers).sum(0)

    def _sleeps(self, activation: Tensor, target: Target) -> bool:
        """Whether a channel that is to be raised has nowhere begun to answer, in some picture."""
        if not target.objective.raises or target.weight <= 0:
            return False
        peaks = _chosen(activation.detach(), target, self.neuron).amax(2)
        return bool(((peaks if target.channels is not None else peaks.amax(1)) <= 0).any())

    def _length(self, step: int) -> float:
        """The length of a step over that of the first."""
        return min(1.0, (self.method.steps - step) / (self.method.steps * _SETTLING))

    def _view(self, pictures: Tensor) -> Tensor:
        """Each picture as it is seen in this step."""
        draws = torch.stack([torch.rand(3, generator=noise) for noise in self._noises]) * 2 - 1
        draws = draws.to(pictures.device)
        angles = math.radians(self.method.rotate) * draws[:, 0]
        return look(pictures, self._size_seen(), angles, self.method.jitter * draws[:, 1:])

    def _size_seen(self) -> Size:
        """One size for all pictures of a step, or they would be no batch."""
        low, high = self.method.scale_range
        draw = random.Random(f"{self.method.seed}/scale/{self._step}")  # noqa: S311 - not for secrets
        return _scaled(self.method.size, low * (high / low) ** draw.random())


def check_size(extractor: Extractor, method: Method) -> None:
    """Raise `SettingsError` if the picture, seen at its smallest, is too small for the network."""
    needed = extractor.minimum_side
    height, width = _scaled(method.size, method.scale_range[0])
    if min(height, width) < needed:
        taps = ", ".join(extractor.taps)
        raise SettingsError(
            f"--size: at its smallest scale the picture is {width}x{height}, but {taps} needs at least {needed} pixels "
            "a side; use a larger --size or --scale-range"
        )


def response(activation: Tensor, target: Target, *, neuron: bool = False) -> Tensor:
    """How strongly each picture is answered at a tap, (N,); `activation` is (N, C, h, w), or (N, C) for scores.

    What that means is the objective's, see `Objective.response`; over all positions, or at the middle one for a
    `neuron`.
    """
    return target.objective.response(_chosen(activation, target, neuron))


def mean_similarity(activations: Sequence[Tensor]) -> Tensor:
    """The mean over all pairs of pictures, and all taps with positions, of how alike their textures are, in [0, 1].

    That is the cosine between Gram matrices: which channels answer together, wherever they do (Gatys, Ecker & Bethge
    2015, "Texture synthesis using convolutional neural networks"). With scores alone, of which there is no texture, the
    square of their cosine. At least two pictures are needed.
    """
    taps = [activation for activation in activations if activation.ndim == 4] or list(activations)
    similarities = []
    for activation in taps:
        features = activation.flatten(2) if activation.ndim == 4 else activation[:, :, None]
        gram = F.normalize((features @ features.transpose(1, 2)).flatten(1), dim=1, eps=_TINY)
        count = len(gram)
        alike = gram @ gram.T
        similarities.append((alike.sum() - alike.diagonal().sum()) / (count * (count - 1)))
    return torch.stack(similarities).mean()


def mean_variation(pictures: Tensor) -> Tensor:
    """How rough pictures (N, 3, H, W) are, (N,): the mean |difference| of neighbors across plus that of those below.

    White noise has 2/3, photographs of this size about 0.05 to 0.15.
    """
    across = (pictures[..., :, 1:] - pictures[..., :, :-1]).abs().mean((1, 2, 3))
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean((1, 2, 3))
    return across + down


def look(pictures: Tensor, size: Size, angles: Tensor, shifts: Tensor) -> Tensor:
    """Scale pictures (N, 3, H, W) to `size`, then turn and shift each in its own way; bilinear.

    Convention: `angles` (N,) in radians turn the content clockwise about the center; `shifts` (N, 2), (x, y) in pixels
    of the view, move it right and down, after the turn. Pixel centers at half-integers; beyond its borders a picture is
    mirrored.
    """
    scaled = resize(pictures, size)
    height, width = size
    cos, sin = angles.cos(), angles.sin()
    x, y = -2 * shifts[:, 0] / width, -2 * shifts[:, 1] / height
    # From a place of the view to one of the picture, both in [-1, 1]: turned back, in pixels, after it is shifted back.
    across, down = sin * height / width, -sin * width / height
    rows = [torch.stack([cos, across, cos * x + across * y], 1), torch.stack([down, cos, down * x + cos * y], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(scaled.shape), align_corners=False)
    return F.grid_sample(scaled, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


class GentleReLU(TorchFunctionMode):
    """While this is entered, a ReLU lets a gradient through that would wake what is asleep behind it.

    The gradient of a ReLU is nothing where its input is negative, so what does not answer to the noise at the start
    could never be raised. Here, a channel of a picture that would let none of its gradient through lets through what
    wants it larger. Responses are the same as ever. After the redirected gradients of Olah et al. 2017.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (F.relu, torch.relu, Tensor.relu):
            return _WakingReLU.apply(args[0])
        return func(*args, **(kwargs or {}))


class _WakingReLU(torch.autograd.Function):
    """The gradient is that of what is climbed: positive where a larger input is wanted."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        (wanted,) = gradients
        through = wanted * (x > 0)
        blocked = (through.flatten(2) == 0).all(2) if x.ndim > 2 else through == 0
        blocked = blocked.reshape(blocked.shape + (1,) * (x.ndim - blocked.ndim))
        return torch.where(blocked, wanted.clamp_min(0), through)


def _chosen(activation: Tensor, target: Target, neuron: bool) -> Tensor:
    """The channels and positions that count, (N, channels, positions)."""
    features = activation if target.channels is None else activation[:, list(target.channels)]
    if features.ndim == 2:
        return features[:, :, None]
    if neuron:
        height, width = features.shape[-2:]
        return features[:, :, height // 2, width // 2, None]
    return features.flatten(2)


def _unit(gradient: Tensor) -> Tensor:
    """The gradient with a mean |g| of 1 in each picture, so that weights mean what they say; nothing stays nothing."""
    return gradient / gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min(_TINY)


def _scaled(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(random.Random(f"{seed}/picture/{number}").getrandbits(63))  # noqa: S311
