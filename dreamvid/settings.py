"""All settings of a render: the groups put together, read from files, and checked.

The command line's flags, the keys of presets and configuration files, and the recipe of a render are all made from the
models in `settings_groups.py`. Precedence, weakest first: defaults, the model's own look, preset, configuration file,
flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.settings_groups import (
    CameraSettings,
    ConditioningSettings,
    Group,
    LookSettings,
    MotionSettings,
    NetworkSettings,
    ObjectiveSettings,
    OutputSettings,
    PartSettings,
    RunSettings,
    SoundSettings,
    SourceSettings,
    key_of,
)
from dreamvid.varying import Varying

__all__ = [
    "GROUPS",
    "ZOOM_GROUPS",
    "AnySettings",
    "CameraSettings",
    "ConditioningSettings",
    "DreamSettings",
    "LookSettings",
    "MotionSettings",
    "NetworkSettings",
    "ObjectiveSettings",
    "OutputSettings",
    "PartSettings",
    "RunSettings",
    "Settings",
    "SoundSettings",
    "SourceSettings",
    "ZoomSettings",
    "build_settings",
    "explain_fault",
    "key_of",
    "make_settings",
    "read_settings_file",
]

# The fewer steps there are the longer they become by themselves, so that the dream is as strong.
_STEPS_OF_QUALITY: dict[str, dict[str, tuple[int, ...]]] = {
    "draft": {"iterations": (12, 6, 2, 1), "warm_iterations": (1, 1, 1, 0)},
    "normal": {},
    "high": {"iterations": (40, 24, 12, 4), "warm_iterations": (4, 3, 2, 2)},
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
    """The settings that all renders have in common, flat, as in a configuration file."""

    def for_model(self, look: Mapping[str, Any]) -> Self:
        """These settings with the steps of their quality, and a model's own `look`, in place of the defaults that
        nobody has set."""
        chosen = self.model_fields_set | self.schedules.keys()
        wanted = {**_STEPS_OF_QUALITY[self.quality], **look}
        return self.model_copy(update={name: value for name, value in wanted.items() if name not in chosen})


class Settings(DreamSettings, MotionSettings, PartSettings):
    """All settings of a film or a still picture."""


class ZoomSettings(DreamSettings, CameraSettings):
    """All settings of a zoom."""


GROUPS: tuple[tuple[str, type[Group]], ...] = (
    ("Network", NetworkSettings),
    ("Objective", ObjectiveSettings),
    ("Look", LookSettings),
    ("Conditioning", ConditioningSettings),
    ("Motion", MotionSettings),
    ("Music", SoundSettings),
    ("Range and size", PartSettings),
    ("Source", SourceSettings),
    ("Output", OutputSettings),
    ("Running", RunSettings),
)
"""The groups of a film in the order of `--help`, with their headings."""

ZOOM_GROUPS: tuple[tuple[str, type[Group]], ...] = (
    ("Camera", CameraSettings),
    *(group for group in GROUPS if group[1] not in (MotionSettings, PartSettings)),
)
"""The same of a zoom."""

AnySettings = TypeVar("AnySettings", bound=DreamSettings)


def make_settings(*layers: Mapping[str, Any], source: str = "settings") -> Settings:
    """Settings of a film or still; see `build_settings`."""
    return build_settings(Settings, *layers, source=source)


def build_settings(kind: type[AnySettings], *layers: Mapping[str, Any], source: str = "settings") -> AnySettings:
    """Build settings from mappings of values, of which later ones win; keys may use `-` or `_`.

    Raises `SettingsError` that names the first invalid key and, for an unknown one, the most similar known ones.
    """
    known = {key_of(name): name for name in kind.model_fields if name not in Varying.model_fields}
    merged: dict[str, Any] = {}
    for layer in layers:
        for text, value in layer.items():
            key = key_of(str(text))
            if key not in known:
                raise SettingsError(f"{source}: there is no setting '{shown(key)}'{did_you_mean(key, known)}")
            merged[known[key]] = value
    try:
        return kind(**merged)
    except ValidationError as error:
        raise explain_fault(error) from None


def explain_fault(error: ValidationError) -> SettingsError:
    """Return the first validation error as one line that names the flag."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] == "value_error" else f", not '{shown(first['input'])}'"
    flag = f"--{key_of(str(first['loc'][0]))}: " if first["loc"] else ""
    return SettingsError(f"{flag}{reason[0].lower()}{reason[1:]}{given}")


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read the values of a YAML settings file. Raises `SettingsError` if it cannot be read or is not a mapping."""
    from dreamvid.documents import read_yaml

    values = read_yaml(path, "configuration file")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: a configuration file must contain lines such as `octaves: 4`")
    for word in ("about", "for"):  # a preset's own description
        values.pop(word, None)
    return {str(key): value for key, value in values.items()}
