"""Make the gallery: a picture or a loop for each recipe, and the page that shows them, docs/gallery.md.

    uv run python docs/make_gallery.py [NAME ...]

Without names all are rendered, in some minutes. Everything is dreamed by the network that is installed with dreamvid,
on the samples of this repository, so anyone gets the same. A picture carries its recipe, for `--like`; a loop's is the
file beside it, for `--config`.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import yaml

from dreamvid import Job, Settings, ZoomJob, ZoomSettings, render_job, render_zoom
from dreamvid.config.presets import describe_preset
from dreamvid.config.settings import build_settings, read_settings_file
from dreamvid.runtime.events import Event

DOCS = Path(__file__).parent
HERE = DOCS / "gallery"
PAGE = DOCS / "gallery.md"
SIDE, LOOP_SIDE, LOOP_RATE = 480, 208, 12
QUALITY, LOOP_QUALITY = 82, 60
COLUMNS = 3


def contents() -> dict[str, dict[str, str]]:
    """The recipes under each heading, with the sample that each is shown on."""
    found: dict[str, dict[str, str]] = yaml.safe_load((HERE / "contents.yaml").read_text(encoding="utf-8"))
    return found


def is_loop(name: str) -> bool:
    return describe_preset(recipe(name)).command == "zoom"


def about(name: str) -> str:
    return describe_preset(recipe(name)).about


def recipe(name: str) -> Path:
    return HERE / f"{name}.yaml"


def picture(name: str) -> Path:
    return HERE / f"{name}.{'webp' if is_loop(name) else 'jpg'}"


def source(sample: str) -> Path:
    return Path("noise") if sample == "noise" else Path("samples", f"{sample}.jpg")


def render(name: str, sample: str) -> None:
    """Render a recipe."""
    values = read_settings_file(recipe(name))
    events: Iterator[Event]
    if is_loop(name):
        size = {"size": f"{LOOP_SIDE}x{LOOP_SIDE}"} if sample == "noise" else {"max-size": LOOP_SIDE}
        small = {"fps": LOOP_RATE, "jpeg-quality": LOOP_QUALITY, "sidecar": False}
        settings = build_settings(ZoomSettings, values, size, small)
        events = render_zoom(ZoomJob(source(sample), picture(name), settings, overwrite=True))
    else:
        settings = build_settings(Settings, values, {"max-size": SIDE, "jpeg-quality": QUALITY, "sidecar": False})
        events = render_job(Job(source(sample), picture(name), settings, overwrite=True))
    deque(events, maxlen=0)


def page() -> str:
    """The page that shows them all."""
    text = [
        "# Gallery",
        "",
        "Each of these is made by one file, without a download, from the samples in the repository. Take one as a",
        "starting point: a picture carries its recipe, so `--like` gives your own clip its look.",
        "",
        "    dreamvid clip.mp4 --like docs/gallery/eyes.jpg",
        "    dreamvid zoom photo.jpg --config docs/gallery/endless.yaml",
        "",
        "The name under each leads to its settings: save the file, and give it to `--config`. `docs/make_gallery.py`",
        "renders them all.",
    ]
    for heading, recipes in contents().items():
        text += ["", f"## {heading}", ""]
        names = list(recipes)
        for first in range(0, len(names), COLUMNS):
            row = names[first : first + COLUMNS]
            head = " | ".join(f"![{name}](gallery/{picture(name).name})" for name in row)
            told = " | ".join(f"[**{name}**](gallery/{name}.yaml): {about(name)}" for name in row)
            text += [f"| {head} |", f"|{'---|' * len(row)}", f"| {told} |", ""]
        text.pop()
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="recipes to render; all of them if none are given")
    wanted = parser.parse_args().names
    for recipes in contents().values():
        for name, sample in recipes.items():
            if not wanted or name in wanted:
                render(name, sample)
                print(f"{picture(name).name}: {picture(name).stat().st_size // 1000} KB", flush=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
