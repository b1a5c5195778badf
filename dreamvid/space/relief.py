"""A picture with a depth at each pixel, seen from another place.

Nearness is the inverse of the distance along the optical axis, in 1 / units: 0 is infinitely far. It is what moves
linearly across a picture, and what depth networks estimate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from dreamvid.space.lens import Lens, Size, pixel_grid

_CLOSEST = 0.02  # units from the camera: what comes closer is behind it
_LARGEST_ERROR = 0.75  # px between a pixel and where the point that it shows is projected to
_LEAST_PARALLAX = 0.05  # px; less uncovers nothing
EDGE = 1.1  # what is so many times as near as its neighbor is something else
_LEAST_STEP = 1e-3  # of nearness, over the nearest of the picture: less is no edge
_FURTHEST_FILL = 255  # px around a hole, in which its background is looked for
_OUTLINE = 5  # px, the side of the median that smooths outlines
_SNAP = 2  # px around an edge, in which depths between its two sides are brought to one of them


class Shape(NamedTuple):
    """What a picture shows, as far as its shape is known.

    Attributes:
        nearness: (H, W) float64; where nothing is known, that of the background beside it.
        known: (H, W) bool.
        source: (H, W) int64, for each pixel that is not known the one, counted row by row, whose content may stand in
            for it: the background is continued as in a mirror. For each other pixel itself.
    """

    nearness: Tensor
    known: Tensor
    source: Tensor


class Sight(NamedTuple):
    """What of an earlier picture is seen in a later one.

    Attributes:
        x, y: (H, W) float64, the place in the earlier picture that each pixel shows; it may lie outside.
        hidden: (H, W) bool, where something stood before that place.
    """

    x: Tensor
    y: Tensor
    hidden: Tensor


def sharpen_edges(nearness: Tensor) -> Tensor:
    """Bring depths between the two sides of an edge, as blurred or resampled depth pictures have them, to the closer
    of both: a surface that joins near and far things would be stretched. (H, W) to (H, W)."""
    low, high = _lowest(nearness, _SNAP), _highest(nearness, _SNAP)
    is_edge = high > EDGE * low + 16 * _LEAST_STEP * nearness.max()
    # On a slope the sides go on falling and rising.
    further = (low - _lowest(low, _SNAP)) + (_highest(high, _SNAP) - high)
    side = torch.where(nearness - low < high - nearness, low, high)
    return torch.where(is_edge & (further < 0.5 * (high - low)), side, nearness)


def smooth_outlines(nearness: Tensor) -> Tensor:
    """Take the stairs off outlines that have been enlarged, by a median; no depth comes in that was not there."""
    median = cv2.medianBlur(nearness.float().numpy(), _OUTLINE)
    return torch.from_numpy(np.asarray(median)).double()


def project(nearness: Tensor, x: Tensor, y: Tensor, motion: Tensor, before: Lens, after: Lens) -> tuple[Tensor, ...]:
    """Where pixels (x, y) of such a nearness come to lie after a motion, and how near they are then.

    `motion` is (4, 4), from earlier camera axes to later ones. What is behind the later camera is infinitely near.
    """
    ray_x, ray_y = before.rays(x, y)
    across, down, ahead = (
        row[0] * ray_x + row[1] * ray_y + row[2] + row[3] * nearness for row in motion[:3]
    )
    behind = ahead < _CLOSEST * nearness.clamp_min(1e-9)
    ahead = ahead.clamp_min(1e-9)
    moved_x, moved_y = after.pixels(across / ahead, down / ahead)
    return moved_x, moved_y, torch.where(behind, torch.inf, nearness / ahead)


def see_shape(key: Tensor, motion: Tensor, before: Lens, after: Lens) -> Shape:
    """The shape that a later picture shows where an earlier one's nearness is `key`.

    Points are thrown onto the later picture, where the nearest wins. From these depths each pixel looks back, and keeps
    the nearest of what it and its neighbors were given that lies where it should.
    """
    size = (key.shape[0], key.shape[1])
    thrown = _throw(key, motion, before, after)
    back = torch.linalg.inv(motion)
    x, y = pixel_grid(size)
    found = torch.full_like(key, -1.0)
    for guess in _guesses(thrown):
        for _ in range(2):  # what it finds there is the better guess
            there_x, there_y, _ = project(guess.clamp_min(0), x, y, back, after, before)
            there = _sample(key, there_x, there_y)
            again_x, again_y, seen = project(there, there_x.round(), there_y.round(), motion, before, after)
            # The point looked for lies up to half a pixel from the pixel that knows how near it is.
            error = torch.hypot(
                again_x - x - (there_x.round() - there_x) * seen / there.clamp_min(1e-9),
                again_y - y - (there_y.round() - there_y) * seen / there.clamp_min(1e-9),
            )
            guess = torch.where(seen.isfinite(), seen, guess)
        good = (guess >= 0) & (error < _LARGEST_ERROR) & seen.isfinite() & _inside(there_x, there_y, size)
        found = torch.where(good, torch.maximum(found, seen), found)
    return fill_holes(found, found >= 0, float(key.min()))


def look_back(now: Tensor, then: Tensor, motion: Tensor, before: Lens, after: Lens) -> Sight:
    """What of an earlier picture of nearness `then` is seen in a later one of nearness `now`, after `motion`."""
    size = (now.shape[0], now.shape[1])
    x, y = pixel_grid(size)
    there_x, there_y, expected = project(now, x, y, torch.linalg.inv(motion), after, before)
    front = _sample(_highest(then, 1), there_x, there_y)  # of all pixels that a resampling mixes in
    ahead_x, ahead_y, _ = project(front, there_x, there_y, motion, before, after)
    parallax = torch.hypot(ahead_x - x, ahead_y - y)
    covered = (front > EDGE * expected + _LEAST_STEP * then.max()) & (parallax > _LEAST_PARALLAX)
    behind = ~expected.isfinite()
    return Sight(
        torch.where(behind, x, there_x),
        torch.where(behind, y, there_y),
        (covered & _inside(there_x, there_y, size)) | behind,
    )


def fill_holes(nearness: Tensor, known: Tensor, beyond: float = 1.0) -> Shape:
    """Continue the background beside each hole into it; a picture that is all hole is a plane of nearness `beyond`."""
    height, width = known.shape
    own = torch.arange(height * width).view(height, width)
    if bool(known.all()):
        return Shape(nearness, known, own)
    if not bool(known.any()):
        return Shape(torch.full_like(nearness, beyond), known, own)
    holes = (~known).numpy().astype(np.uint8)
    deepest = float(cv2.distanceTransform(holes, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    # So far that from everywhere in a hole its background is closer than what is not told from that any more.
    reach = min(_FURTHEST_FILL, 4 * round(deepest) + 4)
    floor = _lowest(torch.where(known, nearness, torch.inf), reach)
    background = known & (nearness <= EDGE * floor + 8 * _LEAST_STEP * nearness.max())
    _, labels = cv2.distanceTransformWithLabels(
        (~background).numpy().astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    numbers = torch.from_numpy(labels).long()
    pixel_of_number = torch.zeros(int(numbers.max()) + 1, dtype=torch.int64)
    pixel_of_number[numbers[background]] = own[background]
    beside = pixel_of_number[numbers]
    mirrored_x, mirrored_y = 2 * (beside % width) - own % width, 2 * (beside // width) - own // width
    inside = (mirrored_x >= 0) & (mirrored_x < width) & (mirrored_y >= 0) & (mirrored_y < height)
    mirrored = torch.where(inside, mirrored_y * width + mirrored_x, beside)
    mirrored = torch.where(background.flatten()[mirrored], mirrored, beside)
    filled = torch.where(known, nearness, nearness.flatten()[beside])
    return Shape(filled, known, torch.where(known, own, mirrored))


def _throw(key: Tensor, motion: Tensor, before: Lens, after: Lens) -> Tensor:
    """The nearest of what falls on each pixel or beside it, (H, W); -1 where nothing does."""
    size = height, width = key.shape[0], key.shape[1]
    x, y, seen = project(key, *pixel_grid(size), motion, before, after)
    left, top = x.floor(), y.floor()
    thrown = torch.full((height * width,), -1.0, dtype=key.dtype)
    for column in (left, left + 1):
        for row in (top, top + 1):
            lands = seen.isfinite() & (column >= 0) & (column < width) & (row >= 0) & (row < height)
            pixels = (row[lands] * width + column[lands]).long()
            thrown.scatter_reduce_(0, pixels, seen[lands], "amax")
    return thrown.view(height, width)


def _guesses(thrown: Tensor) -> Iterable[Tensor]:
    """What each pixel may show: what it was given, and the nearest and the farthest around."""
    yield thrown
    yield _highest(thrown, 2)
    farthest = _lowest(torch.where(thrown < 0, torch.inf, thrown), 2)
    yield torch.where(farthest.isfinite(), farthest, -1.0)


def _sample(field: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of the pixel that is closest to each place; outside, the edge's."""
    height, width = field.shape
    column, row = x.round().clamp(0, width - 1).long(), y.round().clamp(0, height - 1).long()
    return field.flatten()[row * width + column]


def _inside(x: Tensor, y: Tensor, size: Size) -> Tensor:
    height, width = size
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def _highest(field: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1
    return torch.from_numpy(cv2.dilate(field.numpy(), np.ones((side, side), np.uint8)))


def _lowest(field: Tensor, radius: int) -> Tensor:
    return -_highest(-field, radius)
