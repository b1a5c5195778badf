"""The settings of a job beside its dream: what of the source is read and how, what is written, and what it runs on."""

from __future__ import annotations

from typing import ClassVar, Literal

from dreamvid.config.fields import Group, setting
from dreamvid.config.groups import max_size_setting, size_setting
from dreamvid.config.registered import CodecName
from dreamvid.config.types import (
    BitDepth,
    FirstFrame,
    FramesPerSecond,
    GivenTimecode,
    Side,
    Size,
    Tile,
    Time,
    WordOrPath,
)


class PartSettings(Group):
    """Which part of the clip to render, and at what size."""

    start: Time | None = setting(
        None,
        "Start at this time: 2.5, 2.5s, 1:02.5 from the clip's beginning, or a timecode: the clip's own, where it has "
        "one; `dreamvid shots` prints it",
        "TIME",
        selects_frames=True,
        not_for=("explore", "run"),
    )
    end: Time | None = setting(None, "Stop before this time", "TIME", selects_frames=True, not_for=("explore", "run"))
    frames: int | None = setting(
        None, "Maximum number of frames", "N", ge=1, le=10**9, selects_frames=True, not_for=("explore", "run")
    )
    size: Size | None = size_setting("Scale to exactly this size", not_for=("explore",))
    max_size: Side | None = max_size_setting()
    rate: FramesPerSecond | None = setting(
        None,
        "Frame rate [default: that of the clip; 24 for image sequences, or what EXR files say]",
        "FPS",
        not_for=("explore", "run"),
    )


class SourceSettings(Group):
    """How the clip is read."""

    tonemap: Literal["hable", "mobius", "reinhard", "clip"] | None = setting(
        None, "Tone-map an HDR clip (PQ, HLG) or an EXR to standard dynamic range with this curve", "CURVE"
    )
    deinterlace: bool = setting(False, "Deinterlace", "")
    exr_layer: str | None = setting(
        None,
        "Layer of a multilayer EXR to dream on, or one channel [default: the main layer]",
        "NAME",
        omit_default=True,
    )


class OutputSettings(Group):
    """What to write."""

    codec: CodecName = setting(
        "h264",
        "{names}. Those in -nvenc encode on an NVIDIA GPU; png and exr are numbered pictures; apng, gif and webp are "
        "pictures that move, and an output's name is enough for them",
        "NAME",
    )
    bit_depth: BitDepth | None = setting(
        None,
        "Bits per color channel: 8 or 10 in h264, h265 (also 12), av1 and dnxhr; 8 or 16 in ffv1, PNG and TIFF; 16 or "
        "32 in EXR. Default: the format's own, or 16 for a deep source where the format is lossless",
        "BITS",
    )
    jpeg_quality: int | None = setting(None, "Quality of JPEG and WebP pictures [default: 95]", "1..100", ge=1, le=100)
    crf: int | None = setting(
        None,
        "Constant rate factor (CRF) of h264, h265 and av1: lower values give better quality and larger files",
        "N",
        ge=0,
        le=63,
    )
    first_frame: FirstFrame | None = setting(
        None,
        "Number of the first picture of a sequence; timecode: the number of frames since midnight by its timecode "
        "[default: that of the source's, or 1]",
        "N|timecode",
    )
    timecode: GivenTimecode | None = setting(
        None,
        "Timecode of the film's first frame, with a ; before the frames for drop-frame; none: write none [default: the "
        "clip's own]",
        "HH:MM:SS:FF|none",
        omit_default=True,
        not_for=("run",),
    )
    audio: WordOrPath = setting(
        "copy",
        "Sound: copy the clip's own, none, or take it from FILE",
        "copy|none|FILE",
        is_input_file=True,
        affects_frames=False,
    )
    proxy: bool = setting(
        False,
        "Also write OUTPUT.proxy.mov for editing: half the size, with the same timecode and sound",
        "",
        affects_frames=False,
        omit_default=True,
    )
    sidecar: bool = setting(
        True, "Write OUTPUT.json next to the output: settings, versions, weights, timings", "", affects_frames=False
    )
    report: bool = setting(
        False,
        "Measure every frame: objective, energy, warped error, occluded share, seconds. Write OUTPUT.report.jsonl and "
        "a chart, OUTPUT.report.png, next to the output",
        "",
        affects_frames=False,
    )


class RunSettings(Group):
    """The hardware and resources to use."""

    affects_frames: ClassVar[bool] = False  # what became of the device and the precision is recorded by itself

    device: str = setting("auto", "Device to run on: auto, cpu, cuda, cuda:1 or mps", "NAME")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", "Arithmetic precision of the network; auto uses bf16 where the hardware supports it", "auto|fp32|bf16"
    )
    save_every: float = setting(
        2.0,
        "Interval at which the state is saved; a power failure loses at most this much work",
        "SECONDS",
        ge=0,
        le=86400,
        not_for=("library",),
    )
    threads: int | None = setting(
        None, "Number of CPU threads for the network", "N", ge=1, le=1024, not_for=("library",)
    )
    memory: float | None = setting(
        None, "Memory budget on the device [default: all free memory]", "GB", gt=0, le=100_000
    )
    tile: Tile = setting(
        "auto",
        "Dream large frames in tiles of this many pixels a side, without visible seams; auto: only frames that do not "
        "fit in memory; none: never",
        "auto|none|PX",
    )
