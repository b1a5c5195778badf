"""What a dream may climb at a tap of a network: the protocol, and the objectives that nobody chooses by name.

Those that `--objective` names are in `objectives`, a module each.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.runtime.registers import OBJECTIVES, split_options

_TINY = 1e-12
_LARGEST_PRODUCT = 1 << 24  # correlations held at a time: 64 MiB of float32, whatever the sizes


class Objective(ABC):
    """What is climbed at one tap, stated at the network's own layer as the direction of ascent.

    The direction is the gradient of what is climbed with respect to the activation, up to a factor: the gradient on
    the picture is normalized afterwards. An objective is a frozen dataclass, equal to others of the same numbers. Its
    fields, each with a default, are the options of `--objective NAME:field=value`; `__post_init__` raises `ValueError`
    for values that make no sense.

    It sees `features`, the chosen channels of the activation: (N, C, h, w), (N, C) for scores, or (N, C, positions).
    It may not wait for the device, nor copy anything to it, as its steps are recorded on a GPU: so no `.item()`, no
    `if` on a tensor.

    Attributes:
        takes_scores: whether it may be climbed at a tap without positions, (N, C).
        raises: whether it wants responses larger.
    """

    takes_scores: ClassVar[bool] = True
    raises: ClassVar[bool] = True

    @abstractmethod
    def wanted(self, features: Tensor) -> Tensor:
        """The direction of ascent, shaped like `features`, before its channels are balanced."""

    def direction(self, features: Tensor, spread: float = 0.0, gathered: Tensor | None = None) -> Tensor:
        """The direction of ascent, shaped like `features`, with its channels balanced by `spread`.

        Where `features` are only a part of the picture's, `gathered` is `gather` of the whole.
        """
        return spread_channels(self.wanted(features), spread, gathered)

    def gathers(self, spread: float) -> bool:
        """Whether the direction in one part of the picture depends on the others."""
        return spread != 0

    def gather(self, features: Tensor) -> Tensor:
        """What a part must know of the whole picture: a mean over the positions, (N, K). Here: what
        `spread_channels` weighs by."""
        return mean_square(self.wanted(features))

    def attainment(self, features: Tensor) -> float:
        """How far the responses go where the ascent leads: their mean along its direction, scaled to an RMS of 1.

        It rises as the dream climbs, and compares frames of one film, not layers.
        """
        direction = self.direction(features)
        return float((features * direction).mean() / direction.square().mean().sqrt().clamp_min(_TINY))

    def response(self, features: Tensor) -> Tensor:
        """How strongly each picture is answered, (N,), from features (N, C, positions): what `dreamvid visualize`
        climbs, by autograd."""
        return (features * self.wanted(features)).mean((1, 2))

    def before_reversal(self, features: Tensor) -> Tensor:
        """What `Reversed` shows this objective in place of `features`: their magnitudes."""
        return features.abs()

    def of_channels(self) -> Objective:
        """What `dreamvid visualize` climbs where channels are chosen."""
        return self

    def reversed(self) -> Objective:
        """The way down."""
        return Reversed(self)

    def guided(self, columns: Tensor, channels: tuple[int, ...] | None) -> Objective:
        """What is climbed with a guide, of whose features `columns` (all C, M) are the positions."""
        return Guided(columns, channels)


@dataclass(frozen=True)
class Reversed(Objective):
    """The negative of an objective.

    Of the energy that is the gradient of  -sum F |F|:  responses before a ReLU are not only brought to zero but driven
    on, below it. After a ReLU it is the plain descent.
    """

    inner: Objective

    raises = False

    def wanted(self, features: Tensor) -> Tensor:
        return -self.inner.wanted(self.inner.before_reversal(features))

    def direction(self, features: Tensor, spread: float = 0.0, gathered: Tensor | None = None) -> Tensor:
        return -self.inner.direction(self.inner.before_reversal(features), spread, gathered)

    def gathers(self, spread: float) -> bool:
        return self.inner.gathers(spread)

    def gather(self, features: Tensor) -> Tensor:
        return self.inner.gather(self.inner.before_reversal(features))

    def of_channels(self) -> Objective:
        return self.inner.of_channels().reversed()

    def reversed(self) -> Objective:
        return self.inner

    def guided(self, columns: Tensor, channels: tuple[int, ...] | None) -> Objective:
        return self.inner.guided(columns, channels).reversed()


@dataclass(frozen=True)
class Score(Objective):
    """The responses themselves, such as a class's score: the direction is 1."""

    def wanted(self, features: Tensor) -> Tensor:
        return torch.ones_like(features)

    def direction(self, features: Tensor, spread: float = 0.0, gathered: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Channels are not balanced: what is chosen is wanted as it is."""
        return self.wanted(features)

    def gathers(self, spread: float) -> bool:  # noqa: ARG002
        return False

    def guided(self, columns: Tensor, channels: tuple[int, ...] | None) -> Objective:  # noqa: ARG002
        """A class stays what is climbed."""
        return self


@dataclass(frozen=True, eq=False)
class Guided(Objective):
    """At each position the guide's column with the largest dot product: the guided dream (Mordvintsev, Olah & Tyka
    2015).

    Guides are equal where they hold the same tensor: whoever holds one keeps it from being taken for another.
    """

    columns: Tensor
    channels: tuple[int, ...] | None

    takes_scores = False

    def wanted(self, features: Tensor) -> Tensor:
        chosen = self.columns
        if self.channels is not None:
            chosen = chosen.index_select(0, numbers(self.channels, features.device))
        return torch.stack([match_columns(picture, chosen) for picture in features])

    def before_reversal(self, features: Tensor) -> Tensor:
        """Away from what the guide shows; the responses' sign says nothing of it."""
        return features

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guided) and (self.columns is other.columns) and self.channels == other.channels

    def __hash__(self) -> int:
        return hash((id(self.columns), self.channels))


def make_objective(text: str) -> Objective:
    """The objective that `--objective` names, with its options: `strongest:channels=4`. Raises `SettingsError`."""
    try:
        name, options = split_options(text)
        kind = OBJECTIVES.find(name)
        defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
        values = {key: _read(name, key, value, defaults) for key, value in options.items()}
        return kind(**values)
    except ValueError as error:
        raise SettingsError(f"--objective: {error}") from None


def _read(name: str, key: str, text: str, defaults: dict[str, Any]) -> Any:
    """An option's value, of the kind that its default has."""
    if key not in defaults:
        known = f"; its options are {', '.join(defaults)}" if defaults else "; it has none"
        raise ValueError(f"objective {name} has no option '{shown(key)}'{did_you_mean(key, defaults) or known}")
    kind = type(defaults[key])
    try:
        return kind(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}.get(kind, f"a {kind.__name__}")
        raise ValueError(f"objective {name}: {key} must be {wanted}, not '{shown(text)}'") from None


@functools.cache
def numbers(channels: tuple[int, ...], device: torch.device) -> Tensor:
    """An index on the device, made once: a step that is recorded on a GPU can copy nothing from the host."""
    return torch.tensor(channels, device=device)


def mean_square(features: Tensor) -> Tensor:
    """The mean square of each channel over its positions: (N, C, ...) to (N, C)."""
    return features.square().flatten(2).mean(2) if features.ndim > 2 else features.square()


def spread_channels(features: Tensor, spread: float, energy: Tensor | None = None) -> Tensor:
    """Weigh the channels of `features`, (N, C, ...), by their RMS to the power of -`spread`.

    Where `features` is the activation F this gives the gradient of  L = sum_c ||F_c||^(2 - spread)  up to factors,
    where F_c is channel c over the whole picture. `spread` 0 is the classic ½||F||², whose gradient is the activation
    itself: whichever channel is strong grows strongest, until one of them has covered the picture. At 1 each channel
    counts by its norm, at 2 by the norm's logarithm: those that are weak here catch up, and the picture fills with
    different things. `energy` (N, C) is the mean square of each channel where it is not that of `features`.
    """
    if spread == 0:
        return features
    energy = mean_square(features) if energy is None else energy
    floor = energy.mean(dim=1, keepdim=True) * 1e-3 + _TINY  # a dead channel must not be blown up
    gain = (energy + floor).pow(-spread / 2)
    return features * gain.reshape(gain.shape + (1,) * (features.ndim - 2))


def match_columns(features: Tensor, columns: Tensor) -> Tensor:
    """At each position of `features` (C, h, w), the column of `columns` (C, M) with the largest dot product.

    Returns (C, h, w). The correlations are made in pieces: memory does not grow with h · w · M.
    """
    channels, height, width = features.shape
    positions = features.reshape(channels, -1)
    piece = max(1, _LARGEST_PRODUCT // columns.shape[1])
    best = torch.cat([(part.T @ columns).argmax(1) for part in torch.split(positions, piece, dim=1)])
    return columns[:, best].reshape(channels, height, width)
