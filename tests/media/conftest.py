from __future__ import annotations

from pathlib import Path

import pytest
from media_clips import indexed, make

CLICK = "aevalsrc=exprs=if(between(t\\,0.75\\,0.752)\\,0.9\\,0):s=48000"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny clips, made once."""
    folder = tmp_path_factory.mktemp("clips")
    bt709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    made = {
        "plain": indexed(folder / "plain.mp4"),
        "ntsc_film": indexed(folder / "film.mp4", rate="24000/1001"),
        "ntsc_film_mkv": indexed(folder / "film.mkv", rate="24000/1001"),
        "ntsc_video": indexed(folder / "video.mp4", rate="30000/1001"),
        "odd": indexed(folder / "odd.mp4", size="63x47", pixel_format="yuv444p"),
        "ten_bit": indexed(folder / "ten.mp4", pixel_format="yuv420p10le"),
        "full_range": indexed(
            folder / "full.mp4", "-color_range", "pc", filters="scale=in_range=tv:out_range=pc", pixel_format="yuv420p"
        ),
        "tagged": indexed(folder / "tagged.mp4", filters=bt709),
        "opus": indexed(folder / "opus.mkv", "-c:a", "libopus", sound="sine=r=48000"),
        "pcm": indexed(folder / "pcm.mov", "-c:a", "pcm_s16le", sound="sine=r=48000"),
        "aac": indexed(folder / "aac.mp4", "-c:a", "aac", sound="sine=r=48000"),
        "transport": indexed(folder / "aac.ts", "-c:a", "aac", sound="sine=r=48000"),
        "anamorphic": indexed(folder / "sar.mp4", filters="setsar=4/3"),
        # Nine frames at 24 per second, then three at 12: frame i is shown at i, or at 8 + 2 (i - 8).
        "variable": indexed(folder / "vfr.mp4", filters="setpts=(N+max(0\\,N-8))/24/TB"),
    }
    made["rotated"] = make(
        folder / "rotated.mp4", "-display_rotation", "90", "-i", str(made["plain"]), "-c", "copy"
    )
    made["cut_copy"] = make(folder / "cut.mp4", "-ss", "0.3", "-i", str(made["plain"]), "-c", "copy")
    made["click"] = indexed(folder / "click.mp4", "-c:a", "aac", "-b:a", "192k", sound=CLICK, count=24)
    # The same in whole milliseconds.
    made["variable_mkv"] = make(folder / "vfr.mkv", "-i", str(made["variable"]), "-c", "copy")
    made["click_transport"] = make(folder / "click.ts", "-i", str(made["click"]), "-c", "copy")
    made["click_wav"] = make(folder / "click.wav", "-i", str(made["click"]))
    # Picture starts a quarter of a second after the sound.
    made["late_picture"] = make(
        folder / "late.mkv", "-itsoffset", "0.25", "-i", str(made["plain"]), "-f", "lavfi", "-t", "1", "-i", CLICK,
        "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "pcm_s16le",
    )  # fmt: skip
    return made
