"""Settings as fields: all that is known about one stands where it is declared, and everybody else asks the field."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from dreamvid.config.checked import Checked, key_of

OVER_TIME = "changes over time"
"""In a field's metadata: it takes a schedule. `Varies` puts it there."""

_NAMED = ":NAME"  # ends a word of a metavar that a name follows

_FILE, _METHOD = "FILE", "METHOD"  # begin what stands for a file's name, and for one in a register

_BOUNDS = {"ge": (0, 0.0), "gt": (0, 1e-6), "le": (1, 0.0), "lt": (1, -1e-6)}


@dataclass(frozen=True)
class Facts:
    """What is known about a setting beside its type, default, bounds and help.

    Attributes:
        metavar: names its value in `--help`; where it lists words, `auto|none|FILE`, the setting takes those.
        affects_frames: whether another value gives other frames (of a training, other weights): an interrupted render
            is not resumed with it. Where a field does not say, its `Group` does.
        part_of_look: whether it belongs to the look, which `--like` repeats; where a field does not say, its `Group`.
        is_input_file: whether it names a file that is read, unless its value is one of the words of `metavar`, or a
            name after a word that takes one, such as `model:NAME`; where `metavar` is `NAME=FILE`, a name stands before
            the file.
        file_is_of_clip: whether the file that it names belongs to the clip, so that `--like` leaves it out.
        is_document: whether that file is a list or a project, not a sound or a picture.
        repeatable: whether the option may be given several times; the value is a list.
        measured_ahead: whether all that it says is known before the first frame, so that a worker does not need it.
        brings_look: whether other defaults come with another value of it.
        is_target: whether it says what is dreamed of.
        selects_frames: whether it chooses among the source's frames.
        moves_camera: whether a zoom's motion depends on it.
        turns_away: whether it turns a zoom's camera away from what is in sight.
        varies_by_pixel: whether its expressions may depend on depth.
        off: the value that has no effect, of those that `selects_frames`.
        slider: where a slider ends, if the bounds are far wider than what is useful; what lies beyond is typed.
        not_for: the commands that do not take it, of those that take its group.
        zero: what people write for a value of 0.
        joined_by: what stands between the parts of a value when it is written.
        omit_default: whether a recipe leaves it out where it has its default, as recipes and journals that are older
            than the setting do.
    """

    metavar: str = ""
    affects_frames: bool = True
    part_of_look: bool = False
    is_input_file: bool = False
    file_is_of_clip: bool = False
    is_document: bool = False
    repeatable: bool = False
    measured_ahead: bool = False
    brings_look: bool = False
    is_target: bool = False
    selects_frames: bool = False
    moves_camera: bool = False
    turns_away: bool = False
    varies_by_pixel: bool = False
    off: str | None = None
    slider: tuple[float, float] | None = None
    not_for: tuple[str, ...] = ()
    zero: str | None = None
    joined_by: str = ","
    omit_default: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words that the setting takes."""
        words = self.metavar.split("|")
        return tuple(word for word in words if not word.startswith((_FILE, _METHOD)) and not word.endswith(_NAMED))

    def is_word(self, value: object) -> bool:
        """Whether a value of the setting is a word, a name after one, or that of a method."""
        if self.metavar.startswith(_METHOD):
            return isinstance(value, str)
        starts = tuple(word.removesuffix("NAME") for word in self.metavar.split("|") if word.endswith(_NAMED))
        return value in self.words or (isinstance(value, str) and value.startswith(starts))


_NAMES = frozenset(field.name for field in fields(Facts))


def setting(default: Any, text: str, metavar: str, **known: Any) -> Any:
    """A field that is also an option: `text` is its help; `known` are `Facts` by name, and bounds as pydantic's `Field`
    takes them."""
    facts = {name: value for name, value in known.items() if name in _NAMES}
    bounds = {name: value for name, value in known.items() if name not in _NAMES}
    return Field(default, description=text, json_schema_extra={"metavar": metavar, **facts}, **bounds)


def facts_of(info: FieldInfo) -> Facts:
    """What is known about a field; of one that was not made by `setting`, nothing."""
    extra = info.json_schema_extra
    return Facts(**extra) if isinstance(extra, dict) else Facts()  # type: ignore[arg-type]


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, Facts]]:
    """The fields of a model, in their order: name, pydantic's description, facts."""
    return ((name, info, facts_of(info)) for name, info in model.model_fields.items())


class Group(Checked):
    """Settings under one heading of `--help`. What a field does not say of itself is said here for all of them."""

    affects_frames: ClassVar[bool] = True
    part_of_look: ClassVar[bool] = False

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        alias_generator=key_of,
        populate_by_name=True,
        protected_namespaces=(),
        defer_build=True,  # `--help` needs the fields, not the validators
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for info in cls.model_fields.values():
            extra = info.json_schema_extra
            if isinstance(extra, dict):
                extra.setdefault("affects_frames", cls.affects_frames)
                extra.setdefault("part_of_look", cls.part_of_look)


def takes_schedule(info: FieldInfo) -> bool:
    """Whether a field takes a schedule."""
    return OVER_TIME in info.metadata


def plain_type(info: FieldInfo) -> Any:
    """The type of a field's value where there is one."""
    kind: Any = info.annotation
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated and get_args(kind)[0] in (int, str):
        return get_args(kind)[0]  # with bounds or checks of its own
    return kind


def bounds_of(info: FieldInfo) -> tuple[float | None, float | None]:
    """The least and the greatest value that a field takes; None where there is no bound."""
    bounds: list[float | None] = [None, None]
    for mark in info.metadata:
        for kind, (place, margin) in _BOUNDS.items():
            limit = getattr(mark, kind, None)
            if limit is not None:
                bounds[place] = limit + margin
    return bounds[0], bounds[1]


def written(info: FieldInfo, value: object) -> str:
    """A value of a field, not None, as a person would write it."""
    facts = facts_of(info)
    parts = value if isinstance(value, tuple) else (value,)
    return facts.joined_by.join(facts.zero if facts.zero and part == 0 else str(part) for part in parts)


def files_in(facts: Facts, value: object) -> dict[str, Path]:
    """The files that a value of a setting names: by their names or numbers where there may be several, else by ""."""
    if not facts.is_input_file or value is None or facts.is_word(value):
        return {}
    if not facts.repeatable:
        return {"": Path(getattr(value, "path", str(value)))}
    items = value if isinstance(value, (list, tuple)) else (value,)
    files = {}
    for number, item in enumerate(items, start=1):
        name, equals, path = str(item).partition("=") if facts.metavar.startswith("NAME=") else ("", "", str(item))
        files[name if equals else str(number)] = Path(getattr(item, "path", path))
    return files


def moved(value: Any, path: Path) -> Any:
    """A value of a setting that names one file, with the file at another path: options behind its name stay."""
    return replace(value, path=path) if hasattr(value, "path") else path


def input_files(settings: BaseModel, *, of_frames: bool = False) -> Mapping[str, Path]:
    """The files that settings name, by the names of the settings, and the files' own where a setting names several:
    `guide`, `stem drums`; `of_frames`: those that frames depend on."""
    return {
        f"{name} {label}".rstrip(): path
        for name, _, facts in fields_of(type(settings))
        if facts.affects_frames or not of_frames
        for label, path in files_in(facts, getattr(settings, name)).items()
    }
