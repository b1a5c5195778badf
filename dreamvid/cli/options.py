"""Command-line options made from the settings models, so that a setting is written down once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from dreamvid.settings import GROUPS, key_of

REPEATABLE = ("layer",)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` one option per setting; those a person gave arrive as its last argument, `given`, a dict."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
    options = [
        _option(name, info, heading) for heading, group in GROUPS for name, info in group.model_fields.items()
    ]
    names = [option.name for option in options]

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in names}
        command(**arguments, given={name: value for name, value in given.items() if value not in (None, [])})

    parameters = [*own, *options]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def _option(name: str, info: FieldInfo, heading: str) -> inspect.Parameter:
    """Every option takes text: the settings models parse it, here as in files, with the same messages."""
    extra = info.json_schema_extra
    option = typer.Option(
        f"--{key_of(name)}",
        help=_help_text(info),
        metavar=str(extra["metavar"]) if isinstance(extra, dict) else None,
        show_default=False,  # the option's own default is None, "not given"
        rich_help_panel=heading,
    )
    kind: Any = list[str] | None if name in REPEATABLE else str | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def _help_text(info: FieldInfo) -> str:
    text = (info.description or "").replace("[", r"\[")
    if info.default is None:
        return text
    default = ",".join(map(str, info.default)) if isinstance(info.default, tuple) else info.default
    return rf"{text} [dim]\[default: {default}][/dim]"
