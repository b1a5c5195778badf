"""The settings of EXR files, and of the passes that they may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dreamvid.config.fields import Group, setting
from dreamvid.errors import did_you_mean, shown

PassName = Literal["dream", "source", "flow", "reliability", "mask", "depth", "beauty"]
Compression = Literal["none", "rle", "zip", "zips", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab"]


@dataclass(frozen=True)
class PassFacts:
    """What is known about a pass.

    Attributes:
        layer: what it is called in an EXR, before the dot: `dream.R`; "" for the picture itself, `R`.
        bytes_per_pixel: what it takes on the disk, about, in half floats.
        values: of a pixel.
        needed: the setting without which there is none.
    """

    layer: str
    bytes_per_pixel: float
    values: int = 1
    needed: str | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it has channels R, G and B."""
        return self.values == 3


PASSES: Mapping[PassName, PassFacts] = {
    "dream": PassFacts("dream", 7.0, 3),
    "source": PassFacts("source", 4.0, 3),
    "flow": PassFacts("backward", 6.0, 2),
    "reliability": PassFacts("reliability", 0.3),
    "mask": PassFacts("mask", 0.3),
    "depth": PassFacts("depth", 2.0, needed="depth"),
    "beauty": PassFacts("", 4.0, 3),
}
"""The passes, in their order."""

def values_per_pixel(names: Iterable[PassName]) -> int:
    """How many numbers a pixel of a frame has that comes with the layers for these passes; its picture is one."""
    return 3 + sum(PASSES[name].values for name in {*names} - {"beauty"})


LOSSY = frozenset({"b44", "b44a", "dwaa", "dwab"})
"""The compressions that change half floats."""

_ALL = "all"


def _parse_passes(value: Any) -> Any:
    """Names of passes, `all` among them, in the order that passes have."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"'{shown(value)}' is not a list of passes such as dream,source")
    names = [str(item).strip().lower() for item in items]
    for name in names:
        if name not in (*PASSES, _ALL):
            raise ValueError(f"there is no pass '{shown(name)}'{did_you_mean(name, (*PASSES, _ALL))}")
    return tuple(name for name, facts in PASSES.items() if name in names or (_ALL in names and not facts.needed))


def _parse_whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip() in ("16", "32") else value


Passes = Annotated[tuple[PassName, ...], BeforeValidator(_parse_passes), Field(min_length=1)]
ExrDepth = Annotated[Literal[16, 32], BeforeValidator(_parse_whole)]


class PassSettings(Group):
    """EXR files, and what they hold beside the finished picture."""

    passes: Passes | None = setting(
        None,
        "Write what each frame is made of as EXR, for compositing: dream, source, flow, reliability, mask, depth, "
        "beauty, or all. They are layers of the output where that is EXR, else of files beside it, in "
        "OUTPUT.passes",
        "NAME[,NAME…]",
        not_for=("explore",),
        omit_default=True,
    )
    passes_as: Literal["layers", "files"] = setting(
        "layers",
        "How passes are stored: as layers of one EXR for each frame, or in files of their own for each pass",
        "layers|files",
        not_for=("explore",),
        omit_default=True,
    )
    exr_compression: Compression | None = setting(
        None,
        "Compression of EXR files: none, rle, zip, zips and piz are lossless; pxr24 rounds 32-bit floats to 24 bits; "
        "b44, b44a, dwaa and dwab lose some of the colors [default: zip]",
        "NAME",
        not_for=("explore",),
        omit_default=True,
    )
    exr_depth: ExrDepth | None = setting(
        None,
        "Bits per channel of EXR files, of passes too: 16 is half, 32 full float [default: --bit-depth for an output "
        "that is EXR, else 16]",
        "16|32",
        not_for=("explore",),
        omit_default=True,
    )
