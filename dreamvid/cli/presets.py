"""`dreamvid presets`: named looks, each a YAML file of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from dreamvid.errors import SettingsError, did_you_mean
from dreamvid.settings import read_settings_file


def preset_folder() -> Path:
    """Where the presets lie: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def list_presets() -> dict[str, Path]:
    """The presets by name, sorted."""
    return {path.stem: path for path in sorted(preset_folder().glob("*.yaml"))}


def read_preset(name: str) -> dict[str, Any]:
    """The settings of a preset. Raises `SettingsError` for an unknown one."""
    known = list_presets()
    if name not in known:
        raise SettingsError(
            f"--preset: there is no preset '{name}'{did_you_mean(name, known)} ({', '.join(known)}); "
            "a file of your own goes with --config"
        )
    return read_settings_file(known[name])


def presets() -> None:
    """List the presets that --preset takes."""
    import yaml
    from rich.console import Console
    from rich.table import Table

    table = Table("preset", "what it does", "settings", box=None, pad_edge=False)
    for name, path in list_presets().items():
        about = yaml.safe_load(path.read_text(encoding="utf-8")).get("about", "")
        values = ", ".join(f"{key} {_shown(value)}" for key, value in read_settings_file(path).items())
        table.add_row(name, about, values)
    Console().print(table)
    typer.echo("\nUse one with: dreamvid clip.mp4 --preset NAME")


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
