"""H.265 by x265: smaller files than H.264, 10 bits by default."""

from __future__ import annotations

from dreamvid.media.codecs import Codec, Encoding
from dreamvid.media.mastering import Mastering
from dreamvid.runtime.registers import CODECS

_LOG = "log-level=error"


def _mastering(mastering: Mastering) -> tuple[str, ...]:
    """As x265 writes it; `-x265-params` of the codec, which these replace, are in them."""
    return "-x265-params", f"{_LOG}:hdr10=1:{mastering.in_units('master-display', 'max-cll')}"


CODECS.add(
    Codec(
        "h265",
        ("-c:v", "libx265", "-preset", "medium", "-tag:v", "hvc1", "-x265-params", _LOG),
        (Encoding("yuv420p10le", 10), Encoding("yuv420p", 8), Encoding("yuv420p12le", 12)),
        (".mp4", ".mov", ".mkv"),
        crf=18,
        multiple_of=(2, 2),
        smallest=(16, 16),
        holds_hdr=True,
        mastering_arguments=_mastering,
        bytes_per_pixel=0.06,
    )
)
