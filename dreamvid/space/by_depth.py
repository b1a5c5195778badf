"""Settings that vary from pixel to pixel, as their expressions say of the pixel's depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from dreamvid.config.settings import DreamSettings
from dreamvid.schedule import DEPTH, Moment, Schedule

_DEPTHS = 4 * 255  # from near to far
_GRID = tuple(step / _DEPTHS for step in range(_DEPTHS + 1))
_GLANCED = _GRID[::30]
_LARGEST_WEIGHT = 100.0


class DepthCurve:
    """A number that may vary by pixel, as its expression says of the pixel's depth.

    The expression is evaluated at all depths that 8 bits can tell apart, and three between each two of them; so it is
    computed and checked as any other is, and costs the same for a frame of any size.
    """

    def __init__(self, settings: DreamSettings, name: str) -> None:
        self._settings, self._name = settings, name
        value = getattr(settings, name)
        self._varies = isinstance(value, Schedule) and value.uses(DEPTH)
        self._is_steady = _is_steady(value)
        self._known: Tensor | None = None

    def at(self, moment: Moment, depth: Tensor | None) -> float | Tensor:
        """The number at a moment, or one for each pixel, shaped like `depth`. Raises `SettingsError`."""
        if not self._varies:
            return self._settings.over_depth(self._name, moment, (0.0,))[0]
        if depth is None:
            raise ValueError(f"{self._name} depends on depth, which is checked before the first frame")
        if self._known is None or not self._is_steady:
            self._known = torch.tensor(self._settings.over_depth(self._name, moment, _GRID), dtype=torch.float32)
        return self._known.to(depth.device)[_levels(depth)]


class LayersByDepth:
    """Layers whose weights vary by pixel."""

    def __init__(self, curves: Sequence[Schedule | None]) -> None:
        """`curves` are what the weights of the targets are multiplied by; None: 1."""
        self._curves = curves
        self._known: dict[int, Tensor] = {}

    @classmethod
    def of(cls, settings: DreamSettings, layer_of_target: Sequence[int | None]) -> LayersByDepth | None:
        """Those of the settings, of whose layers each target is one (None: a class); None: there are none."""
        layers = settings.layers or ()
        curves = [None if layer is None or not layers else layers[layer].by_depth for layer in layer_of_target]
        return cls(curves) if any(curve is not None for curve in curves) else None

    def check(self, moments: Iterable[Moment]) -> None:
        """Raise `SettingsError` where a weight has no value at one of these moments."""
        changing = [curve for curve in self._curves if curve is not None]
        for moment in moments:
            for curve in changing:
                curve.over_depth(moment, _GLANCED, name="--layer")
            changing = [curve for curve in changing if not _is_steady(curve)]
            if not changing:
                return

    def at(self, moment: Moment, depth: Tensor | None, weights: Sequence[float]) -> tuple[list[Tensor | None], Tensor]:
        """What the targets' weights are multiplied by at each pixel; and how much is dreamed there, as a share of the
        most that is at any depth. All are shaped like `depth`.

        `weights` are those of the targets at the moment. Raises `SettingsError`.
        """
        if depth is None:
            raise ValueError("layers depend on depth, which is checked before the first frame")
        levels = _levels(depth)
        places: list[Tensor | None] = []
        total = torch.zeros(len(_GRID))
        for number, (curve, weight) in enumerate(zip(self._curves, weights, strict=True)):
            table = None if curve is None else self._table(number, curve, moment)
            total += abs(weight) * (1.0 if table is None else table.abs())
            places.append(None if table is None else table.to(depth.device)[levels])
        share = total / total.max().clamp_min(1e-9)
        return places, share.to(depth.device)[levels]

    def _table(self, number: int, curve: Schedule, moment: Moment) -> Tensor:
        """The weight at each depth of the grid."""
        if number not in self._known or not _is_steady(curve):
            values = curve.over_depth(moment, _GRID, -_LARGEST_WEIGHT, _LARGEST_WEIGHT, name="--layer")
            self._known[number] = torch.tensor(values, dtype=torch.float32)
        return self._known[number]


def _is_steady(value: Any) -> bool:
    """Whether an expression depends on nothing but depth."""
    return isinstance(value, Schedule) and value.names == {DEPTH} and len(value.keyframes.keys) == 1


def _levels(depth: Tensor) -> Tensor:
    """Which value of the grid each depth is."""
    return (depth.clamp(0, 1) * _DEPTHS).round().long()
