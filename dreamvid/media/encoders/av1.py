"""AV1 by SVT-AV1: the smallest files."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.media.mastering import Mastering
from dreamvid.runtime.registers import CODECS


def _mastering(mastering: Mastering) -> tuple[str, ...]:
    """As SVT-AV1 writes it."""
    return "-svtav1-params", mastering.in_numbers("mastering-display", "content-light")


CODECS.add(
    Codec(
        "av1",
        ("-c:v", "libsvtav1", "-preset", "6"),
        (Encoding("yuv420p10le", 10), Encoding("yuv420p", 8)),
        (".mp4", ".mkv", ".webm"),
        crf=24,
        crf_limit=63,
        multiple_of=(2, 2),
        smallest=(64, 64),
        holds_hdr=True,
        mastering_arguments=_mastering,
        bytes_per_pixel=0.04,
    )
)
