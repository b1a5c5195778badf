"""Every setting once: its name, default, bounds, help text, flag and key in a file.

The command line's flags, the keys of presets and configuration files, and the recipe of a render are all made from the
models below. A setting called `octave_scale` is `--octave-scale` on the command line and `octave-scale` in a file.
Precedence, weakest first: defaults, the model's own look, preset, configuration file, flags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamvid.errors import SettingsError, did_you_mean
from dreamvid.values import (
    BitDepth,
    Channels,
    Classes,
    FramesPerSecond,
    Iterations,
    Layers,
    OctaveSizes,
    Seconds,
    Shots,
    Side,
    Size,
    Tile,
)
from dreamvid.varying import Varying


def key_of(name: str) -> str:
    """The spelling on the command line and in files: `octave_scale` -> `octave-scale`, `class_` -> `class`."""
    return name.rstrip("_").replace("_", "-")


def _setting(default: Any, text: str, metavar: str, *, varies: bool = False, **bounds: Any) -> Any:
    """A field that is also a flag: `metavar` names its value in `--help`; it may change over time if it `varies`."""
    return Field(default, description=text, json_schema_extra={"metavar": metavar, "varies": varies}, **bounds)


class _Group(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        alias_generator=key_of,
        populate_by_name=True,
        protected_namespaces=(),
        defer_build=True,  # `--help` needs the fields, not the validators
    )


class NetworkSettings(_Group):
    """What dreams."""

    model: str = _setting(
        "auto",
        "Network; `dreamvid models` lists them. auto: GoogLeNet if its weights can be had, else the embedded dreamnet",
        "NAME",
    )
    weights: Path | None = _setting(None, "Your own weights for that model (.safetensors or .pth)", "FILE")
    layer: Layers | None = _setting(
        None,
        "Layer to dream on; `dreamvid layers MODEL` lists them. Repeat for several, each with a weight and with "
        "channels of its own; vgg16/relu4_3 is another network's",
        "NAME[:WEIGHT][@CHANNELS]",
    )


class ObjectiveSettings(_Group):
    """What the dream climbs towards."""

    channels: Channels | None = _setting(
        None, "Only these feature maps of the layers; `dreamvid explore --rank` helps to choose", "LIST"
    )
    class_: Classes | None = _setting(
        None,
        'Dream of a class, by name or number: "school bus". Repeat for several. Without --layer, of nothing else',
        "NAME[:WEIGHT]",
    )
    guide: Path | None = _setting(
        None, "Dream of what is in this picture or video: the layer's features are drawn to its best matches", "FILE"
    )
    guide_size: int = _setting(
        384, "Longer side at which the guide is looked at: it decides how large its things grow", "PX", ge=16, le=4096
    )
    reverse: bool = _setting(
        False, "Descend: take out what the layer sees; with a layer such as inception4d/pre, on to its negative", ""
    )


class LookSettings(_Group):
    """How the dream looks."""

    strength: float = _setting(
        1.0,
        "How strong the dream is, or on video settles to be: 0.5 half as strong, 2 twice",
        "X",
        ge=0,
        le=10,
        varies=True,
    )
    quality: Literal["draft", "normal", "high"] = _setting(
        "normal",
        "Steps that are spent: draft takes less than half of the time, high twice of it. Numbers of steps that you set "
        "yourself stay",
        "draft|normal|high",
    )
    octaves: int = _setting(4, "How many sizes the picture is dreamed at", "N", ge=1, le=32, varies=True)
    octave_scale: float = _setting(1.4, "Size of each octave over the next coarser one", "X", gt=1, le=4, varies=True)
    octave_sizes: OctaveSizes | None = _setting(
        None,
        "Octaves by their short side, instead of the two above: a small preview then predicts the large render. "
        "full is the picture's own size",
        "PX,PX,…",
    )
    iterations: Iterations = _setting(
        (28, 16, 6, 2), "Steps per octave, coarse to fine, on a shot's first frame; one number serves all", "N[,N…]"
    )
    step: float = _setting(
        1.5, "How far one step moves a pixel on average, in 8-bit levels", "LEVELS", ge=0, le=255, varies=True
    )
    step_decay: float = _setting(
        1.0,
        "Length of an octave's last step over its first: below 1 the dream settles gently",
        "X",
        gt=0,
        le=1,
        varies=True,
    )
    jitter: int = _setting(32, "Reach of the random shift before each step", "PX", ge=0, le=4096, varies=True)
    spread: float = _setting(
        1.5,
        "Spread the dream over a layer's channels: 0 the strongest takes all (2015), 2 all equal",
        "X",
        ge=0,
        le=2,
        varies=True,
    )
    seed: int = _setting(0, "Seed of the jitter; the same seed gives the same film", "N", ge=0)


class ConditioningSettings(_Group):
    """What a step is made of, and where it may fall."""

    spectrum: float = _setting(
        0.7,
        "Weigh the gradient's frequencies by 1/f^X: 0 fine grain (2015), 1 large soft shapes",
        "X",
        ge=0,
        le=3,
        varies=True,
    )
    laplacian: int = _setting(
        0, "Split the gradient into so many bands of equal strength; 0 is off", "LEVELS", ge=0, le=16, varies=True
    )
    smooth: float = _setting(
        0.0, "Blur the gradient by this sigma, then restore its length; 0 is off", "PX", ge=0, le=100, varies=True
    )
    tv: float = _setting(
        0.0,
        "Total variation: flatten the picture as it dreams. 1 pulls about as hard as the dream pushes",
        "WEIGHT",
        ge=0,
        le=100,
        varies=True,
    )
    l2: float = _setting(
        0.0,
        "Pull back to the source: 0.1 holds a pixel that has moved by 10 levels",
        "WEIGHT",
        ge=0,
        le=100,
        varies=True,
    )
    keep_color: bool = _setting(False, "Dream in brightness only and keep the source's colours", "")
    mask: Path | None = _setting(
        None, "Picture or video, as large as the source: white dreams, black is left alone, grey is in between", "FILE"
    )


class MotionSettings(_Group):
    """How the dream follows the picture."""

    blend: float = _setting(
        0.95, "How much of the carried dream enters the next frame", "0..1", ge=0, le=1, varies=True
    )
    warm_iterations: Iterations = _setting(
        (2, 2, 1, 1), "Steps per octave where the dream was carried; uncovered places get more", "N[,N…]"
    )
    every: int = _setting(1, "Dream each Nth frame and carry the dream along the flow between", "N", ge=1, le=1000)
    flow: Literal["dis", "farneback", "raft", "none"] = _setting(
        "dis", "Optical flow: dis, farneback, raft (downloads weights) or none", "METHOD"
    )
    cuts: str = _setting(
        "auto",
        "auto: find the cuts and start each shot anew; none: treat all as one shot; or a list of them (CSV or EDL, as "
        "`dreamvid shots` writes it)",
        "auto|none|FILE",
    )
    shots: Shots | None = _setting(None, "Only these shots: 3 or 3-7; `dreamvid shots` lists them", "N[-M]")


class CameraSettings(_Group):
    """How a zoom moves, and what it begins with."""

    duration: Seconds = _setting(Fraction(10), "How long the film is", "TIME")
    fps: FramesPerSecond = _setting(Fraction(24), "Frames per second; the film is the same at any", "FPS")
    size: Size | None = _setting(None, "Size of the film; the input's own, or 640x360 for noise", "WxH")
    max_size: Side | None = _setting(None, "Shrink so that the longer side has at most so many pixels", "PX")
    zoom: float = _setting(
        1.25, "Magnification per second: 2 doubles, 0.5 halves, 1 stays", "X", gt=0.001, le=1000, varies=True
    )
    rotate: float = _setting(0.0, "Turn, clockwise", "DEG/S", ge=-36000, le=36000, varies=True)
    pan_x: float = _setting(0.0, "Move to the right, in picture widths per second", "X", ge=-100, le=100, varies=True)
    pan_y: float = _setting(0.0, "Move down, in picture heights per second", "X", ge=-100, le=100, varies=True)
    center_x: float = _setting(0.5, "Where the zoom goes to: 0 left, 1 right", "0..1", ge=-10, le=10, varies=True)
    center_y: float = _setting(0.5, "Where the zoom goes to: 0 top, 1 bottom", "0..1", ge=-10, le=10, varies=True)
    warm_iterations: Iterations = _setting((2, 2, 1, 1), "Steps per octave on each frame after the first", "N[,N…]")
    every: int = _setting(1, "Dream each Nth frame of 24 a second; those between are moved exactly", "N", ge=1, le=1000)
    feed: float = _setting(
        0.1,
        "With a video as input: how much of its frame enters the dream each 24th of a second",
        "0..1",
        ge=0,
        le=1,
        varies=True,
    )
    settle: Seconds = _setting(Fraction(0), "Dream so long before the first frame is shown", "TIME")
    loop: bool = _setting(False, "Let the end lead into the beginning, so that the film repeats without a jump", "")


class SoundSettings(_Group):
    """How sound moves what changes over time."""

    react: Path | None = _setting(
        None, "Song or film whose sound drives rms, bass, mid, high, onset and beat; it becomes the sound", "FILE"
    )
    attack: float = _setting(0.01, "Seconds in which an envelope rises", "S", ge=0, le=60)
    release: float = _setting(0.2, "Seconds in which an envelope falls", "S", ge=0, le=60)
    offset: float = _setting(0.0, "React so many seconds later", "S", ge=-3600, le=3600)
    bpm: float | None = _setting(None, "Beats per minute, where they are found wrongly", "N", ge=20, le=400)


class PartSettings(_Group):
    """What part of the clip, and how large."""

    start: Seconds | None = _setting(None, "Begin at this time: 2.5, 2.5s or 1:02.5", "TIME")
    end: Seconds | None = _setting(None, "End before this time", "TIME")
    frames: int | None = _setting(None, "At most so many frames", "N", ge=1)
    size: Size | None = _setting(None, "Scale to exactly this size", "WxH")
    max_size: Side | None = _setting(None, "Shrink so that the longer side has at most so many pixels", "PX")
    rate: FramesPerSecond | None = _setting(None, "Frames per second (the clip's own; 24 for image sequences)", "FPS")


class SourceSettings(_Group):
    """How the clip is read."""

    tonemap: Literal["hable", "mobius", "reinhard", "clip"] | None = _setting(
        None, "Bring an HDR clip (PQ, HLG), or the light of an EXR, into the usual range, along this curve", "CURVE"
    )
    deinterlace: bool = _setting(False, "Take the combs of interlaced video out of what moves", "")


class OutputSettings(_Group):
    """What is written."""

    codec: Literal["h264", "h265", "av1", "prores", "dnxhr", "ffv1", "png", "exr"] = _setting(
        "h264", "h264, h265, av1, prores, dnxhr or ffv1; png or exr: numbered pictures", "NAME"
    )
    bit_depth: BitDepth | None = _setting(
        None,
        "Bits of a colour: 8 or 10 in h264, h265 (12, too), av1 and dnxhr; 8 or 16 in ffv1, PNG and TIFF; 16 or 32 in "
        "EXR. Left out, the format's own, and 16 where a deep source fits without loss",
        "BITS",
    )
    jpeg_quality: int | None = _setting(
        None, "Quality of JPEG and WebP pictures [95 if left out]", "1..100", ge=1, le=100
    )
    crf: int | None = _setting(
        None, "Constant rate factor of h264, h265 and av1: less is better and larger", "N", ge=0, le=63
    )
    audio: str = _setting("copy", "Sound: copy the clip's own, none, or take it from a FILE", "copy|none|FILE")
    sidecar: bool = _setting(
        True, "Write OUTPUT.json beside it: settings, versions, weights, timings", ""
    )
    report: bool = _setting(
        False,
        "Measure every frame: objective, energy, warped error, occluded share, seconds. Written beside the output as "
        "OUTPUT.report.jsonl, drawn in OUTPUT.report.png",
        "",
    )


class RunSettings(_Group):
    """On what it runs."""

    device: str = _setting("auto", "auto, cpu, cuda, cuda:1 or mps", "NAME")
    precision: Literal["auto", "fp32", "bf16"] = _setting(
        "auto", "Arithmetic inside the network; auto takes bf16 where the processor has it", "auto|fp32|bf16"
    )
    save_every: float = _setting(
        2.0, "Save the state every so many seconds: what a power cut costs", "SECONDS", ge=0, le=86400
    )
    threads: int | None = _setting(None, "Processor threads for the network", "N", ge=1, le=1024)
    memory: float | None = _setting(
        None, "Memory to plan with, of the device; all that is free if not given", "GB", gt=0, le=100_000
    )
    tile: Tile = _setting(
        "auto",
        "Dream large frames in tiles of so many pixels a side; no seam is seen; auto: only those that do not fit "
        "into memory whole; none: never",
        "auto|none|PX",
    )


# Passes over the whole frame, carried: 0.9, 2.3 and 4.3; from nothing: 4.8, 13 and 22. The fewer the longer, so that
# the dream is about as strong.
_STEPS_OF_QUALITY: dict[str, tuple[dict[str, tuple[int, ...]], float]] = {
    "draft": ({"iterations": (12, 6, 2, 1), "warm_iterations": (1, 1, 1, 0)}, 1.75),
    "normal": ({}, 1.0),
    "high": ({"iterations": (40, 24, 12, 4), "warm_iterations": (4, 3, 2, 2)}, 0.75),
}


class DreamSettings(
    Varying,
    NetworkSettings,
    ObjectiveSettings,
    LookSettings,
    ConditioningSettings,
    SoundSettings,
    SourceSettings,
    OutputSettings,
    RunSettings,
):
    """What all renders have in common, flat, as in a configuration file."""

    def for_model(self, look: Mapping[str, Any]) -> Self:
        """These settings with the steps of their quality, and a model's own `look`, in place of the defaults that
        nobody has set."""
        chosen = self.model_fields_set | self.schedules.keys()
        counts, stride = _STEPS_OF_QUALITY[self.quality]
        wanted = {**counts, **look, "step": stride * look.get("step", self.step)}
        return self.model_copy(update={name: value for name, value in wanted.items() if name not in chosen})


class Settings(DreamSettings, MotionSettings, PartSettings):
    """All settings of a film or a still."""


class ZoomSettings(DreamSettings, CameraSettings):
    """All settings of a zoom."""


GROUPS: tuple[tuple[str, type[_Group]], ...] = (
    ("Network", NetworkSettings),
    ("Objective", ObjectiveSettings),
    ("Look", LookSettings),
    ("Conditioning", ConditioningSettings),
    ("Motion", MotionSettings),
    ("Music", SoundSettings),
    ("Part and size", PartSettings),
    ("Source", SourceSettings),
    ("Output", OutputSettings),
    ("Running", RunSettings),
)
"""The groups of a film in the order of `--help`, with their headings."""

ZOOM_GROUPS: tuple[tuple[str, type[_Group]], ...] = (
    ("Camera", CameraSettings),
    *(group for group in GROUPS if group[1] not in (MotionSettings, PartSettings)),
)
"""The same of a zoom."""

AnySettings = TypeVar("AnySettings", bound=DreamSettings)


def make_settings(*layers: Mapping[str, Any], source: str = "settings") -> Settings:
    """Settings of a film or still; see `build_settings`."""
    return build_settings(Settings, *layers, source=source)


def build_settings(kind: type[AnySettings], *layers: Mapping[str, Any], source: str = "settings") -> AnySettings:
    """Settings from mappings of values, later ones winning; keys with `-` or `_`.

    Raises `SettingsError` that names the first key at fault and, for an unknown one, those nearest to it.
    """
    known = {key_of(name): name for name in kind.model_fields if name not in Varying.model_fields}
    merged: dict[str, Any] = {}
    for layer in layers:
        for text, value in layer.items():
            key = key_of(str(text))
            if key not in known:
                raise SettingsError(f"{source}: there is no setting '{key}'{did_you_mean(key, known)}")
            merged[known[key]] = value
    try:
        return kind(**merged)
    except ValidationError as error:
        raise explain_fault(error) from None


def explain_fault(error: ValidationError) -> SettingsError:
    """What pydantic found first, in one line that names the flag."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    shown = "" if first["type"] == "value_error" else f", not '{_shown(first['input'])}'"
    flag = f"--{key_of(str(first['loc'][0]))}: " if first["loc"] else ""
    return SettingsError(f"{flag}{reason[0].lower()}{reason[1:]}{shown}")


def _shown(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def read_settings_file(path: Path) -> dict[str, Any]:
    """The values of a YAML file of settings. Raises `SettingsError` where it cannot be read or is no mapping."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot read it as a configuration file ({error})") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise SettingsError(f"{path}: not valid YAML: {problem}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: a configuration file holds lines such as `octaves: 4`")
    for word in ("about", "for"):  # a preset's own description
        values.pop(word, None)
    return {str(key): value for key, value in values.items()}
