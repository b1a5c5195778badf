"""The command group: `dreamvid INPUT` means `dreamvid dream INPUT`."""

from __future__ import annotations

import copy
import difflib
import os
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

DEFAULT = "dream"

USAGE_ERROR: Any = typer.BadParameter.__mro__[2]
"""What all complaints about the command line are: click's exception, or typer's own since it does without click."""

_HELP_WIDTH = 110  # columns, where the terminal has them
_LEFT = 38  # columns at most of an option and what it takes, before its help


class _Sections:
    """Help in plain text, under the headings that the options have.

    typer's own, by rich, takes twice the time to load and draw what is read once, and breaks long names.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):  # type: ignore[attr-defined]
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            own = "Options"
            if parameter.param_type_name == "argument":  # whose type says nothing
                own, record = "Arguments", (record[0].partition(" <")[0], record[1])
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or own, []).append(record)
        for name, command in getattr(self, "commands", {}).items():
            if not command.hidden:
                sections.setdefault("Commands", []).append((name, command.get_short_help_str(_HELP_WIDTH)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=_LEFT)


class Command(_Sections, TyperCommand):
    """A command with its options under headings."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        braces = str.maketrans("", "", "{}")
        pieces = [piece.translate(braces) for piece in super().collect_usage_pieces(ctx)]
        return [piece.replace("[[", "[").replace("]]", "]") for piece in pieces]


class DefaultGroup(_Sections, TyperGroup):
    """A group that puts the default command's name before words that are no command's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not self._is_for_the_group(ctx, args[0]):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def _is_for_the_group(self, ctx: Any, word: str) -> bool:
        if word in self.commands or word in {name for option in self.get_params(ctx) for name in option.opts}:
            return True
        if word == "--help" or word.startswith("-"):
            return word == "--help"
        # A mistyped command gets "did you mean", unless there is a file of that name or it looks like a path.
        looks_like_a_path = any(mark in word for mark in (os.sep, os.altsep, ".") if mark) or Path(word).exists()
        return not looks_like_a_path and bool(difflib.get_close_matches(word, self.commands, cutoff=0.7))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The default command's options and the list of commands, on one page."""
        page = copy.copy(self)
        page.params = [*self.commands[DEFAULT].params, *self.params]
        super(DefaultGroup, page).format_help(ctx, formatter)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write(self.get_usage(ctx) + "\n")

    def get_usage(self, ctx: Any) -> str:
        name = ctx.command_path
        return f"Usage: {name} INPUT [OPTIONS]\n       {name} COMMAND [OPTIONS] …"


app = typer.Typer(
    cls=DefaultGroup,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    context_settings={"max_content_width": _HELP_WIDTH},
    pretty_exceptions_enable=False,
)
