"""The groups of settings that make the dream: every setting once, with its name, default, bounds, help text and facts.

`settings.py` puts them together. A setting called `octave_scale` is `--octave-scale` on the command line and
`octave-scale` in a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from dreamvid.config.fields import Group, setting
from dreamvid.config.mattes import MaskChoice
from dreamvid.config.registered import ObjectiveChoice
from dreamvid.config.scheduled import LayersOverTime, Varies
from dreamvid.config.types import (
    AUTO_OCTAVES,
    Channels,
    Classes,
    Iterations,
    Octaves,
    OctaveSizes,
    Shots,
    WordOrPath,
)
from dreamvid.config.vectors import FlowChoice

LARGEST_SEED = 2**63 - 1
"""What torch's generators take."""


def size_setting(text: str, **facts: Any) -> Any:
    """How large the film is. This one and those below are declared by a film and by a zoom, each with its own help."""
    return setting(None, text, "WxH", joined_by="x", part_of_look=False, **facts)


def max_size_setting() -> Any:
    """How large the film is at most."""
    text = "Scale down so that the longer side is at most this many pixels"
    return setting(None, text, "PX", part_of_look=False, not_for=("library",))


def warm_iterations_setting(default: tuple[int, ...], text: str) -> Any:
    """Steps where a dream is dreamed on."""
    return setting(default, text, "N[,N…]")


def every_setting(text: str) -> Any:
    """How often the film is dreamed anew."""
    return setting(1, text, "N", ge=1, le=1000)


def loop_setting(**facts: Any) -> Any:
    """Whether the film loops."""
    return setting(False, "Make the end lead into the beginning, so that the film loops seamlessly", "", **facts)


def seed_setting(text: str) -> Any:
    """The seed of what is random."""
    return setting(0, text, "N", ge=0, le=LARGEST_SEED)


class NetworkSettings(Group):
    """The network that dreams."""

    part_of_look: ClassVar[bool] = True

    model: str = setting(
        "auto",
        "Network; `dreamvid models` lists them. auto: GoogLeNet if its weights are available or can be downloaded, "
        "otherwise efficientnet_lite0",
        "NAME",
        brings_look=True,
    )
    weights: Path | None = setting(
        None, "Your own weights for the model (.safetensors or .pth)", "FILE", is_input_file=True
    )
    layer: LayersOverTime = setting(
        None,
        "Layer to dream on; `dreamvid layers MODEL` lists them. Repeat for several, each with its own weight, which "
        "may depend on depth (inception4d:1-depth), and channels; prefix another network's name to use its layer: "
        "vgg16/relu4_3. With --model auto, GoogLeNet's names always work",
        "NAME[:WEIGHT][@CHANNELS]",
        repeatable=True,
        brings_look=True,
        is_target=True,
    )


class ObjectiveSettings(Group):
    """What the dream climbs toward."""

    part_of_look: ClassVar[bool] = True

    channels: Channels | None = setting(
        None,
        "Dream on only these channels of the layers; `dreamvid explore --rank` helps you choose",
        "LIST",
        is_target=True,
    )
    class_: Classes | None = setting(
        None,
        'Dream of a class, by name or number: "school bus". Repeat for several. Without --layer, dream of classes only',
        "NAME[:WEIGHT]",
        repeatable=True,
        is_target=True,
    )
    guide: Path | None = setting(
        None,
        "Dream of the contents of this picture or video: each feature is drawn to its best match in the guide",
        "FILE",
        is_input_file=True,
        not_for=("visualize", "library"),
    )
    guide_size: int = setting(
        384,
        "Longer side to which the guide is scaled; this determines the size of its features in the dream",
        "PX",
        ge=16,
        le=4096,
        not_for=("visualize",),
    )
    objective: ObjectiveChoice = setting(
        None,
        "What to climb at the layers: {names}. strongest:channels=8 climbs only the 8 channels that answer most "
        "strongly to the picture, and so dreams on what it shows. Classes and guides are climbed in their own way "
        "[default: energy]",
        "NAME[:K=V,…]",
    )
    reverse: bool = setting(
        False,
        "Descend instead: remove what the layer sees or, with a layer such as inception4d/pre, go on to its opposite",
        "",
    )


class LookSettings(Group):
    """How the dream looks."""

    part_of_look: ClassVar[bool] = True

    strength: Varies[float] = setting(
        1.0,
        "Strength of the dream: 0.5 for half, 2 for double",
        "X",
        ge=0,
        le=10,
        slider=(0, 3),
        varies_by_pixel=True,
    )
    quality: Literal["draft", "normal", "high"] = setting(
        "normal",
        "Number of steps: draft takes less than half the time, high twice the time. Step counts that you set yourself "
        "are kept",
        "draft|normal|high",
    )
    octaves: Varies[Octaves] = setting(
        AUTO_OCTAVES,
        "Number of scales at which to dream. auto: enough to reach a short side of 128 pixels, so that the largest "
        "features take up the same share of a small and a large picture",
        "auto|N",
        zero="auto",
        ge=0,
        le=32,
        slider=(0, 10),
    )
    octave_scale: Varies[float] = setting(
        1.4, "Size ratio between successive octaves", "X", gt=1, le=4, slider=(1.1, 2)
    )
    octave_sizes: OctaveSizes | None = setting(
        None,
        "Short side of each octave, instead of the two options above; full is the picture's own size",
        "PX,PX,…",
        zero="full",
    )
    iterations: Iterations = setting(
        (28, 16, 6, 2),
        "Steps per octave, coarse to fine, on the first frame of a shot; a single number applies to all octaves, a "
        "shorter list is interpolated",
        "N[,N…]",
    )
    step: Varies[float | None] = setting(
        None,
        "Average change of a pixel per step, in 8-bit levels. Default: set by --strength, for the same contrast with "
        "every network, layer and look",
        "LEVELS",
        ge=0,
        le=255,
        slider=(0, 6),
    )
    step_decay: Varies[float] = setting(
        1.0,
        "Ratio of an octave's last step to its first: below 1 the dream settles gently",
        "X",
        gt=0,
        le=1,
        slider=(0.05, 1),
    )
    jitter: Varies[int] = setting(32, "Maximum random shift before each step", "PX", ge=0, le=4096, slider=(0, 128))
    spread: Varies[float] = setting(
        1.5,
        "Balance between the channels of a layer: 0 the strongest takes all (2015), 2 all equal",
        "X",
        ge=0,
        le=2,
    )
    seed: int = seed_setting("Seed of the jitter; the same seed gives the same film")


class ConditioningSettings(Group):
    """How each step is conditioned, and where it is applied."""

    part_of_look: ClassVar[bool] = True

    color_prior: Varies[float] = setting(
        0.6,
        "Suppress colors that are rare in photographs: 0 the gradient's own colors (2015), 1 nearly gray",
        "X",
        ge=0,
        le=1,
    )
    spectrum: Varies[float] = setting(
        0.85,
        "Weight the gradient's frequencies by 1/f^X: 0 fine grain (2015), 1 large soft shapes",
        "X",
        ge=0,
        le=3,
        slider=(0, 2),
    )
    laplacian: Varies[int] = setting(
        0,
        "Split the gradient into this many frequency bands of equal strength (Laplacian pyramid); 0 is off",
        "LEVELS",
        ge=0,
        le=16,
        slider=(0, 8),
    )
    smooth: Varies[float] = setting(
        0.0,
        "Blur the gradient with this sigma, then restore its magnitude; 0 is off",
        "PX",
        ge=0,
        le=100,
        slider=(0, 8),
    )
    tv: Varies[float] = setting(
        0.0,
        "Total variation penalty: smooths the picture as it dreams. 1 pulls about as hard as the dream pushes",
        "WEIGHT",
        ge=0,
        le=100,
        slider=(0, 2),
    )
    l2: Varies[float] = setting(
        0.0,
        "Pull toward the source: 0.1 holds a pixel that has moved by 10 levels",
        "WEIGHT",
        ge=0,
        le=100,
        slider=(0, 1),
    )
    keep_color: bool = setting(False, "Dream in luminance only and keep the source's colors", "")
    mask: MaskChoice | None = setting(
        None,
        "Picture or video with the source's aspect ratio: white dreams, black is left alone, gray is in between. "
        "channel= takes a channel of an EXR instead, or A, the alpha of any file",
        "FILE[:channel=NAME]",
        is_input_file=True,
        not_for=("library",),
    )


class DepthSettings(Group):
    """How far away things in the picture are."""

    part_of_look: ClassVar[bool] = True

    depth: WordOrPath | None = setting(
        None,
        "How far away things are: a picture or film, white near and black far, or an EXR of distances. Expressions of "
        "what varies from pixel to pixel, --strength and the weights of --layer, then know depth, from 0 near to 1 "
        "far. For a zoom also plane, tunnel, or model:NAME, a depth model",
        "plane|tunnel|model:NAME|FILE",
        is_input_file=True,
    )
    near: float | None = setting(
        None,
        "Distance in units to what is nearest: white in a picture of depths, depth 0 in expressions [default: 0.5]",
        "X",
        gt=0,
        le=1_000_000,
    )
    far: float | None = setting(
        None,
        "Distance in units to what is farthest: black in a picture of depths, depth 1 in expressions [default: 2]",
        "X",
        gt=0,
        le=1_000_000,
    )
    depth_white: Literal["near", "far"] | None = setting(
        None, "What white means in a picture of depths [default: near]", "near|far"
    )


class MotionSettings(Group):
    """How the dream follows the picture."""

    part_of_look: ClassVar[bool] = True

    blend: Varies[float] = setting(
        0.95, "Share of the previous frame's dream that is carried into the next frame", "0..1", ge=0, le=1
    )
    warm_iterations: Iterations = warm_iterations_setting(
        (2, 2, 1, 0), "Steps per octave where the dream was carried over; newly uncovered areas get more"
    )
    every: int = every_setting("Dream every Nth frame and carry the dream along the optical flow in between")
    two_pass: bool = setting(
        False,
        "Dream each shot backward first, then forward: its start is as settled as its end, and what leaves the frame "
        "comes home the same. Takes twice the time",
        "",
        omit_default=True,
        not_for=("explore", "visualize", "library"),
    )
    loop: bool = loop_setting(omit_default=True, not_for=("explore", "visualize", "library"))
    flow: FlowChoice = setting(
        "dis",
        "Optical flow: {names}; raft downloads weights. Or a renderer's motion vectors, a numbered sequence of EXR, "
        ".flo or KITTI PNG: vectors.%04d.exr. layer=, to=previous|next, y=up|down, units=pixels|uv, scale= and first= "
        "say how to read them",
        "METHOD|FILE[:K=V,…]",
        is_input_file=True,
        file_is_of_clip=True,
    )
    cuts: WordOrPath = setting(
        "auto",
        "auto: detect cuts and dissolves, and dream each shot by itself; none: treat the clip as one shot; or a list "
        "of cuts (CSV or EDL, as written by `dreamvid shots`)",
        "auto|none|FILE",
        is_input_file=True,
        is_document=True,
        part_of_look=False,
        selects_frames=True,
        off="none",
        not_for=("library",),
    )
    shots: Shots | None = setting(
        None,
        "Render only these shots: 3 or 3-7; `dreamvid shots` lists them",
        "N[-M]",
        part_of_look=False,
        selects_frames=True,
        joined_by="-",
        not_for=("library", "run"),
    )
