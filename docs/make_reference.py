"""Write `reference.md`, the list of all options, from the command line itself: `uv run python docs/make_reference.py`.

Nothing in that page is written by hand. `tests/cli/test_reference.py` fails when the page and the options differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dreamvid.cli.main import app
from dreamvid.config.fields import takes_schedule
from dreamvid.config.settings import GROUPS, ZOOM_GROUPS, SoundSettings, key_of
from dreamvid.config.sound import GridSettings
from dreamvid.farm.settings import FarmSettings
from dreamvid.models import MODELS
from dreamvid.models.spec import ModelSpec
from dreamvid.train.settings import TrainSettings
from dreamvid.visualize.settings import VISUALISE_GROUPS

PAGE = Path(__file__).with_name("reference.md")

_INTRODUCTION = """\
# Reference: all options

`docs/make_reference.py` writes this page from the command line; do not edit it. After changing an option, run
`uv run python docs/make_reference.py`.

- In a configuration file (`--config look.yaml`) an option has the same name without the dashes: `octave-scale: 1.4`.
- In Python it is an argument of `Settings`, with `_` for `-`: `Settings(octave_scale=1.4)`. `class` is `class_` there.
- Where several sources set an option, the last of these wins: default, the network's own look, `--preset`, `--config`,
  `--like`, the command line.
- An option marked **~** takes a number, or a schedule that [changes over time](schedules.md).
- `dreamvid COMMAND --help` prints the same list. Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.
"""

_MODELS: Mapping[str, Iterable[type[BaseModel]]] = {
    "dream": [model for _, model in GROUPS],
    "zoom": [model for _, model in ZOOM_GROUPS],
    "explore": [model for _, model in GROUPS],
    "visualize": [model for _, model in VISUALISE_GROUPS],
    "audio": [SoundSettings, GridSettings],
    "run": [model for _, model in GROUPS],
    "farm": [FarmSettings, *(model for _, model in GROUPS)],
    "train": [TrainSettings],
}
"""Where the bounds of a command's options are; `--help` does not say them."""

_EXPLAINED = {
    "Network": "guide.md#which-network",
    "Objective": "guide.md#which-layer",
    "Look": "looks.md",
    "Conditioning": "looks.md#the-color-prior-which-colors",
    "Depth": "schedules.md#from-pixel-to-pixel",
    "Motion": "looks.md#the-carry-why-it-holds-still",
    "Music": "music.md",
    "Camera": "zoom.md",
    "Space": "zoom.md#a-camera-in-space",
    "Color": "color.md",
    "Output": "formats.md",
    "Passes and EXR": "compositing.md",
}
"""Where the options under a heading are explained."""

_HEAD = "| option | what it does | default | values |\n|---|---|---|---|"
_NETWORKS_HEAD = """\
| `--model` | dreams on, without `--layer` | its own defaults | weights | classes | what it is like |
|---|---|---|---|---|---|"""
_BOUNDS = (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "to below"))
_LARGEST_BOUND = 10**12  # beyond it a bound protects the program and tells nobody anything


def make_reference() -> str:
    """The whole page, in Markdown."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    parts = [_INTRODUCTION]
    known: dict[str, str] = {}
    for name, command in commands.items():
        usage = "dreamvid INPUT" if name == "dream" else " ".join(["dreamvid", name, *_arguments(command)])
        parts.append(f"## {usage}\n\n{_summary(command)}\n")
        fields = {key_of(key): info for model in _MODELS.get(name, ()) for key, info in model.model_fields.items()}
        shared: list[str] = []
        sections: dict[str, list[str]] = {}
        for option in _options(command):
            row = _row(option, fields)
            flag = option.opts[-1]
            if known.get(flag) == row:
                shared.append(f"`{flag}`")
                continue
            if name == "dream":
                known[flag] = row
            sections.setdefault(getattr(option, "rich_help_panel", None) or "General", []).append(row)
        for heading, rows in sections.items():
            title = f"### {heading}\n\n" if len(sections) > 1 else ""
            if title and heading in _EXPLAINED:
                title += f"Explained in {_link(_EXPLAINED[heading])}.\n\n"
            parts.append(title + "\n".join([_HEAD, *rows]) + "\n")
        if shared:
            parts.append(f"As for `dreamvid INPUT`: {', '.join(shared)}.\n")
    return "\n".join([*parts, "## Networks\n", _NETWORKS_HEAD, *map(_network, MODELS.values()), ""])


def _link(target: str) -> str:
    """A link to a page, under its title."""
    page = PAGE.with_name(target.partition("#")[0])
    return f"[{page.read_text(encoding='utf-8').partition(chr(10))[0].removeprefix('# ')}]({target})"


def _network(spec: ModelSpec) -> str:
    """A line of the table of networks."""
    package = f"with `{spec.package.requirement}`" if spec.package else "downloaded"
    origin = "with dreamvid" if spec.resource else package
    layers = ", ".join(
        name if weight == 1 else f"{name}:{weight:g}"
        for name, weight in (spec.default_layers or {spec.default_layer: 1.0}).items()
    )
    look = ", ".join(f"{key_of(name)} {value}" for name, value in spec.look.items())
    size = f"{spec.megabytes:g} MB"
    cells = (f"`{spec.name}`", layers, look, f"{size}, {origin}", spec.classes, spec.description)
    return "| " + " | ".join(cells) + " |"


def _summary(command: Any) -> str:
    return str(command.help).partition("\n\n")[0].replace("\n", " ").strip()


def _arguments(command: Any) -> list[str]:
    arguments = (parameter for parameter in command.params if not _is_option(parameter))
    return [str(argument.metavar or argument.name.upper()) for argument in arguments]


def _options(command: Any) -> Iterator[Any]:
    return (parameter for parameter in command.params if _is_option(parameter) and not parameter.hidden)


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _row(option: Any, fields: Mapping[str, FieldInfo]) -> str:
    """A line of a table."""
    info = fields.get(option.opts[-1].removeprefix("--"))
    varies = " **~**" if info is not None and takes_schedule(info) else ""
    flags = ", ".join([*option.opts, *option.secondary_opts])
    takes = f" {option.metavar}" if option.metavar else ""
    text, default = _split_default(option)
    cells = (f"`{flags}{takes}`{varies}", text, default, _values(info, option.metavar or "") if info else "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _split_default(option: Any) -> tuple[str, str]:
    """The help without the default that ends it, and that default."""
    text = option.help or ""
    found = re.search(r" \[(?:default: )?([^\[\]]*?)(?: if left out)?\]$", text)
    if found:
        return text[: found.start()], "on" if found[1] == "True" else f"`{found[1]}`"
    if isinstance(option.show_default, str):
        return text, option.show_default.replace("<stem>", "`<stem>`")
    if isinstance(option.default, bool):
        return text, "on" if option.default else ""
    return text, "" if option.default is None else f"`{option.default}`"


def _values(info: FieldInfo, metavar: str) -> str:
    """The numbers or the words that a field takes, where `metavar` does not list them."""
    words: list[str] = []
    for kind, word in _BOUNDS:
        bound = next((getattr(mark, kind) for mark in info.metadata if getattr(mark, kind, None) is not None), None)
        if isinstance(bound, (int, float)) and abs(bound) < _LARGEST_BOUND:
            words.append(f"{word} {bound:,}" if word != "to" or words else f"up to {bound:,}")
    kinds = [info.annotation, *get_args(info.annotation)]
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    if not words and "|" not in metavar:
        words = [", ".join(f"`{choice}`" for choice in choices)]
    return " ".join(words)


if __name__ == "__main__":
    PAGE.write_text(make_reference(), encoding="utf-8")
