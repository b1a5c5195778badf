"""Decoding and encoding: facts about media files, reading frames, writing frames and sound."""

from __future__ import annotations

from dreamvid.images.color import TONE_CURVES, ColorTags, FloatImage
from dreamvid.images.header import IMAGE_SUFFIXES
from dreamvid.images.read import read_image, resize_image
from dreamvid.images.write import write_image
from dreamvid.media.codecs import Codec, PictureCodec, video_codec
from dreamvid.media.mux import Original
from dreamvid.media.probe import ClipInfo, probe, read_metadata
from dreamvid.media.read import AS_CODED, SEQUENCE_RATE, ChooseColors, Reader, open_reader
from dreamvid.media.sequence import list_sequence
from dreamvid.media.sound import SoundPlan, SoundTrack
from dreamvid.media.target import default_output
from dreamvid.media.write import depth_to_keep, open_writer
from dreamvid.media.writer import Writer

__all__ = [
    "AS_CODED",
    "IMAGE_SUFFIXES",
    "SEQUENCE_RATE",
    "TONE_CURVES",
    "ChooseColors",
    "ClipInfo",
    "Codec",
    "ColorTags",
    "FloatImage",
    "Original",
    "PictureCodec",
    "Reader",
    "SoundPlan",
    "SoundTrack",
    "Writer",
    "default_output",
    "depth_to_keep",
    "list_sequence",
    "open_reader",
    "open_writer",
    "probe",
    "read_image",
    "read_metadata",
    "resize_image",
    "video_codec",
    "write_image",
]
