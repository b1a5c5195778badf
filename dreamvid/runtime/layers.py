"""A finished frame together with what it is made of: the layers that compositing works with."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayeredFrame:
    """A finished frame, and those of its layers that are wanted; the others are None. All are float32.

    Attributes:
        beauty: the finished frame, (H, W, 3) RGB in [0, 1], or (H, W, 4) with alpha.
        source: the same frame before it was dreamed, of the same shape.
        backward: (H, W, 2), the (dx, dy) px, y down, from each pixel to its place in the frame before; 0 where a shot
            begins.
        reliability: (H, W) in [0, 1], how far that can be believed; 0 where a shot begins.
        mask: (H, W) in [0, 1], where the dream may be seen.
        depth: (H, W), from 0 near to 1 far.
    """

    beauty: Plane
    source: Plane | None = None
    backward: Plane | None = None
    reliability: Plane | None = None
    mask: Plane | None = None
    depth: Plane | None = None

    def layers_of_motion(self) -> dict[str, Plane]:
        """The layers that are neither the picture nor its source, by the names of their fields."""
        pictures = ("beauty", "source")
        layers = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name not in pictures)
        return {name: layer for name, layer in layers if layer is not None}


def beauty_of(frame: Plane | LayeredFrame) -> Plane:
    """The finished picture, whether or not it comes with layers."""
    return frame.beauty if isinstance(frame, LayeredFrame) else frame
