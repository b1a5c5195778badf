"""Pictures that move: GIF, WebP and APNG, encoded from a finished lossless film.

Pieces of them cannot be joined, and a palette is of a whole picture. So the film is recorded losslessly, and becomes
one of them at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.errors import MediaError
from dreamvid.images.write import publish, temporary_beside
from dreamvid.media.codecs import AnimationCodec, Encoding, pieces_codec
from dreamvid.media.ffmpeg import failure_reason, file_url, run_ffmpeg
from dreamvid.media.write_video import VideoWriter


@dataclass(frozen=True)
class Animation:
    """How a picture that moves is encoded; `quality` is 1 to 100, None: the codec's own."""

    codec: AnimationCodec
    encoding: Encoding
    quality: int | None = None

    def encode(self, film: Sequence[str], target: Path) -> None:
        """Encode `film`, ffmpeg's arguments for an input, as `target`, which repeats for ever. Raises MediaError."""
        codec = self.codec
        quality = self.quality or codec.quality
        level = [] if quality is None else ["-quality", str(quality)]
        code, _, stderr = run_ffmpeg(
            [*film, "-map", "0:v", *codec.arguments, *self.encoding.arguments, *level,
             "-pix_fmt", self.encoding.pixel_format, "-map_metadata", "-1", "-y", file_url(target)]
        )  # fmt: skip
        if code:
            reason = failure_reason(stderr.splitlines())
            raise MediaError(
                f"{target}: cannot be encoded ({reason}); check the free disk space and run the same command again"
            )

    def lost_by(self, target: Path, rate: Fraction) -> list[str]:
        """Lines about what a film of a rate loses."""
        most = self.codec.most_rate
        if most is None or rate <= most:
            return []
        return [f"{target}: {self.codec.name} shows at most {most} frames a second; the others are left out"]


class AnimationWriter(VideoWriter):
    """Records losslessly into a hidden file beside the target, which is encoded from it in the end."""

    def __init__(self, target: Path, width: int, height: int, *, animation: Animation, **options: Any) -> None:
        codec = pieces_codec(animation.codec)
        encoding = codec.encoding(8, alpha=animation.encoding.alpha)
        if encoding is None:
            raise ValueError(f"{codec.name} does not store 8 bits")
        super().__init__(target, width, height, codec=codec, encoding=encoding, crf=None, mastering=None, **options)
        self.animation: Animation = animation
        self.encoder = animation.codec.name
        self._picture = temporary_beside(target.with_suffix(codec.suffixes[0]))

    def _finish(self) -> None:
        if self._encoder.finish():
            raise self._failure()
        film = ["-protocol_whitelist", "file", "-i", file_url(self._picture)]
        self.animation.encode(film, self._joined)
        try:
            publish(self._joined, self.target, overwrite=self._overwrite)
        except OSError as error:
            raise MediaError(
                f"{self.target}: cannot be moved into place ({error.strerror}); check the folder"
            ) from error
