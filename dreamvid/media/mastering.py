"""What HDR was made on: the mastering display (SMPTE ST 2086) and the content's light level (CTA-861.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_DISPLAY, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_DISPLAY_LAYOUT = "=20i2i"  # AVMasteringDisplayMetadata: ten rationals, and which of them count
_LIGHT_LAYOUT = "=2I"
_CHROMATICITY_UNIT, _LUMINANCE_UNIT = 50_000, 10_000  # of HEVC's SEI messages (D.3.28)


@dataclass(frozen=True)
class Mastering:
    """What a stream says of how it was made; what it does not say is None.

    Attributes:
        primaries: x and y of red, green, blue and white.
        max_luminance: of the mastering display, in cd/m².
        min_luminance: likewise.
        max_content: MaxCLL, the brightest pixel, in cd/m².
        max_average: MaxFALL, the brightest frame, in cd/m².
    """

    primaries: tuple[float, ...] | None = None
    max_luminance: float | None = None
    min_luminance: float | None = None
    max_content: int | None = None
    max_average: int | None = None

    @classmethod
    def of(cls, side_data: Any) -> Mastering | None:
        """What the side data of a frame of PyAV's say; None: nothing."""
        facts: dict[str, Any] = {}
        display, light = side_data.get(_DISPLAY), side_data.get(_LIGHT)
        if display is not None and len(raw := bytes(display)) >= struct.calcsize(_DISPLAY_LAYOUT):
            *terms, has_primaries, has_luminance = struct.unpack_from(_DISPLAY_LAYOUT, raw)
            values = [_ratio(*terms[place : place + 2]) for place in range(0, 20, 2)]
            if has_primaries:
                facts["primaries"] = tuple(values[:8])
            if has_luminance:
                facts["min_luminance"], facts["max_luminance"] = values[8:]
        if light is not None and len(raw := bytes(light)) >= struct.calcsize(_LIGHT_LAYOUT):
            facts["max_content"], facts["max_average"] = struct.unpack_from(_LIGHT_LAYOUT, raw)
        return cls(**facts) if facts else None

    def in_units(self, display: str, light: str) -> str:
        """As x265's options of these names, in the units of HEVC: `display=G(…)…:light=1000,400`."""
        numbers = [] if self.primaries is None else [round(value * _CHROMATICITY_UNIT) for value in self.primaries]
        luminances = [round((value or 0) * _LUMINANCE_UNIT) for value in (self.max_luminance, self.min_luminance)]
        return self._options(display, light, numbers, luminances)

    def in_numbers(self, display: str, light: str) -> str:
        """The same as plain numbers."""
        luminances = [round(value or 0, 4) for value in (self.max_luminance, self.min_luminance)]
        return self._options(display, light, [round(value, 5) for value in self.primaries or ()], luminances)

    def _options(
        self, display: str, light: str, primaries: Sequence[float], luminances: Sequence[float]
    ) -> str:
        options = []
        if primaries and self.max_luminance:
            red, green, blue, white = (f"({x},{y})" for x, y in zip(primaries[::2], primaries[1::2], strict=True))
            options.append(f"{display}=G{green}B{blue}R{red}WP{white}L({luminances[0]},{luminances[1]})")
        if self.max_content is not None:
            options.append(f"{light}={self.max_content},{self.max_average or 0}")
        return ":".join(options)


def _ratio(numerator: int, denominator: int) -> float:
    return float(Fraction(numerator, denominator)) if denominator else 0.0
