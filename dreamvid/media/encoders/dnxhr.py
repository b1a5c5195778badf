"""Avid DNxHR: HQX with 10 bits, or HQ with 8; for editing."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.runtime.registers import CODECS

CODECS.add(
    Codec(
        "dnxhr",
        ("-c:v", "dnxhd"),
        (
            Encoding("yuv422p10le", 10, ("-profile:v", "dnxhr_hqx")),
            Encoding("yuv422p", 8, ("-profile:v", "dnxhr_hq")),
        ),
        (".mov", ".mkv"),
        multiple_of=(2, 1),
        smallest=(256, 120),
        holds_hdr=True,
        bytes_per_pixel=0.44,
    )
)
