"""Decoding and encoding: what a media file is, its frames in, its frames and sound out."""

from __future__ import annotations

from dreamvid.media.codecs import CODECS, Codec
from dreamvid.media.probe import ClipInfo, probe, read_metadata
from dreamvid.media.read import SEQUENCE_RATE, Reader, open_reader
from dreamvid.media.sequence import list_sequence
from dreamvid.media.sound import SoundTrack
from dreamvid.media.still import IMAGE_SUFFIXES, FloatImage, read_image, resize_image, write_image
from dreamvid.media.target import default_output
from dreamvid.media.write import Writer, open_writer

__all__ = [
    "CODECS",
    "IMAGE_SUFFIXES",
    "SEQUENCE_RATE",
    "ClipInfo",
    "Codec",
    "FloatImage",
    "Reader",
    "SoundTrack",
    "Writer",
    "default_output",
    "list_sequence",
    "open_reader",
    "open_writer",
    "probe",
    "read_image",
    "read_metadata",
    "resize_image",
    "write_image",
]
