"""All settings of a render: the groups put together, read from files, and checked.

The command line's flags, the keys of presets and configuration files, and the recipe of a render are all made from the
models in `groups.py`, `sound.py`, `job.py`, `passes.py`, `camera.py` and `space.py`. Precedence, weakest first:
defaults, the model's own look, preset, configuration file, flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from dreamvid.config.camera import CameraSettings
from dreamvid.config.checked import explain_fault, key_of
from dreamvid.config.fields import Group, fields_of
from dreamvid.config.groups import (
    ConditioningSettings,
    DepthSettings,
    LookSettings,
    MotionSettings,
    NetworkSettings,
    ObjectiveSettings,
)
from dreamvid.config.job import OutputSettings, PartSettings, RunSettings, SourceSettings
from dreamvid.config.passes import PassSettings
from dreamvid.config.scheduled import LayerSchedule, SettingsOfMoment, SettingsOverTime
from dreamvid.config.sound import SoundSettings
from dreamvid.config.space import SpaceSettings
from dreamvid.config.types import LayerTarget
from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.schedule import DEPTH, NO_NAMES, Moment, Names

__all__ = [
    "GROUPS",
    "ZOOM_GROUPS",
    "AnySettings",
    "CameraSettings",
    "ConditioningSettings",
    "DepthSettings",
    "DreamFrameSettings",
    "DreamSettings",
    "FrameSettings",
    "LookSettings",
    "MotionSettings",
    "NetworkSettings",
    "ObjectiveSettings",
    "OutputSettings",
    "PartSettings",
    "PassSettings",
    "RunSettings",
    "Settings",
    "SoundSettings",
    "SourceSettings",
    "SpaceSettings",
    "ZoomFrameSettings",
    "ZoomSettings",
    "build_settings",
    "explain_fault",
    "key_of",
    "make_settings",
    "merge_values",
    "read_settings_file",
]

# The fewer steps there are the longer they become by themselves, so that the dream is as strong.
_STEPS_OF_QUALITY: dict[str, dict[str, tuple[int, ...]]] = {
    "draft": {"iterations": (12, 6, 2, 1), "warm_iterations": (1, 1, 1, 0)},
    "normal": {},
    "high": {"iterations": (40, 24, 12, 4), "warm_iterations": (4, 3, 2, 2)},
}


class _Common(
    NetworkSettings,
    ObjectiveSettings,
    LookSettings,
    ConditioningSettings,
    DepthSettings,
    SoundSettings,
    SourceSettings,
    OutputSettings,
    PassSettings,
    RunSettings,
):
    """The settings that all renders have in common, flat, as in a configuration file."""


class DreamFrameSettings(SettingsOfMoment, _Common):
    """Those of one moment: plain numbers."""


class FrameSettings(DreamFrameSettings, MotionSettings, PartSettings):
    """All settings of a frame of a film, or of a still picture."""


class ZoomFrameSettings(DreamFrameSettings, CameraSettings, SpaceSettings):
    """All settings of a zoom at one moment."""


class DreamSettings(SettingsOverTime, _Common):
    """The settings that all renders have in common, as they were given: some may change over time."""

    @classmethod
    def declared_in(cls, data: Mapping[str, Any]) -> Names:
        """What the values of `SoundSettings` among `data` bring along. Raises `SettingsError`."""
        keys = {key for name in SoundSettings.model_fields for key in (name, key_of(name))}
        given = {key: value for key, value in data.items() if key in keys and value is not None}
        return SoundSettings(**given).declared if given else NO_NAMES

    def without_measured(self) -> Self:
        """These settings where all that can be measured before the first frame has been: without those files."""
        return self.replace(
            **{name: info.default for name, info, facts in fields_of(type(self)) if facts.measured_ahead}
        )

    def at(self, moment: Moment) -> DreamFrameSettings:
        """The settings of a moment. A layer whose turn it is not has a weight of 0. `SettingsError` where an expression
        has no value or needs a sound that is not there."""
        return self._resolved(DreamFrameSettings, moment)

    def without_schedules(self) -> DreamFrameSettings:
        """The settings with the default in place of each schedule, and all layers on: what is measured once for a
        film, not for each moment, is measured with these."""
        return self._resolved(DreamFrameSettings, None)

    @property
    def layers(self) -> tuple[LayerTarget, ...] | None:
        """All layers that are dreamed on at one time or another; None: the network's own."""
        return self.layer.layers if isinstance(self.layer, LayerSchedule) else self.layer

    @property
    def follows_depth(self) -> str | None:
        """The name of a field that depends on depth; None: none does."""
        if any(layer.by_depth is not None for layer in self.layers or ()):
            return "layer"
        return next((name for name, schedule in self.schedules.items() if schedule.uses(DEPTH)), None)

    def for_model(self, look: Mapping[str, Any]) -> Self:
        """These settings with the steps of their quality, and a model's own `look`, in place of the defaults that
        nobody has set."""
        wanted = {**_STEPS_OF_QUALITY[self.quality], **look}
        return self.model_copy(
            update={name: value for name, value in wanted.items() if name not in self.model_fields_set}
        )

    def replace(self, **changes: Any) -> Self:
        """These settings with other values, which are not checked, but for their names."""
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)


class Settings(DreamSettings, MotionSettings, PartSettings):
    """All settings of a film or a still picture."""

    def at(self, moment: Moment) -> FrameSettings:
        """The settings of a frame that is shown at a moment."""
        return self._resolved(FrameSettings, moment)

    def without_selection(self) -> Self:
        """These settings where it is settled elsewhere which frames are rendered: no range, no cuts, no shots."""
        return self.replace(**{name: facts.off for name, _, facts in fields_of(type(self)) if facts.selects_frames})


class ZoomSettings(DreamSettings, CameraSettings, SpaceSettings):
    """All settings of a zoom."""

    def at(self, moment: Moment) -> ZoomFrameSettings:
        """The settings of a zoom at a moment."""
        return self._resolved(ZoomFrameSettings, moment)


GROUPS: tuple[tuple[str, type[Group]], ...] = (
    ("Network", NetworkSettings),
    ("Objective", ObjectiveSettings),
    ("Look", LookSettings),
    ("Conditioning", ConditioningSettings),
    ("Depth", DepthSettings),
    ("Motion", MotionSettings),
    ("Music", SoundSettings),
    ("Range and size", PartSettings),
    ("Source", SourceSettings),
    ("Output", OutputSettings),
    ("Passes and EXR", PassSettings),
    ("Running", RunSettings),
)
"""The groups of a film in the order of `--help`, with their headings."""

ZOOM_GROUPS: tuple[tuple[str, type[Group]], ...] = (
    ("Camera", CameraSettings),
    ("Space", SpaceSettings),
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
    return kind(**merge_values(layers, kind.model_fields, f"{source}: there is no setting"))


def merge_values(layers: Iterable[Mapping[str, Any]], names: Iterable[str], complaint: str) -> dict[str, Any]:
    """The values of mappings, of which later ones win, by the `names` of settings; keys may use `-` or `_`.

    Raises `SettingsError` that begins with `complaint` for a key that is none of the names'.
    """
    known = {key_of(name): name for name in names}
    merged: dict[str, Any] = {}
    for layer in layers:
        for text, value in layer.items():
            key = key_of(str(text))
            if key not in known:
                raise SettingsError(f"{complaint} '{shown(key)}'{did_you_mean(key, known)}")
            merged[known[key]] = value
    return merged


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read the values of a YAML settings file. Raises `SettingsError` if it cannot be read or is not a mapping."""
    from dreamvid.runtime.documents import read_yaml

    values = read_yaml(path, "configuration file")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: a configuration file must contain lines such as `octaves: 4`")
    for word in ("about", "for"):  # a preset's own description
        values.pop(word, None)
    return {str(key): value for key, value in values.items()}
