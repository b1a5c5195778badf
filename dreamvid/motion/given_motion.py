"""The motion between frames whose vectors are known from files."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.estimate import Motion
from dreamvid.motion.flow import FlowField, Frame
from dreamvid.motion.occlusion import find_changed, find_unreliable, soften
from dreamvid.motion.vectors import VectorFiles, fill_unknown

_SHARPNESS = 30.0  # how fast a vector's weight falls with the difference of what it connects, over the range
_LEAST_HITS = 0.25  # of a pixel: where fewer vectors arrive, nothing is known
_HOLE_RADIUS = 2  # px: cracks of that width are filled from around


def measure_given(vectors: VectorFiles, before: Frame, current: Frame, indices: tuple[int, int]) -> Motion | None:
    """The way from a frame back to the one before it, both (H, W, 3), from the files of both, where they have it.

    `indices` are the numbers of the two in the clip, in their order in the film that is dreamed, which may run
    backward. Of a direction that no file has, the other one is the inverse. None: no file has either.
    """
    earlier, later = indices
    backward, forward = vectors.between(later, earlier), vectors.between(earlier, later)
    unknown = np.zeros(current.shape[:2], np.bool_)
    if backward is not None:
        backward, unknown = fill_unknown(backward)
    if forward is not None:
        forward = fill_unknown(forward)[0]
    if backward is None and forward is not None:
        backward, unknown = invert(forward, before, current)
    if backward is None:
        return None
    if forward is None:
        forward = invert(backward, current, before)[0]
    unreliable = find_unreliable(backward, forward) | find_changed(current, before, backward) | unknown
    return Motion(backward, soften(unreliable))


def invert(flow: FlowField, first: Frame, second: Frame) -> tuple[FlowField, npt.NDArray[np.bool_]]:
    """The flow from `second` to `first`, given that from `first` to `second`; and (H, W) bool, where nothing is known.

    Each vector is turned round and splatted where it leads to (forward warping). Where several arrive, as at an
    occlusion, those count whose pixels look alike: softmax splatting by brightness constancy (Niklaus and Liu 2020,
    arXiv:2003.05534). Where none arrives, `first` does not show the place; there the flow is that of its surroundings.
    """
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    there = cv2.remap(second, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    likeness = np.exp(-_SHARPNESS * np.abs(there - first).mean(axis=-1)).ravel() + 1e-6
    left, top = np.floor(x), np.floor(y)
    sums = np.zeros((4, height * width))
    turned = -flow.reshape(-1, 2)
    for across in (0, 1):
        for down in (0, 1):
            column, row = left + across, top + down
            share = (1 - np.abs(x - column)) * (1 - np.abs(y - row))
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            places = np.where(inside, row * width + column, 0).astype(np.int64).ravel()
            share = np.where(inside, share, 0).ravel()
            weight = share * likeness
            for index, values in enumerate((share, weight, weight * turned[:, 0], weight * turned[:, 1])):
                sums[index] += np.bincount(places, values, minlength=height * width)
    hits, weights = sums[0].reshape(height, width), sums[1].reshape(height, width)
    inverse = (sums[2:] / np.maximum(sums[1], 1e-12)).T.reshape(height, width, 2).astype(np.float32)
    unknown = (hits < _LEAST_HITS) | (weights <= 0)
    return _fill_cracks(inverse, unknown)


def _fill_cracks(flow: FlowField, unknown: npt.NDArray[np.bool_]) -> tuple[FlowField, npt.NDArray[np.bool_]]:
    """Fill narrow gaps, as where the picture grows, from around them; wide ones stay unknown."""
    if not unknown.any():
        return flow, unknown
    side = 2 * _HOLE_RADIUS + 1
    known = (~unknown).astype(np.float32)
    around = cv2.blur(known, (side, side), borderType=cv2.BORDER_REPLICATE)
    mean = cv2.blur(flow * known[..., None], (side, side), borderType=cv2.BORDER_REPLICATE)
    filled = np.where(unknown[..., None], mean / np.maximum(around, 1e-6)[..., None], flow).astype(np.float32)
    wide = cv2.morphologyEx(unknown.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return filled, wide.astype(np.bool_)
