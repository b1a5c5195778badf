"""Settings whose values are the names of a register: what they take, and what their help says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from dreamvid.runtime.registers import CODECS, OBJECTIVES, Register, split_options


@dataclass(frozen=True, eq=False)
class Registered:
    """Says of a text setting that it is a name in a register; `options`: that `:key=value,…` may follow."""

    register: Register[Any]
    options: bool = False

    def check(self, text: Any) -> Any:
        """The text as it is kept. Raises `ValueError` for a name that is not there, without loading any."""
        if text is None:
            return None
        name, options = split_options(text)
        if name not in self.register:
            raise ValueError(self.register.unknown(name))
        if options and not self.options:
            raise ValueError(f"{self.register.what} {name} takes no options")
        return name + (":" if options else "") + ",".join(f"{key}={value}" for key, value in options.items())

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


def registered(info: FieldInfo) -> Registered | None:
    """What says of a field that its values are the names of a register; None: they are not."""
    return next((mark for mark in info.metadata if isinstance(mark, Registered)), None)


def help_of(info: FieldInfo) -> str:
    """The help of a field, with the register's names where it says `{names}`."""
    mark, text = registered(info), info.description or ""
    if mark is None:
        return text
    *names, last = mark.register.names()
    return text.replace("{names}", f"{', '.join(names)} or {last}" if names else last)


CodecName = Annotated[str, Registered(CODECS)]
ObjectiveChoice = Annotated[str | None, Registered(OBJECTIVES, options=True)]
