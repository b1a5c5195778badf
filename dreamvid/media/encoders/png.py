"""Numbered PNG pictures."""

from __future__ import annotations

from dreamvid.media.codecs import PictureCodec
from dreamvid.runtime.registers import CODECS

CODECS.add(PictureCodec("png", ".png"))
