"""One step of gradient ascent: a function of the picture, a shift and a length, and of nothing else that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dreamvid.dream.color import color_prior, weigh_colors
from dreamvid.dream.compose import compose
from dreamvid.dream.conditioning import blur, normalize_bands, spectral_gain, tilt_spectrum
from dreamvid.dream.gradient import Extractor, image_gradient
from dreamvid.dream.look import Look
from dreamvid.dream.priors import source_pull, total_variation_gradient
from dreamvid.dream.tiles import Tiling

_TINY = 1e-12


class Shift(Protocol):
    """Moves pictures (N, C, H, W) round: down and to the right; what leaves at one border comes in at the other."""

    def there(self, image: Tensor) -> Tensor:
        """Move it."""
        ...

    def back(self, image: Tensor) -> Tensor:
        """Undo `there`."""
        ...


@dataclass(frozen=True)
class Roll:
    """A shift by whole pixels that are known when the step is made."""

    dy: int
    dx: int

    def there(self, image: Tensor) -> Tensor:
        """Move it."""
        return torch.roll(image, (self.dy, self.dx), dims=(2, 3))

    def back(self, image: Tensor) -> Tensor:
        """Undo `there`."""
        return torch.roll(image, (-self.dy, -self.dx), dims=(2, 3))


@dataclass(frozen=True, eq=False)
class IndexedRoll:
    """The same where `dy` and `dx` are tensors () of integers on the picture's device, read when the step is run.

    So one recorded step serves all shifts.
    """

    dy: Tensor
    dx: Tensor

    def there(self, image: Tensor) -> Tensor:
        """Move it."""
        return _gather(image, -self.dy, -self.dx)

    def back(self, image: Tensor) -> Tensor:
        """Undo `there`."""
        return _gather(image, self.dy, self.dx)


def _gather(image: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    rows = torch.remainder(torch.arange(height, device=image.device) + dy, height)
    columns = torch.remainder(torch.arange(width, device=image.device) + dx, width)
    return image.index_select(2, rows).index_select(3, columns)


class Ascent:
    """The steps at one octave of one picture.

    Attributes:
        look: what is climbed, and how; lengths, shifts and numbers of steps are the caller's.
        base: (N, 3, H, W) in [0, 1], the source at this octave's size, which `l2` pulls to.
        gain: (N, 1, H, W), what the steps are multiplied by; None: 1.
        tiling: in what tiles the gradient is made; None: whole.
        places: for each target what its weight is multiplied by at each pixel, (1, 1, H, W), or None; empty: nothing.
    """

    def __init__(
        self,
        extractor: Extractor,
        look: Look,
        base: Tensor,
        gain: Tensor | None = None,
        tiling: Tiling | None = None,
        places: Sequence[Tensor | None] = (),
    ) -> None:
        self.look, self.base, self.gain, self.tiling, self.places = look, base, gain, tiling, places
        self._extractor = extractor
        self._prior = color_prior(look.color_prior, base.device)
        # Held here, and not looked up on each step: a recorded step must find it where it was.
        self._spectrum = spectral_gain((base.shape[-2], base.shape[-1]), look.spectrum, base.device)

    def on(self, base: Tensor, gain: Tensor | None, places: Sequence[Tensor | None] = ()) -> Ascent:
        """The same steps on other tensors of the same shapes."""
        return Ascent(self._extractor, self.look, base, gain, self.tiling, places)

    def step(self, image: Tensor, shift: Shift, length: float | Tensor) -> Tensor:
        """Return `image`, (N, 3, H, W) in [0, 1], moved by `length` per pixel on average; the gradient is taken of the
        shifted picture."""
        look = self.look
        places = [None if place is None else shift.there(place) for place in self.places]
        gradient = image_gradient(self._extractor, shift.there(image), look.targets, look.spread, self.tiling, places)
        update = self._update(shift.back(gradient), image) * length
        if self.gain is not None:
            update = update * self.gain
        return compose(image, update, keep_color=look.keep_color)

    def _update(self, gradient: Tensor, image: Tensor) -> Tensor:
        """What a step is made of: the conditioned gradient with a mean |g| of 1, less the pull of the priors."""
        look = self.look
        gradient = weigh_colors(gradient, self._prior)
        gradient = tilt_spectrum(gradient, self._spectrum)
        gradient = normalize_bands(gradient, look.laplacian)
        gradient = blur(gradient, look.smooth)
        if look.keep_color:  # the steepest way that moves red, green and blue alike
            gradient = gradient.mean(1, keepdim=True).expand_as(gradient)
        update = gradient / gradient.abs().mean().clamp_min(_TINY)
        if look.tv:
            update = update - look.tv * total_variation_gradient(image)
        if look.l2:
            update = update - look.l2 * source_pull(image, self.base)
        return update
