"""The gallery: recipes with the pictures that they make, to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dreamvid.config.fields import input_files
from dreamvid.config.presets import describe_preset
from dreamvid.config.settings import Settings, build_settings, read_settings_file


@dataclass(frozen=True)
class GalleryLook:
    """A recipe for any clip: a file of settings, what it says of itself, and a picture that it has made."""

    name: str
    about: str
    recipe: Path
    picture: Path


def gallery_folder() -> Path:
    """Where the gallery lies: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "gallery"
    return installed if installed.is_dir() else package.parent / "docs" / "gallery"


def list_gallery() -> list[GalleryLook]:
    """Those recipes that are looks of films and need no other file, by name."""
    looks = []
    for picture in sorted(gallery_folder().glob("*.jpg")):
        recipe = picture.with_suffix(".yaml")
        if not input_files(build_settings(Settings, read_settings_file(recipe))):
            looks.append(GalleryLook(picture.stem, describe_preset(recipe).about, recipe, picture))
    return looks
