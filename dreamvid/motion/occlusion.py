"""Where a flow can be believed (Ruder, Dosovitskiy and Brox 2016, arXiv:1604.08610, section 3.1)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.motion.flow import FlowField

_LIGHT_PX, _PATCH_PX = 31, 5  # px a side of the boxes that the difference of two frames is averaged over
_LEAST_CHANGE, _UNUSUAL = 0.1, 4.0
_MOST_USUAL_CHANGE, _LEAST_CONTRAST = 0.05, 0.02
SOFTNESS_PX = 3.0  # the mask's slope from 0 to 1, on the reliable side


def find_unreliable(backward: FlowField, forward: FlowField) -> npt.NDArray[np.bool_]:
    """Return (H, W) bool: where the previous frame has nothing to give to the current one.

    Convention: `backward` B is (H, W, 2) px from the current frame to the previous one, `forward` F the
    other way. A pixel p is unreliable

    - where going there and back does not return: |B(p) + F(p + B(p))|^2 >= 0.01 (|B|^2 + |F|^2) + 0.5;
    - at a motion boundary: |grad u|^2 + |grad v|^2 > 0.01 |B|^2 + 0.002 with B = (u, v), per pixel;
    - where p + B(p) lies outside the previous frame (see `points_outside`).
    """
    x, y = _targets(backward)
    there = cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    length2 = (backward**2).sum(-1)
    disagreement = ((backward + there) ** 2).sum(-1) >= 0.01 * (length2 + (there**2).sum(-1)) + 0.5
    # Central differences; replicated borders, so that one-pixel frames have a gradient of zero too.
    padded = np.pad(backward, ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    boundary = (across**2 + down**2).sum(-1) > 0.01 * length2 + 0.002
    result: npt.NDArray[np.bool_] = disagreement | boundary | points_outside(backward)
    return result


def find_changed(
    current: npt.NDArray[np.float32], previous: npt.NDArray[np.float32], backward: FlowField
) -> npt.NDArray[np.bool_]:
    """Return (H, W) bool: where the previous frame, moved along the flow, shows something else.

    Both frames are (H, W, 3) float32 in [0, 1]. Things thinner than the patches that flow is measured with move along
    with what is behind them, there and back alike; only the picture tells. What counts is the difference within 5 x 5
    pixels, of the color that differs most, over its mean within 31 x 31, which is a matter of light. It has to be
    larger than a tenth of the range, and four times as large as in the middle of all places: grain is not change. A
    frame that has changed everywhere, or is burned out, as in a flash, tells nothing.
    """
    x, y = _targets(backward)
    moved = cv2.remap(previous, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = current - moved
    difference -= cv2.blur(difference, (_LIGHT_PX, _LIGHT_PX))
    local = cv2.blur(np.abs(difference).max(axis=-1), (_PATCH_PX, _PATCH_PX))
    usual = float(np.median(local))
    if usual > _MOST_USUAL_CHANGE or min(current.std(), previous.std()) < _LEAST_CONTRAST:
        return np.zeros(local.shape, np.bool_)
    changed: npt.NDArray[np.bool_] = local > max(_LEAST_CHANGE, _UNUSUAL * usual)
    return changed


def points_outside(flow: FlowField) -> npt.NDArray[np.bool_]:
    """Return (H, W) bool: where p + flow(p) is more than half a pixel beyond the outermost pixel centers."""
    height, width = flow.shape[:2]
    x, y = _targets(flow)
    outside: npt.NDArray[np.bool_] = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    return outside


def soften(unreliable: npt.NDArray[np.bool_], softness_px: float = SOFTNESS_PX) -> npt.NDArray[np.float32]:
    """Return reliability (H, W) float32 in [0, 1]: 0 at every unreliable pixel, rising to 1 away from it.

    The slope lies wholly on the reliable side: a blur would let a stale dream into what was just uncovered.
    """
    if not unreliable.any():  # a distance to nothing is not defined
        return np.ones(unreliable.shape, np.float32)
    distance = cv2.distanceTransform((~unreliable).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    t = np.clip(distance / (softness_px + 1), 0, 1)
    result: npt.NDArray[np.float32] = (t * t * (3 - 2 * t)).astype(np.float32)
    return result


def _targets(flow: FlowField) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return x, y
