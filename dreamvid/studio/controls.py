"""What can be set on the page, made from the settings models as the command line's options are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from dreamvid.config.fields import bounds_of, facts_of, plain_type, takes_schedule
from dreamvid.config.registered import help_of, registered
from dreamvid.config.settings import GROUPS, RunSettings, key_of
from dreamvid.config.sound import GridSettings
from dreamvid.schedule.names import what_is_built_in

Kind = Literal["switch", "choice", "slider", "number", "text", "many", "file", "files"]


@dataclass(frozen=True)
class Control:
    """One setting on the page.

    Attributes:
        name: of the field; `key` is the flag without its dashes.
        heading: the group's, as in `--help`.
        low, high, step: of a slider or number; None: no bound.
        choices: what a choice offers, `""` among them where it may be left out.
        free: whether something else may be typed there, such as a choice with options.
        varies: whether it may change over time.
        brings_look: whether other controls change with it.
        is_document: whether its file is a list or a project, not a sound or a picture.
    """

    name: str
    heading: str
    kind: Kind
    help: str
    default: Any
    metavar: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    free: bool = False
    varies: bool = False
    brings_look: bool = False
    is_document: bool = False

    @property
    def key(self) -> str:
        """The setting's name on the command line and in files."""
        return key_of(self.name)

    @property
    def label(self) -> str:
        """The setting's name for people."""
        return self.key.replace("-", " ")

    def shown(self, recipe: Mapping[str, Any]) -> Any:
        """What the control shows where the settings read as `recipe`, see `write_recipe`.

        A slider cannot show what changes over time, nor what lies beyond its end: it stands where nobody moved it.
        """
        value = recipe.get(self.key)
        match self.kind:
            case "switch":
                return value == "True"
            case "many":
                return list(value or ())
            case "slider" | "number":
                return self._number(value)
            case "file":
                return value
            case "files":
                return [item.partition("=")[2] or item for item in value or ()] or None
            case _:
                return value or ""

    def _number(self, value: Any) -> float | None:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None if self.kind == "number" or self.default is None else float(self.default)
        if self.kind == "slider" and not (self.low or 0) <= number <= (self.high or 0):
            return float(self.default)
        return number

    def text(self, value: Any) -> Any:
        """What a person would type for what the control holds; None: nothing, the default."""
        if value is None or value == "" or value == []:
            return None
        if self.kind == "switch":
            return bool(value)
        if self.kind == "files":
            paths = value if isinstance(value, list) else [value]
            is_named = self.metavar.startswith("NAME=")
            return [f"{name_of(Path(path))}={path}" if is_named else str(path) for path in paths]
        if isinstance(value, list):
            return [str(item) for item in value]
        if isinstance(value, float):
            return f"{value:.10g}"
        return str(value).strip()


def list_controls() -> tuple[Control, ...]:
    """All controls of a film in the order of `--help`; not those of the machine, which is the server's."""
    return tuple(
        _control(name, info, heading)
        for heading, group in GROUPS
        if group is not RunSettings
        for name, info in group.model_fields.items()
    )


def list_corrections() -> dict[str, Control]:
    """What corrects the beats, by name."""
    return {name: _control(name, info, "Beats") for name, info in GridSettings.model_fields.items()}


def _control(name: str, info: FieldInfo, heading: str) -> Control:
    kind, facts = plain_type(info), facts_of(info)
    common = {"name": name, "heading": heading, "help": help_of(info), "default": info.default}
    common |= {"metavar": facts.metavar, "varies": takes_schedule(info), "brings_look": facts.brings_look}
    common |= {"is_document": facts.is_document}
    if kind is bool:
        return Control(kind="switch", **common)
    if facts.repeatable:
        return Control(kind="files" if facts.is_input_file else "many", **common)
    mark = registered(info)
    if mark is not None:
        optional = ("",) if info.default is None else ()
        return Control(kind="choice", choices=(*optional, *mark.register.names()), free=mark.options, **common)
    if get_origin(kind) is Literal:
        optional = ("",) if info.default is None else ()
        return Control(kind="choice", choices=(*optional, *map(str, get_args(kind))), **common)
    if name == "model":
        return Control(kind="choice", choices=_models(), **common)
    if kind is Path or (facts.is_input_file and info.default is None):  # words that stand for none are not for films
        return Control(kind="file", **common)
    if kind is str and len(facts.words) > 1:  # a file of the server's is not for the page to name
        return Control(kind="choice", choices=facts.words, **common)
    if kind in (int, float):
        low, high = facts.slider or bounds_of(info)
        if takes_schedule(info) and low is not None and high is not None and info.default is not None:
            return Control(kind="slider", low=low, high=high, step=1 if kind is int else 0.01, **common)
        return Control(kind="number", low=low, high=high, step=1 if kind is int else None, **common)
    return Control(kind="text", **common)


def name_of(path: Path) -> str:
    """What expressions call a file that was handed in: as it is called, made a name that is free."""
    name = re.sub(r"\W+", "_", path.stem, flags=re.ASCII).strip("_")[:30] or "it"
    return f"my_{name}" if name[0].isdigit() or what_is_built_in(name) else name


def _models() -> tuple[str, ...]:
    from dreamvid.models import AUTO, MODELS

    return (AUTO, *MODELS.names())
