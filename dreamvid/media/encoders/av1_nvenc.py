"""AV1 on an NVIDIA GPU; av1 stands in for it where there is none."""

from __future__ import annotations

from dreamvid.media.codecs import NVENC, Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "av1-nvenc",
        ("-c:v", "av1_nvenc", *NVENC),
        (Encoding("p010le", 10), Encoding("yuv420p", 8)),
        (".mp4", ".mkv", ".webm"),
        crf=28,
        multiple_of=(2, 2),
        smallest=(192, 128),
        quality_flag="-cq",
        stand_in="av1",
        holds_hdr=True,
        bytes_per_pixel=0.04,
    )
)
