"""H.264 on an NVIDIA GPU; h264 stands in for it where there is none."""

from __future__ import annotations

from dreamvid.media.codecs import NVENC, Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "h264-nvenc",
        ("-c:v", "h264_nvenc", *NVENC),
        (Encoding("yuv420p", 8),),
        (".mp4", ".mov", ".mkv"),
        crf=19,
        multiple_of=(2, 2),
        smallest=(160, 64),
        quality_flag="-cq",
        stand_in="h264",
        bytes_per_pixel=0.07,
    )
)
