"""How long steps must be for a dream to be as strong as any other: found on a picture of noise, once for each look.

Networks, layers and looks differ several times in what one step makes of a picture. So the contrast of a dream is
fixed, and the length of its steps follows: the same strength means the same everywhere.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from torch import Tensor, nn

from dreamvid.dream.color import contrast
from dreamvid.dream.compose import compose

if TYPE_CHECKING:
    from dreamvid.dream.look import Look

NOMINAL_CONTRAST = 25 / 255
"""The RMS, in [0, 1], of the luma that a dream of strength 1 adds to a picture."""

CALIBRATION_SIDE = 256
_FIRST_GUESS = 1.0  # 8-bit levels
_CLOSE_ENOUGH = 0.03
_MOST_TRIES = 5
_SHORTEST, _LONGEST = 0.02, 30.0  # 8-bit levels
_VERSION = 2  # to be raised when the same look would be measured differently


def find_step(contrast_at: Callable[[float], float], wanted: float = NOMINAL_CONTRAST) -> float:
    """The length of a step, in 8-bit levels, for which `contrast_at` is about `wanted`; rounded to three digits.

    A secant search on logarithms, within 3 % in two or three tries. Where there is nothing to climb, and so no
    contrast whatever the length, the first guess comes back.
    """
    step = _FIRST_GUESS
    tried: list[tuple[float, float]] = []
    for _ in range(_MOST_TRIES):
        found = contrast_at(step)
        if not found > 0:
            return _FIRST_GUESS
        error = math.log(found / wanted)
        if abs(error) < _CLOSE_ENOUGH:
            break
        tried.append((math.log(step), error))
        step = min(_LONGEST, max(_SHORTEST, math.exp(_next_guess(tried))))
    return float(f"{step:.3g}")


def _next_guess(tried: list[tuple[float, float]]) -> float:
    (place, error) = tried[-1]
    slope = 1.0
    if len(tried) > 1 and tried[-2][0] != place:
        slope = min(2.0, max(0.3, (error - tried[-2][1]) / (place - tried[-2][0])))
    return place - error / slope


def level(residual: Tensor, picture: Tensor, wanted: float | None, *, most: float) -> Tensor:
    """Return `residual`, (1, 3, H, W), multiplied so that what is seen of it on `picture` has the contrast `wanted`.

    By no more than `most`, however little there is; None: as it is.
    """
    if wanted is None:
        return residual
    seen = contrast(compose(picture, residual) - picture)
    return residual * (wanted / seen.clamp_min(1e-6)).clamp_max(most)


def calibration_key(extractor: object, look: Look) -> str:
    """A name for what is measured with a network and a look, whatever the length of its steps.

    The network is told by sums over its tensors: equal weights give equal names wherever they came from.
    """
    digest = hashlib.sha256(f"{_VERSION} {CALIBRATION_SIDE} {getattr(extractor, 'taps', ())}".encode())
    tensors = extractor.state_dict() if isinstance(extractor, nn.Module) else {}
    for name, tensor in tensors.items():
        sums = tensor.double().sum().item(), tensor.double().square().sum().item()
        digest.update(f"{name.rpartition('.')[2]} {tuple(tensor.shape)} {sums[0]:.6e} {sums[1]:.6e}".encode())
    shape = {field.name: getattr(look, field.name) for field in fields(look) if field.name != "step"}
    digest.update(repr(sorted(shape.items())).encode())
    return digest.hexdigest()

