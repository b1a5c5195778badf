"""Dense optical flow between two frames.

Convention: flow is (H, W, 2) float32, (dx, dy) in pixels of the frames given, x to the right and y down.
The pixel center p of the first frame shows what the second frame shows at p + flow(p). So the flow from
the current frame to the previous one is the *backward* flow, the one that `warp_backward` wants.

The methods are in `methods`, a module each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.runtime.events import Progress
from dreamvid.runtime.registers import FLOWS

Frame = npt.NDArray[np.float32]
FlowField = npt.NDArray[np.float32]


class FlowMethod(ABC):
    """A way to measure flow: two pictures in, the flow between them out, in two steps, so that what is derived from one
    frame can serve two pairs.

    An instance keeps scratch memory: use it from one thread at a time.

    Attributes:
        uses_device: whether it computes on the device it is given: one instance keeps that busy, and the last digits
            depend on it. Otherwise it computes on the CPU and gives the same flow on every machine.
        stands_still: whether it takes everything to stand still, so that nothing need be measured, or doubted.
    """

    uses_device: ClassVar[bool] = False
    stands_still: ClassVar[bool] = False

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @abstractmethod
    def prepare(self, frame: Frame) -> Any:
        """Derive from a frame, (H, W, 3) float32 RGB in [0, 1], what the measurement needs of it."""

    @abstractmethod
    def between(self, first: Any, second: Any) -> FlowField:
        """Return the flow from `first` to `second`, both as `prepare` returned them."""

    @classmethod
    def fetch(cls) -> Iterator[Progress]:
        """Download what the method needs; yield how far that is. Called once, before the first frame."""
        yield from ()


def measure_flow(method: FlowMethod, first: Frame, second: Frame) -> FlowField:
    """Return the flow (H, W, 2) float32 in pixels from `first` to `second`, frames (H, W, 3) RGB in [0, 1]."""
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3:
        raise ValueError(f"two (H, W, 3) frames of the same size are required, not {first.shape} and {second.shape}")
    return method.between(method.prepare(first), method.prepare(second))


def make_flow_method(name: str, device: str = "cpu") -> FlowMethod:
    """Return a method by its name, for a device. Raises SettingsError for an unknown name, ModelError for missing
    weights."""
    return FLOWS.find(name)(device)


def to_gray(frame: Frame) -> Frame:
    """The luma (H, W) of a frame, float32 in [0, 1]."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame, np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def to_8_bits(first: Frame, second: Frame) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Quantize two grays with one common gain, so that dark frames use all 256 levels."""
    white = max(float(np.percentile(gray[::4, ::4], 99.5)) for gray in (first, second))
    gain = 255 / min(max(white, 1 / 16), 1.0)  # at most x16: below that there is only noise to see
    a, b = (np.clip(gray * gain + 0.5, 0, 255).astype(np.uint8) for gray in (first, second))
    return a, b


def pad_edge(frame: Frame, min_side: int, multiple: int = 1) -> Frame:
    """Pad a frame to the right and below with its edge pixels."""
    height, width = frame.shape[:2]
    down, right = (-(-max(side, min_side) // multiple) * multiple - side for side in (height, width))
    if not down and not right:
        return frame
    return np.pad(frame, ((0, down), (0, right), (0, 0)), mode="edge")
