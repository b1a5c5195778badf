"""How light is coded: the transfer functions of HDR and standard video.

Convention: code values are in [0, 1]. Light is linear, and 1 is diffuse white, a sheet of paper: 203 cd/m² of PQ, a
signal of 0.75 of HLG (Recommendation ITU-R BT.2408), and the brightest that standard video has. Tensors have any shape,
float32.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

WHITE_NITS = 203.0
"""Diffuse white in cd/m²."""

_PQ_NITS = 10_000.0
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * math.log(4 * _A)
_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2  # the display that BT.2100 refers to
_HLG_WHITE = 0.26496  # scene light, of 1, at a signal of 0.75
_LUMA_2020 = (0.2627, 0.6780, 0.0593)


class Transfer(ABC):
    """A way of coding light."""

    name: ClassVar[str]
    tag: ClassVar[str | None] = None
    """ffmpeg's name of it, for the color tags of a film; None: no film is tagged so."""
    primaries: ClassVar[str] = "bt709"
    """Of what is coded so and does not say, by ffmpeg's name."""
    peak: ClassVar[float] = 1.0
    """The light of the highest code value."""

    @abstractmethod
    def decode(self, code: Tensor) -> Tensor:
        """Code values as light."""

    @abstractmethod
    def encode(self, light: Tensor) -> Tensor:
        """Light as code values."""

    def to_screen(self, light: Tensor) -> Tensor:
        """Light, (H, W, 3) in its own primaries, as it leaves a screen; for most that is the same."""
        return light

    def from_screen(self, light: Tensor) -> Tensor:
        """The inverse of `to_screen`."""
        return light


class PQ(Transfer):
    """The perceptual quantizer, SMPTE ST 2084 and BT.2100: absolute light of a screen."""

    name = "pq"
    tag = "smpte2084"
    primaries = "bt2020"
    peak = _PQ_NITS / WHITE_NITS

    def decode(self, code: Tensor) -> Tensor:
        root = code.clamp(0, 1) ** (1 / _M2)
        light = ((root - _C1).clamp_min(0) / (_C2 - _C3 * root)) ** (1 / _M1)
        return light * self.peak

    def encode(self, light: Tensor) -> Tensor:
        power = (light / self.peak).clamp(0, 1) ** _M1
        return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


class HLG(Transfer):
    """Hybrid log-gamma, ARIB STD-B67 and BT.2100: light of a scene, shown brighter by brighter screens."""

    name = "hlg"
    tag = "arib-std-b67"
    primaries = "bt2020"
    peak = 1 / _HLG_WHITE

    def decode(self, code: Tensor) -> Tensor:
        code = code.clamp(0, 1)
        scene = torch.where(code <= 0.5, code**2 / 3, (((code - _C) / _A).exp() + _B) / 12)
        return scene * self.peak

    def encode(self, light: Tensor) -> Tensor:
        scene = (light / self.peak).clamp(0, 1)
        bright = _A * (12 * scene - _B).clamp_min(1e-9).log() + _C
        return torch.where(scene <= 1 / 12, (3 * scene).sqrt(), bright)

    def to_screen(self, light: Tensor) -> Tensor:
        scene = (light / self.peak).clamp_min(0)
        luma = _luma(scene).clamp_min(1e-9)
        return scene * luma ** (_HLG_GAMMA - 1) * (_HLG_NITS / WHITE_NITS)

    def from_screen(self, light: Tensor) -> Tensor:
        shown = light.clamp_min(0) * (WHITE_NITS / _HLG_NITS)
        luma = _luma(shown).clamp_min(1e-9)
        return shown * luma ** (1 / _HLG_GAMMA - 1) * self.peak


class Linear(Transfer):
    """Linear light, as an EXR holds it."""

    name = "linear"
    tag = "linear"
    peak = float("inf")

    def decode(self, code: Tensor) -> Tensor:
        return code

    def encode(self, light: Tensor) -> Tensor:
        return light


class SRGB(Transfer):
    """Pictures of standard range (IEC 61966-2-1)."""

    name = "srgb"
    tag = "iec61966-2-1"

    def decode(self, code: Tensor) -> Tensor:
        return torch.where(code <= 0.04045, code / 12.92, ((code.clamp_min(0) + 0.055) / 1.055) ** 2.4)

    def encode(self, light: Tensor) -> Tensor:
        return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(0) ** (1 / 2.4) - 0.055)


class Gamma24(Transfer):
    """Video of standard range as a studio's screen shows it (BT.1886)."""

    name = "bt1886"
    tag = "bt709"

    def decode(self, code: Tensor) -> Tensor:
        return code.clamp_min(0) ** 2.4

    def encode(self, light: Tensor) -> Tensor:
        return light.clamp_min(0) ** (1 / 2.4)


def _luma(light: Tensor) -> Tensor:
    return (light * torch.tensor(_LUMA_2020, dtype=light.dtype)).sum(-1, keepdim=True)
