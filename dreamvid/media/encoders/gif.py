"""Animated GIF: 256 colors a frame, silent; for sharing."""

from __future__ import annotations

from dreamvid.media.codecs import AnimationCodec, Encoding
from dreamvid.runtime.registers import CODECS

# A palette a frame, and a dither that stands still: of ffmpeg's, the most like the film, and the smallest file.
# Players slow frames down that are shorter than two hundredths of a second.
_MOST_RATE = 50


def _filters(reserved: int) -> tuple[str, str]:
    palette = f"palettegen=stats_mode=single:reserve_transparent={reserved}"
    drawn = "paletteuse=new=1:dither=bayer:bayer_scale=3"
    return "-vf", f"fps=min(source_fps\\,{_MOST_RATE}),split[a][b];[a]{palette}[p];[b][p]{drawn}"


CODECS.add(
    AnimationCodec(
        "gif",
        ("-c:v", "gif", "-loop", "0"),
        (Encoding("pal8", 8, _filters(0)), Encoding("pal8", 8, _filters(1), alpha=True)),
        (".gif",),
        smallest=(1, 1),
        bytes_per_pixel=0.8,
        most_rate=_MOST_RATE,
    )
)
