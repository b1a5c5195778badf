"""Presets: named looks, each a YAML file of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dreamvid.config.settings import read_settings_file
from dreamvid.errors import SettingsError, did_you_mean


def preset_folder() -> Path:
    """Where the presets lie: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def list_presets() -> dict[str, Path]:
    """The presets by name, sorted."""
    return {path.stem: path for path in sorted(preset_folder().glob("*.yaml"))}


def read_preset(name: str, command: str) -> dict[str, Any]:
    """The settings of a preset. Raises `SettingsError` for an unknown one, or one made for another command."""
    known = list_presets()
    if name not in known:
        raise SettingsError(
            f"--preset: there is no preset '{name}'{did_you_mean(name, known)} ({', '.join(known)}); use --config for "
            "a file of your own"
        )
    made_for = describe_preset(known[name]).command
    if made_for not in ("", command):
        raise SettingsError(f"--preset: '{name}' is for `dreamvid {made_for}`; `dreamvid presets` lists them all")
    return read_settings_file(known[name])


class Description(NamedTuple):
    """What a preset says of itself: one line for people, and the one command that it is made for, if there is one."""

    about: str
    command: str


def describe_preset(path: Path) -> Description:
    """Read what a preset says of itself."""
    from dreamvid.runtime.documents import read_yaml

    values = read_yaml(path, "preset")
    return Description(values.get("about", ""), values.get("for", ""))
