"""Between files and networks: (H, W, 3) arrays of the media room and (1, 3, H, W) tensors of the dream core."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.runtime.events import Event
from dreamvid.runtime.layers import LayeredFrame

Frame = npt.NDArray[np.float32]
"""(H, W, 3) RGB in [0, 1]; with a fourth channel where the source has alpha, which nothing changes."""

Dreams = Generator[tuple[Frame | LayeredFrame | None, Event], None, None]
"""What a loop makes: finished frames, each with its event, and events that come without a frame. A frame comes with its
layers where passes are wanted."""


def split_alpha(frame: Frame) -> tuple[Frame, Frame | None]:
    """The colors of a frame, (H, W, 3), and its alpha, (H, W, 1), if it has one."""
    if frame.shape[2] == 3:
        return frame, None
    return np.ascontiguousarray(frame[..., :3]), frame[..., 3:]


def join_alpha(colors: Frame, alpha: Frame | None) -> Frame:
    """What `split_alpha` has taken apart."""
    return colors if alpha is None else np.concatenate([colors, alpha], axis=-1)


def send(array: Frame, device: torch.device) -> Tensor:
    """(H, W, C) array to (1, C, H, W) tensor on `device`, in no particular layout.

    To a CUDA device it goes through pinned memory, and is still under way when this returns: what is asked of the
    tensor waits for it, on the device.
    """
    tensor = torch.from_numpy(array)
    tensor = tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
    return tensor.permute(2, 0, 1)[None]


def to_tensor(frame: Frame, device: torch.device) -> Tensor:
    """(H, W, 3) array to (1, 3, H, W) tensor on `device`."""
    return send(frame, device).contiguous()


def to_frame(picture: Tensor) -> Frame:
    """(1, 3, H, W) tensor to (H, W, 3) array."""
    pixels = picture[0].permute(1, 2, 0).contiguous()
    if pixels.device.type == "cuda":
        pinned = torch.empty(pixels.shape, dtype=pixels.dtype, pin_memory=True)
        pixels = pinned.copy_(pixels)
    return np.ascontiguousarray(pixels.cpu().numpy())
