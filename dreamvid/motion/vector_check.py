"""Whether motion vectors from files fit the pictures as they are read, or would fit better read another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.config.vectors import FlowFile, Neighbor, UpAxis
from dreamvid.motion.flow import FlowField, Frame
from dreamvid.motion.given_motion import invert
from dreamvid.motion.vectors import VectorFiles, fill_unknown

PAIRS = 4
"""Of frames, spread over the clip, that are looked at."""
_LEAST_MOTION = 0.25  # px, on average: of what stands still any vectors are right
_SHARES_OF_A_SIDE = 0.2  # px: motion that is slower than this may have been meant in shares of the sides
_LEAST_CHANGE = 0.004  # of the range: where two frames hardly differ they tell nothing
_BETTER = 0.75  # of the error: as much less that it is no chance
_SIMPLER = 0.97  # a reading that differs in more has to be better by so much

Pairs = Callable[[int], tuple[Frame, Frame] | None]
"""A frame's predecessor and itself, (H, W, 3), by the frame's number; None: they cannot be read."""


def frames_to_check(frames: range) -> list[int]:
    """Which frames of a range to look at; each has one before it."""
    places = np.linspace(1, max(1, len(frames) - 1), PAIRS).round().astype(int)
    return [frames[place] for place in dict.fromkeys(places.tolist()) if place < len(frames)]


def better_reading(vectors: VectorFiles, wanted: Iterable[int], pairs: Pairs) -> FlowFile | None:
    """How to read the files so that the vectors fit the pictures; None: they fit as they are, or nothing does.

    Of each frame the one before is moved along the vectors, and compared with it: wrong ones make that worse than no
    motion at all.
    """
    shown = [(index, pair) for index in wanted if (pair := pairs(index)) is not None]
    shown = [(index, pair) for index, pair in shown if _misfit(*pair, None) > _LEAST_CHANGE]
    if not shown:
        return None
    errors = {}
    for spec, files in _readings(vectors, shown[0][0]).items():
        flows = [_backward(files, index, *pair) for index, pair in shown]
        if all(_speed(flow) < _LEAST_MOTION for flow in flows):
            continue
        ratios = [_misfit(*pair, flow) / _misfit(*pair, None) for (_, pair), flow in zip(shown, flows, strict=True)]
        errors[spec] = float(np.mean(ratios))
    if not errors:
        return None
    best = min(errors, key=lambda spec: errors[spec] / _SIMPLER ** _differences(spec, vectors.spec))
    fits_better = errors[best] < min(1.0, _BETTER * errors.get(vectors.spec, 1.0))
    return best if best != vectors.spec and fits_better else None


def _readings(vectors: VectorFiles, index: int) -> dict[FlowFile, VectorFiles]:
    """The files as they are read now, and with the likely mistakes undone: sign, axis, direction, units."""
    now = vectors.spec
    here: Neighbor = "previous" if "previous" in vectors.to else "next"
    others: tuple[Neighbor, ...] = () if len(vectors.to) > 1 else ("next" if here == "previous" else "previous",)
    other_y: UpAxis = "down" if vectors.y == "up" else "up"
    some = vectors.between(index, index - 1 if here == "previous" else index + 1)
    units = now.units
    if units == "pixels" and some is not None and _speed(fill_unknown(some)[0]) < _SHARES_OF_A_SIDE:
        units = "uv"
    found = {now: vectors}
    for to, y, sign in product((None, *others), (None, other_y), (1, -1)):
        spec = replace(now, to=to or now.to, y=y or now.y, scale=sign * now.scale, units=units)
        if spec not in found:
            found[spec] = vectors.read_as(spec)
    return found


def _differences(one: FlowFile, other: FlowFile) -> int:
    return sum(getattr(one, field.name) != getattr(other, field.name) for field in fields(FlowFile))


def _backward(files: VectorFiles, index: int, before: Frame, current: Frame) -> FlowField | None:
    """The flow from a frame to the one before it."""
    backward = files.between(index, index - 1)
    if backward is not None:
        return fill_unknown(backward)[0]
    forward = files.between(index - 1, index)
    return None if forward is None else invert(fill_unknown(forward)[0], before, current)[0]


def _speed(flow: FlowField | None) -> float:
    return 0.0 if flow is None else float(np.hypot(flow[..., 0], flow[..., 1]).mean())


def _misfit(before: Frame, current: Frame, flow: FlowField | None) -> float:
    """How far the frame before, moved along a flow (None: left where it is), is from the current one, where both show
    the same: the smaller nine tenths of the differences."""
    if flow is None:
        flow = np.zeros((*current.shape[:2], 2), np.float32)
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference: npt.NDArray[np.float32] = np.abs(moved - current).mean(axis=-1).ravel()
    kept = max(1, int(0.9 * difference.size))
    return float(np.partition(difference, kept - 1)[:kept].mean())
