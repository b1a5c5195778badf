"""Numbered OpenEXR pictures: linear light in floating point."""

from __future__ import annotations

from dreamvid.media.codecs import PictureCodec
from dreamvid.runtime.registers import CODECS

CODECS.add(PictureCodec("exr", ".exr"))
