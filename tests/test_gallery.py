"""The gallery: every recipe is one, is shown, and its picture carries it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dreamvid.config.settings import Settings, ZoomSettings, build_settings, read_settings_file
from dreamvid.media import probe
from dreamvid.output.recipe import read_look, write_recipe

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
MOST_BYTES = {".jpg": 100_000, ".webp": 400_000}


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_the_gallery", GALLERY.with_name("make_gallery.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_everything_is_shown_once(gallery: ModuleType) -> None:
    shown = [name for recipes in gallery.contents().values() for name in recipes]
    assert len(shown) == len(set(shown)) >= 40
    recipes = {path.stem for path in GALLERY.glob("*.yaml")} - {"contents"}
    assert set(shown) == recipes
    pictures = {path for path in GALLERY.iterdir() if path.suffix in MOST_BYTES}
    assert pictures == {gallery.picture(name) for name in shown}


def test_pictures_are_small_and_carry_their_recipes(gallery: ModuleType) -> None:
    for recipes in gallery.contents().values():
        for name in recipes:
            picture, values = gallery.picture(name), read_settings_file(gallery.recipe(name))
            assert picture.stat().st_size < MOST_BYTES[picture.suffix], name
            if gallery.is_loop(name):
                assert probe(picture).kind == "video"
                build_settings(ZoomSettings, values)
                continue
            recipe = write_recipe(build_settings(Settings, values))
            wanted = {key: text for key, text in recipe.items() if key in values}
            carried = read_look(picture, Settings)
            assert {key: carried[key] for key in wanted} == wanted, name


def test_the_page_is_the_one_that_is_made(gallery: ModuleType) -> None:
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page(), "run docs/make_gallery.py"
