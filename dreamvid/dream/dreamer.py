"""Gradient ascent on a picture, over octaves: the dream itself. Knows nothing of video."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dreamvid.dream.conditioning import normalise_bands, tilt_spectrum
from dreamvid.dream.objective import spread_energy
from dreamvid.dream.pyramid import Size, octave_sizes, resize
from dreamvid.errors import SettingsError

_TINY = 1e-12
_LEVEL = 1.0 / 255.0
_CALIBRATION_SIDE = 160


class Extractor(Protocol):
    """A network cut off at its taps; see `dreamvid.models.Extractor`."""

    taps: tuple[str, ...]
    minimum_side: int

    def __call__(self, image: Tensor) -> list[Tensor]: ...


@dataclass(frozen=True)
class Look:
    """The numbers that shape a dream; `dreamvid.settings` says what each means and where it is bounded."""

    weights: tuple[float, ...] = (1.0,)
    octaves: int = 4
    octave_scale: float = 1.4
    iterations: tuple[int, ...] = (10,)
    step: float = 1.5
    jitter: int = 32
    spectrum: float = 0.0
    laplacian: int = 0
    spread: float = 0.0
    seed: int = 0

    def iterations_per_octave(self, iterations: Sequence[int]) -> list[int]:
        """`iterations` for every octave, coarse to fine.

        The numbers belong to the finest octaves: where there are more octaves the first number serves all the coarser
        ones, where there are fewer the first numbers fall away.
        """
        missing = max(0, self.octaves - len(iterations))
        return [iterations[0]] * missing + list(iterations)[-(self.octaves - missing) :]


def calibration_picture(side: int) -> Tensor:
    """A square of coloured 1/f noise, (1, 3, side, side) in [0, 1]: the spectrum of photographs and no content."""
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    fy = torch.fft.fftfreq(side)[:, None]
    fx = torch.fft.rfftfreq(side)[None, :]
    frequency = (fy.square() + fx.square()).sqrt().clamp_min(1 / side)
    pink = torch.fft.irfft2(torch.fft.rfft2(noise) / frequency, s=(side, side))
    pink = (pink - pink.mean()) / pink.std()
    luma, red_blue, green = pink[:, 0:1], pink[:, 1:2], pink[:, 2:3]
    red, blue = luma + 0.5 * red_blue + 0.3 * green, luma - 0.5 * red_blue + 0.2 * green
    return (0.5 + 0.16 * torch.cat([red, luma - 0.5 * green, blue], dim=1)).clamp(0, 1)


class Dreamer:
    """Dreams on pictures (1, 3, H, W), float32 RGB in [0, 1], with one network and one look.

    Mordvintsev, Olah & Tyka 2015 ("Inceptionism") for octaves, jitter and the mean-|g| step. The same
    inputs give the same bytes on the same CPU.
    """

    def __init__(self, extractor: Extractor, look: Look, device: torch.device | str = "cpu") -> None:
        self.extractor = extractor
        self.look = look
        self.device = torch.device(device)

    def check_size(self, size: Size) -> None:
        """Raise `SettingsError` if the coarsest octave of a picture of `size` is too small for the network."""
        coarsest = octave_sizes(size, self.look.octaves, self.look.octave_scale)[0]
        needed = self.extractor.minimum_side
        if min(coarsest) < needed:
            raise SettingsError(
                f"{size[1]}x{size[0]} is too small: its coarsest octave is {coarsest[1]}x{coarsest[0]} and "
                f"{', '.join(self.extractor.taps)} needs {needed} pixels a side; "
                "use fewer --octaves or a larger picture"
            )

    @functools.cached_property
    def nominal_energy(self) -> float:
        """The RMS, in [0, 1], of what this look adds to a fixed calibration picture when it dreams it from nothing.

        Pictures of all kinds come within about 15 % of it, black and grey ones included, because of the mean-|g| step:
        a yardstick for "as strong as on a still" that needs no look at any particular frame.
        """
        coarsest = self.extractor.minimum_side * self.look.octave_scale ** (self.look.octaves - 1)
        side = max(_CALIBRATION_SIDE, math.ceil(coarsest) + 1)
        picture = calibration_picture(side).to(self.device)
        return float((self.dream(picture) - picture).square().mean().sqrt())

    def dream(
        self,
        picture: Tensor,
        *,
        iterations: Sequence[int] | None = None,
        carried: Tensor | None = None,
        gain: Tensor | None = None,
    ) -> Tensor:
        """Return the dream of `picture`, (1, 3, H, W) in [0, 1].

        `iterations` per octave, coarse to fine (default: the look's). `carried` (1, 3, H, W) is a residual to start
        from: each octave begins with the carried residual at its own size plus what the coarser octave added to it.
        `gain` (1, 1, H, W) multiplies the step where new content wants longer ones.

        Raises `SettingsError` where the picture is too small for the network.
        """
        size = (picture.shape[-2], picture.shape[-1])
        self.check_size(size)
        counts = self.look.iterations_per_octave(self.look.iterations if iterations is None else iterations)
        added: Tensor | None = None
        image = picture
        for octave, octave_size in enumerate(octave_sizes(size, self.look.octaves, self.look.octave_scale)):
            base = resize(picture, octave_size).clamp(0, 1)
            start = base if carried is None else base + resize(carried, octave_size)
            image = start if added is None else start + resize(added, octave_size)
            local_gain = None if gain is None else resize(gain, octave_size).clamp_min(0)
            image = self._ascend(image.clamp(0, 1), counts[octave], octave, local_gain)
            added = image - start
        return image

    def _ascend(self, image: Tensor, iterations: int, octave: int, gain: Tensor | None) -> Tensor:
        for iteration in range(iterations):
            dy, dx = self._jitter_offset(octave, iteration)
            rolled = torch.roll(image, (dy, dx), dims=(2, 3))
            gradient = torch.roll(self._gradient(rolled), (-dy, -dx), dims=(2, 3))
            gradient = tilt_spectrum(gradient, self.look.spectrum)
            gradient = normalise_bands(gradient, self.look.laplacian)
            update = gradient * (self.look.step * _LEVEL / gradient.abs().mean().clamp_min(_TINY))
            image = (image + (update if gain is None else update * gain)).clamp(0, 1)
        return image

    def _jitter_offset(self, octave: int, iteration: int) -> tuple[int, int]:
        """The same for every frame: a sequence that went on from frame to frame would itself be flicker."""
        if self.look.jitter == 0:
            return 0, 0
        draw = random.Random(f"{self.look.seed}/{octave}/{iteration}")  # noqa: S311 - not for secrets
        reach = self.look.jitter
        return draw.randint(-reach, reach), draw.randint(-reach, reach)

    def _gradient(self, image: Tensor) -> Tensor:
        """The weighted sum of every tap's image gradient, each normalised first so that a weight means what it says."""
        image = image.detach().requires_grad_(True)
        activations = self.extractor(image)
        total: Tensor | None = None
        for index, (activation, weight) in enumerate(zip(activations, self.look.weights, strict=True)):
            (gradient,) = torch.autograd.grad(
                activation,
                image,
                spread_energy(activation, self.look.spread),
                retain_graph=index + 1 < len(activations),
            )
            normal = gradient * (weight / gradient.abs().mean().clamp_min(_TINY))
            total = normal if total is None else total + normal
        if total is None:
            raise ValueError("an extractor has at least one tap")
        return total
