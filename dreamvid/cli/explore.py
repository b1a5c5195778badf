"""`dreamvid explore INPUT`: which layer, which channel, which strength? A labeled contact sheet answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamvid.cli.options import Config, Like, Preset, Progress, with_options
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import (
    GROUPS,
    ConditioningSettings,
    LookSettings,
    NetworkSettings,
    ObjectiveSettings,
    PartSettings,
    RunSettings,
    Settings,
    SoundSettings,
    SourceSettings,
    explain_fault,
    key_of,
    make_settings,
    read_settings_file,
)
from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.output.recipe import read_look

if TYPE_CHECKING:
    from fractions import Fraction

    from dreamvid.config.timecode import Timecode
    from dreamvid.explore.job import Ranked
    from dreamvid.render import Event

_TRIED = (NetworkSettings, ObjectiveSettings, LookSettings, ConditioningSettings)
_SHAPING = (*_TRIED, SoundSettings, SourceSettings)
_SHOWN = [(heading, group) for heading, group in GROUPS if group in (*_SHAPING, PartSettings, RunSettings)]
_RUN = re.compile(r"(?P<before>.*?)(?P<first>\d{1,9})\.\.(?P<last>\d{1,9})", re.ASCII)
_LONGEST_RUN = 1024


@with_options(_SHOWN, "explore")
def explore(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, picture, sequence (frames/%05d.png) or folder of pictures")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PNG",
            help="Contact sheet to write; its web page goes next to it",
            show_default="<stem>.explore.png, <stem>.rank.png",
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="OPTION=V1,V2,…",
            help="Try these values of an option; give it twice for columns and rows. 0..7 means every "
            "whole number from 0 to 7: channels=0..7, layer=inception4d@0..7. Separate values that "
            'contain commas with |: --grid "iterations=10|28,16,6,2"',
            show_default="the layers of the network",
        ),
    ] = None,
    rank: Annotated[
        bool,
        typer.Option(
            "--rank", help="Rank the channels of --layer by how strongly the frame excites them, and dream on each"
        ),
    ] = False,
    rank_count: Annotated[
        int,
        typer.Option(
            "--rank-count",
            metavar="N",
            min=1,
            max=256,
            help="Show this many of the most excited channels, and of the least",
        ),
    ] = 8,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Frame to dream on: 2.5, 1:02.5 or 00:00:02:12",
            show_default="a representative one",
        ),
    ] = None,
    cell: Annotated[
        int, typer.Option("--cell", metavar="PX", min=32, max=2048, help="Longer side of a picture on the sheet")
    ] = 320,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing sheet")] = False,
    preset: Preset = None,
    config: Config = None,
    like: Like = None,
    progress: Progress = "rich",
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Compare layers, channels or any two options on one frame: a contact sheet with flags to copy under each picture.

    Which layer? dreamvid explore clip.mp4

    Which of its channels? dreamvid explore clip.mp4 --layer inception4d --rank

    Which of anything? dreamvid explore clip.mp4 --grid layer=inception3a,inception4d --grid step=1,2,4

    All other options apply to every picture. Pictures are dreamed at the size at which they are shown, unless
    --max-size is given: features come out smaller on a larger picture.
    """
    sources = (
        read_preset(preset, "dream") if preset else {},
        read_settings_file(Path(config)) if config else {},
        read_look(Path(like), Settings) if like else {},
        given,
    )
    values = {key_of(key): value for mapping in sources for key, value in mapping.items()}
    axes = [parse_grid(text) for text in grid or ()]
    _check_choice([option for option, _ in axes], rank, given, make_settings(values))
    seconds = None if at is None else _parse_time(at)

    # The network's libraries take seconds to load: only once it is sure that they are needed.
    from dreamvid.cli.progress import show
    from dreamvid.explore.job import Axis, Exploration
    from dreamvid.explore.job import explore as make_sheet

    job = Exploration(
        Path(source),
        Path(output) if output else None,
        values,
        tuple(Axis(option, values) for option, values in axes),
        rank_count if rank else 0,
        seconds,
        cell,
        _common_flags(given, preset=preset, config=config, like=like),
        overwrite,
    )
    show(_print_rankings(make_sheet(job), as_json=progress == "json"), progress)


def parse_grid(text: str) -> tuple[str, tuple[str, ...]]:
    """An option and the values to try, from `layer=inception3a,inception4d`.

    Values are parted by `|` or `;` where there is one, else by commas. `A..B` at a value's end is every whole number
    from A to B. The values themselves are not looked into. Raises `SettingsError`.
    """
    option, equals, rest = text.partition("=")
    option = key_of(option.strip().removeprefix("--"))
    known = {key_of(name) for group in _TRIED for name in group.model_fields}
    if equals and option not in known:
        if option in {key_of(name) for _, group in GROUPS for name in group.model_fields}:
            raise SettingsError(
                f"--grid {option}: has no effect on a single frame; try an option of the network, the objective, the "
                "look or the conditioning"
            )
        raise SettingsError(f"--grid: there is no option '{shown(option)}'{did_you_mean(option, known)}")
    separator = next((mark for mark in "|;" if mark in rest), ",")
    parts = [part.strip() for part in rest.split(separator)]
    if not equals or not all(parts):
        raise SettingsError(f"--grid: '{shown(text)}' is not OPTION=V1,V2,… such as layer=inception3a,inception4d")
    values = tuple(value for part in parts for value in _run_of_numbers(part))
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise SettingsError(f"--grid {option}: {twice} is given twice")
    return option, values


def _run_of_numbers(text: str) -> Iterable[str]:
    """`inception4d@0..2` is inception4d@0, inception4d@1 and inception4d@2; other texts are themselves."""
    found = _RUN.fullmatch(text)
    if not found:
        return [text]
    first, last = int(found["first"]), int(found["last"])
    if not first <= last < first + _LONGEST_RUN:
        raise SettingsError(
            f"--grid: '{shown(text)}' must run from the smaller number to the larger, over at most {_LONGEST_RUN} "
            "numbers"
        )
    return [f"{found['before']}{number}" for number in range(first, last + 1)]


def _check_choice(options: Sequence[str], rank: bool, given: Mapping[str, Any], settings: Settings) -> None:
    """Raise `SettingsError` where it is not clear what the sheet shall compare."""
    if len(options) > 2 or len(set(options)) < len(options):
        raise SettingsError("--grid: a sheet has only two axes; give it once, or twice with different options")
    if rank and options:
        raise SettingsError("--rank chooses what its sheet shows; leave out --grid, and name the layers with --layer")
    if rank and settings.class_:
        raise SettingsError("--rank: a class has no channels to rank; leave out --class")
    if "layer" in given and not options and not rank:
        raise SettingsError(
            "--layer: without --grid the sheet compares all layers; add --rank, or a grid such as --grid channels=0..11"
        )


def _parse_time(text: str) -> Fraction | Timecode:
    """A time as --start takes it."""
    from pydantic import TypeAdapter, ValidationError

    from dreamvid.config.types import Time

    try:
        seconds: Fraction | Timecode = TypeAdapter(Time).validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"--at: {explain_fault(error)}") from None
    return seconds


def _common_flags(given: Mapping[str, Any], **files: str | None) -> dict[str, tuple[str, ...]]:
    """The words that shape every picture, by option, as they were typed: not the size of the sheet nor the machine."""
    shaping = {name for group in _SHAPING for name in group.model_fields}
    flags: dict[str, tuple[str, ...]] = {name: (f"--{name}", value) for name, value in files.items() if value}
    for name, value in given.items():
        if name not in shaping:
            continue
        key = key_of(name)
        if isinstance(value, bool):
            flags[key] = (f"--{key}" if value else f"--no-{key}",)
        else:
            values = value if isinstance(value, list) else [value]
            flags[key] = tuple(word for one in values for word in (f"--{key}", one))
    return flags


def _print_rankings(events: Iterator[Event | Ranked], *, as_json: bool) -> Iterator[Event]:
    """Print the rankings among the events on standard output, and hand on the others."""
    from dreamvid.explore.job import Ranked

    for event in events:
        if not isinstance(event, Ranked):
            yield event
        elif as_json:
            sys.stdout.write(json.dumps({"event": "ranked", **asdict(event)}) + "\n")
        else:
            _print_ranking(event)


def _print_ranking(ranked: Ranked) -> None:
    import itertools

    from rich.console import Console
    from rich.table import Table

    title = f"{ranked.model} {ranked.layer}: response of the channels to the frame, relative to their usual response"
    table = Table("most", "times", "least", "times", title=title, title_justify="left", box=None, pad_edge=False)
    for pair in itertools.zip_longest(ranked.most, ranked.least):
        row = []
        for response in pair:
            row += [f"--layer {ranked.layer}@{response.channel}", f"{response.ratio:.2f}"] if response else ["", ""]
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True).print(table)
