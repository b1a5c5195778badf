"""The model under all settings: it turns away what pydantic would take for something else, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator

from dreamvid.config.types import check_text, parse_path
from dreamvid.errors import SettingsError, did_you_mean, shown


def key_of(name: str) -> str:
    """The spelling on the command line and in files: `octave_scale` -> `octave-scale`, `class_` -> `class`."""
    return name.rstrip("_").replace("_", "-")


class Checked(BaseModel):
    """A model whose values may come from a stranger's file. Raises `SettingsError` for the first fault."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise explain_fault(error, type(self).model_fields) from None

    @field_validator("*", mode="before")
    @classmethod
    def _check_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Turn away what pydantic takes for something else: a switch for a number, and text that nobody can have
        meant."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and kind is not bool:
            raise ValueError("true and false are only for switches; give a value")
        if isinstance(value, (str, Path)):
            check_text(value)
            if Path in (kind, *get_args(kind)):
                parse_path(value)
        return value


def explain_fault(error: ValidationError, known: Iterable[str] = ()) -> SettingsError:
    """Return the first validation error as one line that names the flag; `known` are the names there are."""
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        key = key_of(str(first["loc"][0]))
        return SettingsError(f"there is no setting '{shown(key)}'{did_you_mean(key, map(key_of, known))}")
    reason = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] == "value_error" else f", not '{shown(first['input'])}'"
    flag = f"--{key_of(str(first['loc'][0]))}: " if first["loc"] else ""
    return SettingsError(f"{flag}{reason[0].lower()}{reason[1:]}{given}")
