"""A mask as a setting: a file, and which of its channels is the mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from dreamvid.config.file_options import read_file_options, read_name, write_file_options
from dreamvid.errors import shown


@dataclass(frozen=True)
class MaskFile:
    """A picture or film that says where to dream.

    `channel` is a layer or channel of an EXR, or A, the alpha of any picture or film; "": its brightness.
    """

    path: Path
    channel: str = ""

    def __str__(self) -> str:
        return write_file_options(self.path, {"channel": self.channel} if self.channel else {})


def parse_mask(value: Any) -> MaskFile:
    """The mask that a name, with or without a channel, stands for. Raises `ValueError`."""
    if isinstance(value, MaskFile):
        return value
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError(f"'{shown(value)}' is not a file name")
    path, said = read_file_options(str(value), {"channel": read_name})
    return MaskFile(path, **said)


MaskChoice = Annotated[InstanceOf[MaskFile], BeforeValidator(parse_mask), PlainSerializer(str, when_used="json")]
