"""Color: the tags of a clip, light and display values, and a high dynamic range made to fit a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

PQ, HLG = "smpte2084", "arib-std-b67"
HDR_TRANSFERS = frozenset({PQ, HLG})
"""PQ and HLG, by ffmpeg's names."""

TONE_CURVES = ("hable", "mobius", "reinhard", "clip")
"""How brightness beyond the screen's is brought into its range."""

_WHITE = 11.2  # times display white that becomes white: Hable's "linear white point"
_SCALE_MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt470",
    "smpte170m": "smpte170m",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
}
"""The matrices that can be written, by ffmpeg's name, and by that of its scaler."""


class ColorTags(NamedTuple):
    """How colors are coded, by ffmpeg's names."""

    matrix: str
    primaries: str
    transfer: str

    @property
    def scaler_matrix(self) -> str:
        """The matrix by the name that ffmpeg's scaler knows."""
        return _SCALE_MATRICES[self.matrix]


@dataclass(frozen=True)
class SceneColors:
    """What an EXR says of the linear light in it; light is then written as it is, of any brightness.

    Attributes:
        chromaticities: x and y of red, green, blue and white; None: not said, which means those of BT.709.
        white_luminance: cd/m² of RGB (1, 1, 1); None: not said.
    """

    chromaticities: tuple[float, ...] | None = None
    white_luminance: float | None = None


class Colors(Protocol):
    """The way of a frame's colors from a file to the dream and back, where that is not the usual one.

    `expose` makes of a frame as it is stored, (H, W, 3) or 4 with alpha, one to dream on: RGB in [0, 1] and whatever
    else goes along in further channels. `develop` makes of such a frame, dreamed, what is written: (H, W, 3 or 4).
    """

    @property
    def tags(self) -> ColorTags | None:
        """Those of a film that is written; None: as usual."""

    @property
    def scene(self) -> SceneColors | None:
        """What an EXR that is written says."""

    @property
    def fingerprint(self) -> str:
        """Tells this way from others."""

    def expose(self, frame: FloatImage) -> FloatImage: ...

    def develop(self, frame: FloatImage) -> FloatImage: ...


BT709 = ColorTags("bt709", "bt709", "bt709")
"""What is written where the source says nothing."""


def kept_tags(matrix: str | None, primaries: str | None, transfer: str | None) -> ColorTags:
    """The tags to write for frames of a source with these: its own, and BT.709 in place of those that are missing.

    A matrix that cannot be written, that of RGB among them, is replaced as well: it only says how RGB is stored, and
    the frames are RGB.
    """
    return ColorTags(
        matrix if matrix in _SCALE_MATRICES else BT709.matrix,
        primaries or BT709.primaries,
        transfer or BT709.transfer,
    )


def to_linear(display: FloatImage) -> FloatImage:
    """Display values in [0, 1] as light, by the sRGB transfer function (IEC 61966-2-1)."""
    light = np.where(display <= 0.04045, display / 12.92, ((np.maximum(display, 0) + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def to_display(light: FloatImage) -> FloatImage:
    """Light, at least 0, as display values, by the sRGB transfer function (IEC 61966-2-1)."""
    display = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return display.astype(np.float32)


def tone_map(light: FloatImage, curve: str) -> FloatImage:
    """Bring light of any brightness, at least 0 with 1 as display white, into [0, 1]; the hue stays.

    The brightest of the three colors follows the curve, the others go along. Curves: Hable's "filmic" (2010),
    Reinhard et al. (2002, equation 4), a Möbius transform that leaves the lower 0.3 alone, and cutting off. All but
    the last show 11.2 times display white as white.
    """
    brightest = np.maximum(light.max(axis=-1, keepdims=True), np.float32(1e-6))
    mapped: FloatImage = np.clip(light * (_curve(brightest, curve) / brightest), 0, 1).astype(np.float32)
    return mapped


def _curve(light: FloatImage, curve: str) -> FloatImage:
    if curve == "hable":
        return np.asarray(_filmic(light) / _filmic(np.array([_WHITE], np.float32)), np.float32)
    if curve == "reinhard":
        return np.asarray(light * (1 + light / _WHITE**2) / (1 + light), np.float32)
    if curve == "mobius":
        knee = 0.3
        a = -knee * knee * (_WHITE - 1) / (knee * knee - 2 * knee + _WHITE)
        b = (knee * knee - 2 * knee * _WHITE + _WHITE) / (_WHITE - 1)
        bent = (b * b + 2 * b * knee + knee * knee) / (b - a) * (light + a) / (light + b)
        return np.where(light <= knee, light, bent).astype(np.float32)
    return np.minimum(light, np.float32(1))


def _filmic(light: FloatImage) -> FloatImage:
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return np.asarray((light * (a * light + c * b) + d * e) / (light * (a * light + b) + d * f) - e / f, np.float32)


def tone_map_filters(transfer: str, matrix: str | None, primaries: str | None, levels: str | None, curve: str) -> str:
    """ffmpeg's filters that turn PQ or HLG into BT.709 RGB of 16 bits.

    PQ counts 100 nits as display white. What the clip does not say is taken as BT.2020, limited range.
    """
    matrix, primaries, levels = matrix or "bt2020nc", primaries or "bt2020", levels or "tv"
    # What comes later in the stream may be tagged otherwise, and zscale would find no way from there.
    tagged = f"setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={levels}"
    return (
        f"{tagged},zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
        f"tonemap=tonemap={curve}:desat=0,zscale=t=bt709:m=gbr:r=pc,format=gbrp16le"
    )
