"""Apple ProRes: 422 HQ, or 4444 with alpha; for editing."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.runtime.registers import CODECS

_4444 = ("-profile:v", "4444", "-alpha_bits", "16")

CODECS.add(
    Codec(
        "prores",
        ("-c:v", "prores_ks", "-vendor", "apl0"),
        (Encoding("yuv422p10le", 10, ("-profile:v", "hq")), Encoding("yuva444p10le", 10, _4444, alpha=True)),
        (".mov", ".mkv"),
        multiple_of=(2, 1),
        holds_hdr=True,
        bytes_per_pixel=0.77,
    )
)
