"""Optical flow as a setting: a method by name, or files of motion vectors and what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from dreamvid.config.file_options import read_file_options, read_name, write_file_options
from dreamvid.config.registered import Registered
from dreamvid.errors import shown
from dreamvid.runtime.registers import FLOWS

Neighbor = Literal["previous", "next"]
UpAxis = Literal["up", "down"]
Units = Literal["pixels", "uv"]

_LIKE_A_FILE = re.compile(r"[/\\.%#]")
_MOST_SCALE = 1e6


@dataclass(frozen=True)
class FlowFile:
    """Files of motion vectors, and how they are to be read where they do not say so themselves.

    Attributes:
        path: a numbered sequence (`vectors/%05d.exr`), or a folder of files.
        layer: the layer of an EXR that has the vectors; "": found by its name.
        to: the frame that the vectors of a frame point to.
        y: where their second component points.
        units: what they count; uv: shares of width and height.
        scale: what they are multiplied by.
        first: the number of the file that belongs to the clip's first frame.
    """

    path: Path
    layer: str = ""
    to: Neighbor | None = None
    y: UpAxis | None = None
    units: Units = "pixels"
    scale: float = 1.0
    first: int | None = None

    def __str__(self) -> str:
        said = {
            field.name: f"{value:g}" if isinstance(value := getattr(self, field.name), float) else str(value)
            for field in fields(self)[1:]
            if getattr(self, field.name) != field.default
        }
        return write_file_options(self.path, said)


def parse_flow_file(text: str) -> FlowFile:
    """Read `FILE[:K=V,…]`. Raises `ValueError`."""
    path, said = read_file_options(text, _READERS)
    return FlowFile(path, **said)


def _one_of(kind: Any) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in get_args(kind):
            raise ValueError(f"must be {' or '.join(get_args(kind))}")
        return value

    return read


def _read_scale(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < abs(number) <= _MOST_SCALE:
        raise ValueError("must be a number other than 0")
    return number


def _read_first(value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise ValueError("must be the number of a file")
    return int(value)


_READERS = {
    "layer": read_name,
    "to": _one_of(Neighbor),
    "y": _one_of(UpAxis),
    "units": _one_of(Units),
    "scale": _read_scale,
    "first": _read_first,
}


class RegisteredOrFile(Registered):
    """Says of a setting that it is a name in a register, or files of motion vectors."""

    def check(self, text: Any) -> Any:
        if isinstance(text, FlowFile) or text is None:
            return text
        if not isinstance(text, str):
            raise ValueError(f"'{shown(text)}' is not an optical flow method, or files of motion vectors")
        if text not in self.register and _LIKE_A_FILE.search(text):
            return parse_flow_file(text)
        return super().check(text)


FlowChoice = Annotated[
    str | InstanceOf[FlowFile],
    BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value),
    RegisteredOrFile(FLOWS),
    PlainSerializer(str, when_used="json"),
]


def method_of(flow: str | FlowFile) -> str:
    """The method that measures flow where files of vectors have none to give."""
    return flow if isinstance(flow, str) else "dis"
