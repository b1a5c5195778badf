"""The recipe of a render: every setting as text, kept in the output's metadata and read back by `--like`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from dreamvid.config.fields import facts_of, fields_of, written
from dreamvid.config.scheduled import LayerSchedule
from dreamvid.config.settings import DreamSettings, key_of
from dreamvid.errors import SettingsError
from dreamvid.runtime.documents import DocumentError, parse_json, read_text
from dreamvid.runtime.registers import FLOWS
from dreamvid.schedule import Schedule

_TAG = "dreamvid"

Recipe = dict[str, str | list[str]]


def write_recipe(settings: DreamSettings) -> Recipe:
    """Every setting that has a value, as a person would write it, by its name on the command line."""
    values = ((name, info, facts, getattr(settings, name)) for name, info, facts in fields_of(type(settings)))
    return {
        key_of(name): _text(info, value)
        for name, info, facts, value in values
        if value is not None and not (facts.omit_default and value == info.default)
    }


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
    wanted = {key_of(name): facts for name, _, facts in fields_of(kind) if facts.part_of_look}
    return {
        key: value
        for key, value in recipe.items()
        if key in wanted and not (wanted[key].file_is_of_clip and value not in FLOWS)
    }


def _stored(path: Path) -> Any:
    """What the output's metadata or its sidecar holds; None where that is nothing of ours."""
    from dreamvid.images.header import check_file
    from dreamvid.media import read_metadata
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


def _text(info: FieldInfo, value: Any) -> str | list[str]:
    if isinstance(value, LayerSchedule):
        return value.texts()
    if facts_of(info).repeatable:
        return [str(item) for item in value]
    return str(value) if isinstance(value, Schedule) else written(info, value)
