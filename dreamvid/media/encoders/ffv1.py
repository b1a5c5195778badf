"""FFV1: lossless RGB, with or without alpha."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "ffv1",
        ("-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1"),
        (
            Encoding("bgr0", 8),
            Encoding("gbrp16le", 16),
            Encoding("bgra", 8, alpha=True),
            Encoding("gbrap16le", 16, alpha=True),
        ),
        (".mkv",),
        lossless=True,
        holds_hdr=True,
        bytes_per_pixel=1.27,
    )
)
