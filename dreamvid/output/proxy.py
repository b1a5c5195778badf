"""A film at half its size, for editing: with the same timecode, reel, sound and length."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.media import SoundTrack, open_reader, open_writer
from dreamvid.media.names import name_beside
from dreamvid.media.target import beside, output_pattern

_ENDING = ".proxy.mov"


def path_of_proxy(target: Path) -> Path:
    """`clip.dream.proxy.mov` for `clip.dream.mp4`; `frames.proxy.mov` for `frames/%05d.exr`."""
    if output_pattern(target) is not None:
        return beside(target, _ENDING)
    return target.with_name(name_beside(target.stem, _ENDING))


def check_proxy(target: Path, *, overwrite: bool) -> None:
    """Raise `MediaError` where something stands in the way of the proxy of `target`."""
    path = path_of_proxy(target)
    if path == target:
        raise MediaError(f"{path}: this is the name of the proxy, too; choose another one for the film with -o")
    if path.exists() and not overwrite:
        raise MediaError(f"{path}: already exists; replace it with --overwrite, or move it away")


def write_proxy(
    target: Path,
    rate: Fraction,
    *,
    timecode: ClipTimecode | None,
    sound: SoundTrack | None,
    protected: Sequence[Path],
) -> Path:
    """Write the proxy of a finished film, or of numbered pictures, of `rate` frames per second; return its path.

    It is H.264 in QuickTime, 8 bits, without alpha. Pictures get the `sound`; a film has its own. The file appears
    whole or not at all, and replaces an older one. Raises `MediaError`.
    """
    path = path_of_proxy(target)
    is_film = output_pattern(target) is None
    own = open_reader(target, rate=None if is_film else rate, tonemap="hable")
    size = _half(own.width), _half(own.height)
    with open_reader(target, size=size, rate=own.rate, tonemap="hable", info=own.info) as reader:
        writer = open_writer(
            path,
            width=reader.width,
            height=reader.height,
            rate=rate,
            color=reader.color,
            sound=SoundTrack(target) if is_film and own.info.audio_codecs else sound,
            sample_aspect=own.info.sample_aspect,
            overwrite=True,
            protected=protected,
            timecode=timecode,
        )
        with writer:
            for frame in reader:
                writer.write(frame)
    return path


def _half(side: int) -> int:
    """Half of a side, in whole pairs of pixels."""
    return max(2, round(side / 4) * 2)
