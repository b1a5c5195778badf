"""H.265 on an NVIDIA GPU; h265 stands in for it where there is none."""

from __future__ import annotations

from dreamvid.media.codecs import NVENC, Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "h265-nvenc",
        ("-c:v", "hevc_nvenc", *NVENC, "-tag:v", "hvc1"),
        (Encoding("p010le", 10), Encoding("yuv420p", 8)),
        (".mp4", ".mov", ".mkv"),
        crf=21,
        multiple_of=(2, 2),
        smallest=(160, 64),
        quality_flag="-cq",
        stand_in="h265",
        holds_hdr=True,
        bytes_per_pixel=0.06,
    )
)
