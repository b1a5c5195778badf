"""ffmpeg: where it is, whether it runs, and what it encodes."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from dreamvid.doctor.findings import Fact, Findings
from dreamvid.doctor.privacy import public_path
from dreamvid.errors import DreamvidError


def examine_ffmpeg(findings: Findings) -> list[Fact]:
    """Path, version, and the codecs of `--codec` that this build can and cannot write."""
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        findings.broken.append("imageio-ffmpeg is not installed; install it with: pip install imageio-ffmpeg")
        return [Fact("ffmpeg", "not found", False)]
    from dreamvid.media.codecs import codec_at_hand, video_codecs
    from dreamvid.media.ffmpeg import about_ffmpeg

    try:
        executable, version = about_ffmpeg()
    except DreamvidError as error:
        given = os.environ.get("IMAGEIO_FFMPEG_EXE")  # its folders may have spaces, and names of clients
        findings.broken.append(str(error).replace(given, public_path(given)) if given else str(error))
        return [Fact("ffmpeg", "does not run", False)]
    works: list[str] = []
    fails: list[str] = []
    for codec in video_codecs():
        try:
            (fails if codec_at_hand(codec)[1] else works).append(codec.name)
        except DreamvidError:  # no encoder and no stand-in: that is what is asked here
            fails.append(codec.name)
    facts = [
        Fact("ffmpeg", f"{version}, {_origin(executable)}", version),
        Fact("encodes", ", ".join(works), works),
    ]
    if fails:
        facts.append(Fact("does not encode", f"{', '.join(fails)} (nvenc needs an NVIDIA GPU)", fails))
    if "h264" in fails:
        findings.broken.append(
            "this ffmpeg cannot write H.264, which films are written in: unset IMAGEIO_FFMPEG_EXE to use the one from "
            "imageio-ffmpeg, or choose another --codec"
        )
    return facts


def _origin(executable: str) -> str:
    if os.environ.get("IMAGEIO_FFMPEG_EXE"):
        return f"{public_path(executable)} (IMAGEIO_FFMPEG_EXE)"
    if "imageio_ffmpeg" in Path(executable).parts:
        return f"{re.sub(r'^ffmpeg-', '', Path(executable).name)} of imageio-ffmpeg"
    return f"{public_path(executable)} (found by imageio-ffmpeg)"
