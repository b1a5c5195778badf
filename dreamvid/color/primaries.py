"""The primaries of RGB: which are which, and the way from one set to another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Chromaticities = tuple[float, ...]
"""x and y of red, green, blue and white, eight numbers, in the order of an EXR's header (CIE 1931)."""

_D65 = (0.3127, 0.3290)
_ACES_WHITE = (0.32168, 0.33767)

PRIMARIES: dict[str, Chromaticities] = {
    "bt709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    "smpte432": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    "bt2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "ap1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_ACES_WHITE),
    "ap0": (0.73470, 0.26530, 0.0, 1.0, 0.00010, -0.07700, *_ACES_WHITE),
}
"""By ffmpeg's names; those of ACES (SMPTE ST 2065-1 and S-2014-004) by theirs."""

_SAME = 2e-3  # of a coordinate: files round them
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Matrix = npt.NDArray[np.float64]


def name_of(chromaticities: Sequence[float] | None) -> str | None:
    """The name of the primaries with these chromaticities; None: they are none of those known."""
    if chromaticities is None or len(chromaticities) != 8:
        return None
    for name, known in PRIMARIES.items():
        if np.allclose(chromaticities, known, rtol=0, atol=_SAME):
            return name
    return None


def conversion(source: Chromaticities, target: Chromaticities) -> Matrix:
    """The matrix, (3, 3), from linear RGB of one set of primaries to that of another; white stays white (Bradford)."""
    adapted = _adaptation(source, target) @ _to_xyz(source)
    return np.asarray(np.linalg.solve(_to_xyz(target), adapted))


def _xyz(x: float, y: float) -> Matrix:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(chromaticities: Chromaticities) -> Matrix:
    """SMPTE RP 177: columns are the primaries, scaled so that they add up to white."""
    columns = np.array([[x, y, 1 - x - y] for x, y in zip(chromaticities[:6:2], chromaticities[1:6:2], strict=True)]).T
    return np.asarray(columns * np.linalg.solve(columns, _xyz(*chromaticities[6:])))


def _adaptation(source: Chromaticities, target: Chromaticities) -> Matrix:
    before, after = _BRADFORD @ _xyz(*source[6:]), _BRADFORD @ _xyz(*target[6:])
    return np.asarray(np.linalg.solve(_BRADFORD, np.diag(after / before) @ _BRADFORD))
