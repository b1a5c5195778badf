"""The settings of color: how the source's is read, dreamed in and written, where that is not the usual way."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from dreamvid.config.fields import Group, setting
from dreamvid.config.types import WordOrPath, check_text

_VARIABLE = "OCIO"


def _from_environment(value: Any) -> Any:
    """`$OCIO` where the shell has not replaced it, as in a configuration file."""
    if value not in (f"${_VARIABLE}", f"${{{_VARIABLE}}}"):
        return value
    if not (found := os.environ.get(_VARIABLE)):
        raise ValueError(f"the environment variable {_VARIABLE} is not set; set it, or give builtin or a file")
    return found


def _check_name(text: str) -> str:
    check_text(text)
    if not text.strip():
        raise ValueError("is empty; give the name of a color space")
    return text.strip()


OcioText = Annotated[WordOrPath, BeforeValidator(_from_environment)]
SpaceName = Annotated[str, AfterValidator(_check_name)]


class ColorSettings(Group):
    """Color management, and HDR."""

    ocio: OcioText | None = setting(
        None,
        "Manage colors by this OpenColorIO configuration: builtin (the ACES Studio configuration), a .ocio or .ocioz "
        "file, '$OCIO', or one that OpenColorIO brings along, ocio://NAME. Light of any brightness is kept; needs "
        "dreamvid[ocio]",
        "builtin|ocio:NAME|FILE",
        is_input_file=True,
        omit_default=True,
    )
    in_space: SpaceName | None = setting(
        None,
        "Color space of the source: a name, alias or role of the configuration [default: as the source says: an EXR "
        "by its chromaticities, a film by its tags, else sRGB]",
        "SPACE",
        names_color_space=True,
        omit_default=True,
    )
    work_space: SpaceName | None = setting(
        None,
        "Color space to dream in; its values from 0 to 1 are what the network sees [default: the source's light as a "
        "screen shows it, with a shoulder that reaches to 64 times white]",
        "SPACE",
        names_color_space=True,
        omit_default=True,
    )
    out_space: SpaceName | None = setting(
        None,
        "Color space of the output, or DISPLAY/VIEW [default: that of the source; where light becomes a film or a "
        "picture, the usual screen's default view]",
        "SPACE",
        names_color_space=True,
        omit_default=True,
    )
    hdr: Literal["keep", "pq", "hlg"] | None = setting(
        None,
        "Keep HDR instead of tone-mapping it: keep writes PQ as PQ, HLG as HLG, and an EXR as light of any brightness; "
        "pq and hlg convert. Films need h265, av1, prores, dnxhr or ffv1",
        "keep|pq|hlg",
        omit_default=True,
    )
