"""Command-line options made from settings models, so that a setting is written down once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dreamvid.config.fields import facts_of, fields_of, plain_type, written
from dreamvid.config.registered import help_of
from dreamvid.config.settings import key_of

Command = Callable[..., None]

# What several commands take, beside settings.
Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="PATH", help="File, or pattern for a sequence", show_default="<stem>.dream.mp4"
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming an interrupted render")]
Preset = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="Named look; `dreamvid presets` lists them")
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Read settings from a YAML file, whose keys are the option names without --"
    ),
]
Like = Annotated[str | None, typer.Option("--like", metavar="FILE", help="Reuse the look of a finished render")]
Progress = Annotated[
    Literal["rich", "json", "none"],
    typer.Option("--progress", metavar="rich|json|none", help="Progress bar, one line of JSON per event, or silence"),
]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Render two trial frames and estimate time, memory and size")
]

_METAVARS = {int: "N", float: "X", Path: "FILE"}


def with_options(groups: Iterable[tuple[str, type[BaseModel]]], name: str = "") -> Callable[[Command], Command]:
    """Give a command one option per field of some models, under their headings in `--help`; not those fields that are
    not for the command of that `name`, and not those that the command itself takes.

    Those that a person gave arrive as the command's last argument, `given`, a dict of text for the models to parse.
    """
    fields = [
        (heading, field, info)
        for heading, group in groups
        for field, info, facts in fields_of(group)
        if name not in facts.not_for
    ]

    def decorate(command: Command) -> Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
        taken = {parameter.name for parameter in own}
        options = [_option(field, info, heading) for heading, field, info in fields if field not in taken]

        @functools.wraps(command)
        def wrapped(**arguments: Any) -> None:
            given = {option.name: arguments.pop(option.name) for option in options}
            command(**arguments, given={name: value for name, value in given.items() if value not in (None, [])})

        parameters = [*own, *options]
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


def _option(name: str, info: FieldInfo, heading: str) -> inspect.Parameter:
    """An option that takes text, which the models parse, here as in files, with the same messages; or a switch."""
    is_switch = info.annotation is bool
    flag = f"--{key_of(name)}"
    kind: Any = (bool if is_switch else list[str] if facts_of(info).repeatable else str) | None
    option = typer.Option(
        f"{flag}/--no-{key_of(name)}" if is_switch and info.default else flag,
        help=_help_text(info),
        metavar=None if is_switch else _metavar(info),
        show_default=False,  # the option's own default is None, "not given"
        rich_help_panel=heading,
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def _metavar(info: FieldInfo) -> str:
    """What the field says, or what its type tells."""
    kind = plain_type(info)
    derived = "|".join(get_args(kind)) if get_origin(kind) is Literal else _METAVARS.get(kind, "TEXT")
    return facts_of(info).metavar or derived


def _help_text(info: FieldInfo) -> str:
    text = help_of(info)
    if info.default is None or info.default is False or info.is_required() or info.default_factory:
        return text
    return f"{text} [default: {written(info, info.default)}]"
