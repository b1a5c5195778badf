"""H.265 by x265: smaller files than H.264, 10 bits by default."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "h265",
        ("-c:v", "libx265", "-preset", "medium", "-tag:v", "hvc1", "-x265-params", "log-level=error"),
        (Encoding("yuv420p10le", 10), Encoding("yuv420p", 8), Encoding("yuv420p12le", 12)),
        (".mp4", ".mov", ".mkv"),
        crf=18,
        multiple_of=(2, 2),
        smallest=(16, 16),
        bytes_per_pixel=0.06,
    )
)
