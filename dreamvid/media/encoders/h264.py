"""H.264 by x264: plays everywhere."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "h264",
        ("-c:v", "libx264", "-preset", "medium"),
        (Encoding("yuv420p", 8), Encoding("yuv420p10le", 10)),
        (".mp4", ".mov", ".mkv"),
        crf=16,
        multiple_of=(2, 2),
        bytes_per_pixel=0.07,
    )
)
