"""The groups of settings: every setting once, with its name, default, bounds, help text, flag and key in a file.

`settings.py` puts them together. A setting called `octave_scale` is `--octave-scale` on the command line and
`octave-scale` in a file.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from dreamvid.checked import Checked
from dreamvid.timecode import is_timecode, parse_timecode
from dreamvid.values import (
    AUTO_OCTAVES,
    BitDepth,
    Channels,
    Classes,
    FramesPerSecond,
    Iterations,
    Layers,
    Octaves,
    OctaveSizes,
    Seconds,
    Shots,
    Side,
    Size,
    Tile,
    Time,
    WordOrPath,
)


def key_of(name: str) -> str:
    """The spelling on the command line and in files: `octave_scale` -> `octave-scale`, `class_` -> `class`."""
    return name.rstrip("_").replace("_", "-")


def setting(
    default: Any, text: str, metavar: str, *, varies: bool = False, zero: str | None = None, **bounds: Any
) -> Any:
    """A field that is also a flag: `metavar` names its value in `--help`; it may change over time if it `varies`;
    `zero` is what people write for a value of 0."""
    facts: JsonDict = {"metavar": metavar, "varies": varies, "zero": zero}
    return Field(default, description=text, json_schema_extra=facts, **bounds)


def written(info: FieldInfo, value: object) -> str:
    """A value of a field, not None, as a person would write it."""
    facts = info.json_schema_extra
    zero = facts.get("zero") if isinstance(facts, dict) else None
    if isinstance(value, tuple):
        return ",".join(str(zero) if zero and part == 0 else str(part) for part in value)
    return str(zero) if zero and value == 0 else str(value)


LARGEST_SEED = 2**63 - 1
"""What torch's generators take."""

LONGEST_ZOOM = 24 * 60 * 60
"""Seconds."""


class Group(Checked):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        alias_generator=key_of,
        populate_by_name=True,
        protected_namespaces=(),
        defer_build=True,  # `--help` needs the fields, not the validators
    )


class NetworkSettings(Group):
    """What dreams."""

    model: str = setting(
        "auto",
        "Network; `dreamvid models` lists them. auto: GoogLeNet if its weights are here or can be downloaded, else "
        "efficientnet_lite0",
        "NAME",
    )
    weights: Path | None = setting(None, "Your own weights for that model (.safetensors or .pth)", "FILE")
    layer: Layers | None = setting(
        None,
        "Layer to dream on; `dreamvid layers MODEL` lists them. Repeat for several, each with a weight and with "
        "channels of its own; vgg16/relu4_3 is another network's. With --model auto, GoogLeNet's names always work",
        "NAME[:WEIGHT][@CHANNELS]",
    )


class ObjectiveSettings(Group):
    """What the dream climbs towards."""

    channels: Channels | None = setting(
        None, "Only these feature maps of the layers; `dreamvid explore --rank` helps to choose", "LIST"
    )
    class_: Classes | None = setting(
        None,
        'Dream of a class, by name or number: "school bus". Repeat for several. Without --layer, of nothing else',
        "NAME[:WEIGHT]",
    )
    guide: Path | None = setting(
        None, "Dream of what is in this picture or video: the layer's features are drawn to its best matches", "FILE"
    )
    guide_size: int = setting(
        384, "Longer side at which the guide is looked at: it decides how large its things grow", "PX", ge=16, le=4096
    )
    reverse: bool = setting(
        False, "Descend: take out what the layer sees; with a layer such as inception4d/pre, on to its negative", ""
    )


class LookSettings(Group):
    """How the dream looks."""

    strength: float = setting(
        1.0,
        "How strong the dream is: 0.5 half as strong, 2 twice",
        "X",
        ge=0,
        le=10,
        varies=True,
    )
    quality: Literal["draft", "normal", "high"] = setting(
        "normal",
        "Steps that are spent: draft takes less than half of the time, high twice of it. Numbers of steps that you set "
        "yourself stay",
        "draft|normal|high",
    )
    octaves: Octaves = setting(
        AUTO_OCTAVES,
        "How many sizes the picture is dreamed at. auto: as many as lead down to a short side of 128 pixels, so that "
        "the largest things take the same share of a small picture and of a large one",
        "auto|N",
        zero="auto",
        ge=0,
        le=32,
        varies=True,
    )
    octave_scale: float = setting(1.4, "Size of each octave over the next coarser one", "X", gt=1, le=4, varies=True)
    octave_sizes: OctaveSizes | None = setting(
        None,
        "Octaves by their short side, instead of the two above; full is the picture's own size",
        "PX,PX,…",
        zero="full",
    )
    iterations: Iterations = setting(
        (28, 16, 6, 2),
        "Steps per octave, coarse to fine, on a shot's first frame; one number serves all, more octaves than numbers "
        "get numbers between these",
        "N[,N…]",
    )
    step: float | None = setting(
        None,
        "How far one step moves a pixel on average, in 8-bit levels. Left out, as far as --strength asks for, which is "
        "then the same contrast with every network, layer and look",
        "LEVELS",
        ge=0,
        le=255,
        varies=True,
    )
    step_decay: float = setting(
        1.0,
        "Length of an octave's last step over its first: below 1 the dream settles gently",
        "X",
        gt=0,
        le=1,
        varies=True,
    )
    jitter: int = setting(32, "Reach of the random shift before each step", "PX", ge=0, le=4096, varies=True)
    spread: float = setting(
        1.5,
        "Spread the dream over a layer's channels: 0 the strongest takes all (2015), 2 all equal",
        "X",
        ge=0,
        le=2,
        varies=True,
    )
    seed: int = setting(0, "Seed of the jitter; the same seed gives the same film", "N", ge=0, le=LARGEST_SEED)


class ConditioningSettings(Group):
    """What a step is made of, and where it may fall."""

    color_prior: float = setting(
        0.6,
        "Hold back colors that photographs seldom show: 0 the gradient's own (2015), 1 nearly gray",
        "X",
        ge=0,
        le=1,
        varies=True,
    )
    spectrum: float = setting(
        0.85,
        "Weigh the gradient's frequencies by 1/f^X: 0 fine grain (2015), 1 large soft shapes",
        "X",
        ge=0,
        le=3,
        varies=True,
    )
    laplacian: int = setting(
        0, "Split the gradient into so many bands of equal strength; 0 is off", "LEVELS", ge=0, le=16, varies=True
    )
    smooth: float = setting(
        0.0, "Blur the gradient by this sigma, then restore its length; 0 is off", "PX", ge=0, le=100, varies=True
    )
    tv: float = setting(
        0.0,
        "Total variation: flatten the picture as it dreams. 1 pulls about as hard as the dream pushes",
        "WEIGHT",
        ge=0,
        le=100,
        varies=True,
    )
    l2: float = setting(
        0.0,
        "Pull back to the source: 0.1 holds a pixel that has moved by 10 levels",
        "WEIGHT",
        ge=0,
        le=100,
        varies=True,
    )
    keep_color: bool = setting(False, "Dream in brightness only and keep the source's colours", "")
    mask: Path | None = setting(
        None, "Picture or video, as large as the source: white dreams, black is left alone, grey is in between", "FILE"
    )


class MotionSettings(Group):
    """How the dream follows the picture."""

    blend: float = setting(
        0.95, "How much of the carried dream enters the next frame", "0..1", ge=0, le=1, varies=True
    )
    warm_iterations: Iterations = setting(
        (2, 2, 1, 0), "Steps per octave where the dream was carried; uncovered places get more", "N[,N…]"
    )
    every: int = setting(1, "Dream each Nth frame and carry the dream along the flow between", "N", ge=1, le=1000)
    flow: Literal["dis", "farneback", "raft", "none"] = setting(
        "dis", "Optical flow: dis, farneback, raft (downloads weights) or none", "METHOD"
    )
    cuts: WordOrPath = setting(
        "auto",
        "auto: find the cuts and start each shot anew; none: treat all as one shot; or a list of them (CSV or EDL, as "
        "`dreamvid shots` writes it)",
        "auto|none|FILE",
    )
    shots: Shots | None = setting(None, "Only these shots: 3 or 3-7; `dreamvid shots` lists them", "N[-M]")


class CameraSettings(Group):
    """How a zoom moves, and what it begins with."""

    fps: FramesPerSecond = setting(Fraction(24), "Frames per second; the film is the same at any", "FPS")
    duration: Seconds = setting(Fraction(10), "How long the film is", "TIME", le=LONGEST_ZOOM)
    size: Size | None = setting(None, "Size of the film; the input's own, or 640x360 for noise", "WxH")
    max_size: Side | None = setting(None, "Shrink so that the longer side has at most so many pixels", "PX")
    zoom: float = setting(
        1.25, "Magnification per second: 2 doubles, 0.5 halves, 1 stays", "X", gt=0.001, le=1000, varies=True
    )
    rotate: float = setting(0.0, "Turn, clockwise", "DEG/S", ge=-36000, le=36000, varies=True)
    pan_x: float = setting(0.0, "Move to the right, in picture widths per second", "X", ge=-100, le=100, varies=True)
    pan_y: float = setting(0.0, "Move down, in picture heights per second", "X", ge=-100, le=100, varies=True)
    center_x: float = setting(0.5, "Where the zoom goes to: 0 left, 1 right", "0..1", ge=-10, le=10, varies=True)
    center_y: float = setting(0.5, "Where the zoom goes to: 0 top, 1 bottom", "0..1", ge=-10, le=10, varies=True)
    warm_iterations: Iterations = setting((2, 2, 1, 1), "Steps per octave on each frame after the first", "N[,N…]")
    every: int = setting(1, "Dream each Nth frame of 24 a second; those between are moved exactly", "N", ge=1, le=1000)
    feed: float = setting(
        0.1,
        "With a video as input: how much of its frame enters the dream each 24th of a second",
        "0..1",
        ge=0,
        le=1,
        varies=True,
    )
    settle: Seconds = setting(
        Fraction(0), "Dream so long before the first frame is shown", "TIME", le=LONGEST_ZOOM
    )
    loop: bool = setting(False, "Let the end lead into the beginning, so that the film repeats without a jump", "")

    @field_validator("duration", "settle", mode="before")
    @classmethod
    def _count_frames(cls, value: Any, info: ValidationInfo) -> Any:
        """A timecode counts the film's own frames."""
        rate = info.data.get("fps")
        if isinstance(value, str) and is_timecode(value.strip()) and rate is not None:
            return parse_timecode(value.strip(), rate) / rate
        return value


class SoundSettings(Group):
    """How sound moves what changes over time."""

    react: Path | None = setting(
        None, "Song or film whose sound drives rms, bass, mid, high, onset and beat; it becomes the sound", "FILE"
    )
    attack: float = setting(0.01, "Seconds in which an envelope rises", "S", ge=0, le=60)
    release: float = setting(0.2, "Seconds in which an envelope falls", "S", ge=0, le=60)
    offset: float = setting(0.0, "React so many seconds later", "S", ge=-3600, le=3600)
    bpm: float | None = setting(None, "Beats per minute, where they are found wrongly", "N", ge=20, le=400)


class PartSettings(Group):
    """What part of the clip, and how large."""

    start: Time | None = setting(
        None, "Begin at this time: 2.5, 2.5s, 1:02.5, or a timecode as `dreamvid shots` prints it", "TIME"
    )
    end: Time | None = setting(None, "End before this time", "TIME")
    frames: int | None = setting(None, "At most so many frames", "N", ge=1, le=10**9)
    size: Size | None = setting(None, "Scale to exactly this size", "WxH")
    max_size: Side | None = setting(None, "Shrink so that the longer side has at most so many pixels", "PX")
    rate: FramesPerSecond | None = setting(None, "Frames per second (the clip's own; 24 for image sequences)", "FPS")


class SourceSettings(Group):
    """How the clip is read."""

    tonemap: Literal["hable", "mobius", "reinhard", "clip"] | None = setting(
        None, "Bring an HDR clip (PQ, HLG), or the light of an EXR, into the usual range, along this curve", "CURVE"
    )
    deinterlace: bool = setting(False, "Take the combs of interlaced video out of what moves", "")


class OutputSettings(Group):
    """What is written."""

    codec: Literal[
        "h264", "h265", "av1", "prores", "dnxhr", "ffv1", "h264-nvenc", "h265-nvenc", "av1-nvenc", "png", "exr"
    ] = setting(
        "h264",
        "h264, h265, av1, prores, dnxhr or ffv1; h264-nvenc, h265-nvenc or av1-nvenc: on an NVIDIA GPU; png or exr: "
        "numbered pictures",
        "NAME",
    )
    bit_depth: BitDepth | None = setting(
        None,
        "Bits of a colour: 8 or 10 in h264, h265 (12, too), av1 and dnxhr; 8 or 16 in ffv1, PNG and TIFF; 16 or 32 in "
        "EXR. Left out, the format's own, and 16 where a deep source fits without loss",
        "BITS",
    )
    jpeg_quality: int | None = setting(
        None, "Quality of JPEG and WebP pictures [95 if left out]", "1..100", ge=1, le=100
    )
    crf: int | None = setting(
        None, "Constant rate factor of h264, h265 and av1: less is better and larger", "N", ge=0, le=63
    )
    audio: WordOrPath = setting("copy", "Sound: copy the clip's own, none, or take it from a FILE", "copy|none|FILE")
    sidecar: bool = setting(
        True, "Write OUTPUT.json beside it: settings, versions, weights, timings", ""
    )
    report: bool = setting(
        False,
        "Measure every frame: objective, energy, warped error, occluded share, seconds. Written beside the output as "
        "OUTPUT.report.jsonl, drawn in OUTPUT.report.png",
        "",
    )


class RunSettings(Group):
    """On what it runs."""

    device: str = setting("auto", "auto, cpu, cuda, cuda:1 or mps", "NAME")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", "Arithmetic inside the network; auto takes bf16 where the processor has it", "auto|fp32|bf16"
    )
    save_every: float = setting(
        2.0, "Save the state every so many seconds: what a power cut costs", "SECONDS", ge=0, le=86400
    )
    threads: int | None = setting(None, "Processor threads for the network", "N", ge=1, le=1024)
    memory: float | None = setting(
        None, "Memory to plan with, of the device; all that is free if not given", "GB", gt=0, le=100_000
    )
    tile: Tile = setting(
        "auto",
        "Dream large frames in tiles of so many pixels a side; no seam is seen; auto: only those that do not fit "
        "into memory whole; none: never",
        "auto|none|PX",
    )
