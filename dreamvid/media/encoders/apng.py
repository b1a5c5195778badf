"""Animated PNG: lossless, silent, large."""

from __future__ import annotations

from dreamvid.media.codecs import AnimationCodec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    AnimationCodec(
        "apng",
        ("-c:v", "apng", "-f", "apng", "-pred", "mixed", "-plays", "0"),
        (Encoding("rgb24", 8), Encoding("rgba", 8, alpha=True)),
        (".apng",),
        smallest=(1, 1),
        lossless=True,
        bytes_per_pixel=2.0,
    )
)
