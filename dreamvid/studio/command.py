"""Settings as the command line that means the same: only what differs from the defaults, quoted for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from dreamvid.config.settings import Settings, key_of, make_settings
from dreamvid.output.recipe import write_recipe

Given = Mapping[str, Any]
"""What somebody has set: texts, switches and lists of texts, by their keys; what `make_settings` takes."""


def as_given(**values: Any) -> dict[str, Any]:
    """Values by the names of their settings, as they would be given by key."""
    return {key_of(name): value for name, value in values.items()}


def essential(given: Given) -> dict[str, Any]:
    """`given` without what is the default anyway. Raises `SettingsError` for a value that makes no sense.

    A number that networks have an opinion of stays: set, it holds for all; left out, it is the network's own.
    """
    settings, plain = make_settings(given), write_recipe(Settings())
    recipe = write_recipe(settings)
    opinions = _opinions()
    kept: dict[str, Any] = {}
    for name in Settings.model_fields:
        key = key_of(name)
        if given.get(key) is None or (recipe.get(key) == plain.get(key) and key not in opinions):
            continue
        kept[key] = given[key]
    return kept


def _opinions() -> set[str]:
    from dreamvid.models import MODELS

    return {key_of(name) for spec in MODELS.values() for name in spec.look}


def command_words(source: str, given: Given) -> list[str]:
    """The words after `dreamvid` that render `source` with `given`; files of settings by their full paths."""
    chosen = essential(given)
    settings = make_settings(chosen)
    recipe = write_recipe(settings)
    words = [f"./{source}" if source.startswith("-") else source]
    for name in Settings.model_fields:
        key = key_of(name)
        if key not in chosen:
            continue
        value = getattr(settings, name)
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
            continue
        text = recipe[key]
        if isinstance(text, str) and isinstance(chosen[key], str):
            text = chosen[key]  # as it was typed
        for one in text if isinstance(text, list) else [text]:
            words += _option(key, one)
    return words


def _option(key: str, text: str) -> list[str]:
    return [f"--{key}={text}"] if text.startswith("-") else [f"--{key}", text]


def show_command(source: str, given: Given, names: Mapping[str, str]) -> str:
    """The command line for people to copy; `names` are what they call the files, by the paths that stand in `given`."""
    own: dict[str, Any] = {key: _renamed(value, names) for key, value in given.items() if isinstance(value, str)}
    own |= {key: [_renamed(item, names) for item in value] for key, value in given.items() if isinstance(value, list)}
    return "dreamvid " + shlex.join(command_words(source, {**given, **own}))


def _renamed(text: Any, names: Mapping[str, str]) -> Any:
    """A value with what people call the file in it, if that was handed in: `/kept/x.wav`, `drums=/kept/x.wav`."""
    name, equals, path = str(text).partition("=")
    if text in names:
        return names[text]
    return f"{name}={names[path]}" if equals and path in names else text
