"""Animated WebP: a third of a GIF's size and all colors, silent; for web pages."""

from __future__ import annotations

from dreamvid.media.codecs import AnimationCodec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    AnimationCodec(
        "webp",
        ("-c:v", "libwebp_anim", "-compression_level", "4", "-loop", "0"),
        (Encoding("bgra", 8), Encoding("bgra", 8, alpha=True)),
        (".webp",),
        smallest=(1, 1),
        bytes_per_pixel=0.25,
        quality=85,
    )
)
