"""The recipe of a render: every setting as text, kept in the output's metadata and read back by `--like`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dreamvid.documents import DocumentError, parse_json, read_text
from dreamvid.errors import SettingsError
from dreamvid.settings import (
    CameraSettings,
    ConditioningSettings,
    DreamSettings,
    LookSettings,
    MotionSettings,
    NetworkSettings,
    ObjectiveSettings,
    key_of,
)
from dreamvid.settings_groups import written
from dreamvid.varying import Varying

_TAG = "dreamvid"
_LOOK: tuple[type[BaseModel], ...] = (
    NetworkSettings,
    ObjectiveSettings,
    LookSettings,
    ConditioningSettings,
    MotionSettings,
    CameraSettings,
)
_OF_THE_FILM = {"size", "max_size", "duration", "fps", "shots", "cuts"}  # beside the look

Recipe = dict[str, str | list[str]]


def write_recipe(settings: DreamSettings) -> Recipe:
    """Every setting that has a value, as a person would write it, by its name on the command line."""
    varying = settings.as_text()
    recipe: Recipe = {}
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        text = varying.get(name)
        if name in Varying.model_fields or (value is None and text is None):
            continue
        if name in ("layer", "class_"):
            recipe[key_of(name)] = text.splitlines() if text else [str(item) for item in value]
        else:
            recipe[key_of(name)] = text or _text(name, info, value)
    return recipe


def recipe_tags(settings: DreamSettings) -> dict[str, str]:
    """The metadata of a file that was rendered with `settings`."""
    return {_TAG: json.dumps({"version": version("dreamvid"), "recipe": write_recipe(settings)})}


def read_look(path: Path, kind: type[DreamSettings]) -> dict[str, Any]:
    """The look of a finished render, as values for `build_settings`: of those settings that `kind` has.

    `path` is the output, or the sidecar beside it, which is also read where an output cannot hold a recipe.
    Raises `MediaError` where the file cannot be read, `SettingsError` where there is no recipe.
    """
    stored = _stored(path)
    recipe = stored.get("recipe") if isinstance(stored, dict) else None
    if not isinstance(recipe, dict):
        raise SettingsError(f"--like: {path} contains no recipe; give a file that dreamvid rendered")
    names = {name for group in _LOOK for name in group.model_fields} - _OF_THE_FILM
    wanted = {key_of(name) for name in names if name in kind.model_fields}
    return {key: value for key, value in recipe.items() if key in wanted}


def _stored(path: Path) -> Any:
    """What the output's metadata or its sidecar holds; None where that is nothing of ours."""
    from dreamvid.media import read_metadata
    from dreamvid.media.header import check_file
    from dreamvid.media.target import beside

    sidecar = path.with_name(f"{path.name}.json") if path.is_dir() else beside(path, ".json")
    if path.suffix.lower() == ".json":
        check_file(path)
        sidecar = path
    elif path.is_file() or not sidecar.is_file():
        tags = read_metadata(path)
        if _TAG in tags or not sidecar.is_file():
            return _parsed(path, tags.get(_TAG, "null"))
    return _parsed(sidecar, read_text(sidecar, "sidecar"))


def _parsed(path: Path, text: str) -> Any:
    try:
        return parse_json(text)
    except DocumentError as error:
        raise SettingsError(f"--like: {path} {error}; give a file that dreamvid rendered") from None


def _text(name: str, info: FieldInfo, value: object) -> str:
    if name == "size" and isinstance(value, tuple):
        return "x".join(map(str, value))
    if name == "shots" and isinstance(value, tuple):
        return "-".join(map(str, value))
    return written(info, value)
