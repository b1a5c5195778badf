"""The model under all settings: it turns away what pydantic would take for something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationInfo, field_validator

from dreamvid.values import check_text, parse_path


class Checked(BaseModel):
    """A model whose values may come from a stranger's file."""

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
