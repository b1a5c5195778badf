"""Passes: the layers of a frame as the channels of EXR files.

Convention: the colors of all passes are linear light, premultiplied where there is alpha, as in every EXR that is
written here. `dream` is what is stored as `beauty` minus what is stored as `source`, in full floats: of two half
floats in [0, 1] that difference is exact, so adding the layers gives the beauty again, bit for bit, whatever lossless
compression is used. Vectors and depths are full floats, too.

`backward.u` and `backward.v` follow Nuke's layer of that name, and are X and Y of Blender's Vector pass: pixels from
where something is in this frame to where it was in the one before, u to the right, v up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamvid.config.passes import PASSES, PassName
from dreamvid.images.color import SceneColors
from dreamvid.images.exr import StoredPlane, as_stored, stored_planes, write_exr_channels
from dreamvid.images.write import whole_file
from dreamvid.runtime.layers import LayeredFrame, Plane

Channels = Mapping[str, StoredPlane]


def pass_channels(
    frame: LayeredFrame, name: PassName, bit_depth: int, scene: SceneColors | None = None
) -> Channels:
    """The channels of one pass, by their names within it: R, G, B and perhaps A, or u and v, or A, or Z. With `scene`
    colors are light already, of any brightness.

    Raises ValueError where the frame has no such layer.
    """
    match name:
        case "beauty":
            return stored_planes(frame.beauty, bit_depth, scene)
        case "source":
            return stored_planes(_there(frame.source, name), bit_depth, scene)
        case "dream":  # without alpha, so that adding it leaves that of the source
            pictures = frame.beauty, _there(frame.source, name)
            beauty, source = (stored_planes(picture, bit_depth, scene) for picture in pictures)
            return {color: np.subtract(beauty[color], source[color], dtype=np.float32) for color in "RGB"}
        case "flow":
            flow = _there(frame.backward, name)
            return {"u": flow[..., 0], "v": 0 - flow[..., 1]}
        case "reliability":
            return {"A": as_stored(_there(frame.reliability, name), bit_depth)}
        case "mask":
            return {"A": as_stored(_there(frame.mask, name), bit_depth)}
        case "depth":
            return {"Z": _there(frame.depth, name)}


def as_layers(
    frame: LayeredFrame, names: Iterable[PassName], bit_depth: int, scene: SceneColors | None = None
) -> Channels:
    """The channels of several passes in one file: `dream.R`, `backward.u`, `mask.A`, and `R` for the beauty."""
    return {
        f"{PASSES[name].layer}.{channel}".removeprefix("."): plane
        for name in names
        for channel, plane in pass_channels(frame, name, bit_depth, scene).items()
    }


def as_picture(
    frame: LayeredFrame, name: PassName, bit_depth: int, scene: SceneColors | None = None
) -> Channels:
    """The channels of a pass in a file of its own: those of a color or gray picture, of a depth pass, or vectors, which
    keep the name of their layer."""
    channels = pass_channels(frame, name, bit_depth, scene)
    if PASSES[name].is_picture:
        return channels
    layer = PASSES[name].layer
    return {{"A": "Y", "Z": "Z"}.get(channel, f"{layer}.{channel}"): plane for channel, plane in channels.items()}


def write_passes(
    path: Path,
    channels: Channels,
    *,
    metadata: Mapping[str, Any],
    compression: str | None = None,
    scene: SceneColors | None = None,
    overwrite: bool = True,
    made_again: bool = False,
) -> None:
    """Write an EXR of these channels, whole or not at all; see `whole_file`. Raises MediaError."""
    with whole_file(path, overwrite=overwrite, made_again=made_again) as temporary:
        write_exr_channels(temporary, channels, metadata=metadata, compression=compression, scene=scene)


def _there(layer: Plane | None, name: PassName) -> Plane:
    if layer is None:
        raise ValueError(f"this frame has no {name}")
    return layer
