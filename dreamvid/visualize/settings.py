"""The settings of `dreamvid visualize`: what is drawn from the settings of a dream, how from settings of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from dreamvid.config.fields import Group, fields_of, setting
from dreamvid.config.groups import seed_setting
from dreamvid.config.settings import (
    NetworkSettings,
    ObjectiveSettings,
    RunSettings,
    Settings,
    make_settings,
    merge_values,
)
from dreamvid.config.types import Size
from dreamvid.errors import shown

COMMAND = "visualize"
"""What the fields call it that are not for it."""

_SMALLEST_SCALE, _LARGEST_SCALE = 0.05, 8.0


def _parse_range(value: Any) -> Any:
    """Two factors, `0.5..1`, or one, `1`."""
    if isinstance(value, (int, float)):
        return value, value
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d{0,9}\.?\d{1,24})\s*(?:\.\.\s*(\d{0,9}\.?\d{1,24})\s*)?", value, re.ASCII)
    low, high = (float(found[1]), float(found[2] or found[1])) if found else (1.0, 0.0)
    if not low <= high:
        raise ValueError(f"'{shown(value)}' is not a range of factors such as 0.5..1, from small to large")
    return low, high


_Factor = Annotated[float, Field(ge=_SMALLEST_SCALE, le=_LARGEST_SCALE)]
ScaleRange = Annotated[tuple[_Factor, _Factor], BeforeValidator(_parse_range)]


class VisualizeSettings(Group):
    """How pictures are drawn from noise."""

    neuron: bool = setting(False, "Visualize a single neuron: the channel at the center position", "")
    together: bool = setting(
        False, "Draw one picture for all channels, classes and layers together, instead of one for each", ""
    )
    count: int = setting(1, "Number of pictures of each", "N", ge=1, le=64)
    diversity: float = setting(
        0.0,
        "Push the pictures of one channel apart, to show everything it responds to: 0.5 is a good start, 1 pushes as "
        "hard as the channel pulls",
        "WEIGHT",
        ge=0,
        le=100,
    )
    size: Size = setting("224x224", "Size of each picture", "WxH", validate_default=True)
    steps: int = setting(128, "Number of ascent steps", "N", ge=1, le=100_000)
    lr: float = setting(0.1, "Step size; larger steps give more contrast", "X", gt=0, le=10)
    spectrum: float = setting(1.5, "Prefer frequencies by 1/f^X: 1 fine detail, 2 large soft shapes", "X", ge=0, le=4)
    jitter: float = setting(8.0, "Maximum random shift before each step", "PX", ge=0, le=4096)
    scale_range: ScaleRange = setting(
        "0.5..1",
        "Range of the random scaling applied before each step: smaller factors draw larger features",
        "A..B",
        validate_default=True,
    )
    rotate: float = setting(10.0, "Maximum random rotation before each step", "DEG", ge=0, le=180)
    tv: float = setting(
        0.05,
        "Total variation penalty: smooths the picture. 1 pulls about as hard as the channel",
        "WEIGHT",
        ge=0,
        le=100,
    )
    seed: int = seed_setting("Seed of the noise; a different seed draws different pictures")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scale_range[0] > self.scale_range[1]:
            raise ValueError("--scale-range must go from a smaller factor to a larger one")
        if self.diversity and self.count == 1:
            raise ValueError("--diversity needs more than one picture; draw more with --count")
        return self


VISUALISE_GROUPS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Network", NetworkSettings),
    ("What to draw", ObjectiveSettings),
    ("How to draw it", VisualizeSettings),
    ("Running", RunSettings),
)
"""The groups in the order of `--help`, with their headings."""


def make_visualize_settings(*layers: Mapping[str, Any], source: str = "settings") -> tuple[VisualizeSettings, Settings]:
    """How to draw, and what with which network, from mappings of values; later ones win; keys with `-` or `_`.

    Raises `SettingsError` that names the first key at fault and, for an unknown one, those nearest to it.
    """
    names = [
        name for _, group in VISUALISE_GROUPS for name, _, facts in fields_of(group) if COMMAND not in facts.not_for
    ]
    merged = merge_values(layers, names, f"{source}: visualize has no setting")
    own = {name: value for name, value in merged.items() if name in VisualizeSettings.model_fields}
    return VisualizeSettings(**own), make_settings({name: value for name, value in merged.items() if name not in own})
