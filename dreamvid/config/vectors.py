"""Optical flow as a setting: a method by name, or files of motion vectors and what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import InstanceOf, PlainSerializer

from dreamvid.config.registered import Registered
from dreamvid.config.types import parse_path
from dreamvid.errors import shown
from dreamvid.runtime.registers import FLOWS

Neighbor = Literal["previous", "next"]
UpAxis = Literal["up", "down"]
Units = Literal["pixels", "uv"]

_OPTIONS = re.compile(r"(?P<path>.+?):(?P<options>[a-z]+=[^:]*)", re.DOTALL)
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
        said = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        plain = {field.name: field.default for field in fields(self)[1:]}
        options = ",".join(
            f"{name}={f'{value:g}' if name == 'scale' else value}"
            for name, value in said.items()
            if value != plain[name]
        )
        return f"{self.path}:{options}" if options else str(self.path)


def parse_flow_file(text: str) -> FlowFile:
    """Read `FILE[:K=V,…]`. Raises `ValueError`."""
    found = _OPTIONS.fullmatch(text)
    if found is None:
        return FlowFile(parse_path(text))
    said = {}
    for item in found["options"].split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in _READERS or not equals:
            raise ValueError(f"'{shown(item)}' is not one of {', '.join(f'{name}=' for name in _READERS)}")
        said[key] = _READERS[key](key, value)
    return FlowFile(parse_path(found["path"]), **said)


def _one_of(kind: Any) -> Any:
    def read(key: str, value: str) -> str:
        if value not in get_args(kind):
            raise ValueError(f"{key}={shown(value)}: must be {' or '.join(get_args(kind))}")
        return value

    return read


def _read_layer(key: str, value: str) -> str:
    if not value:
        raise ValueError(f"{key}=: give the name of a layer")
    return value


def _read_scale(key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < abs(number) <= _MOST_SCALE:
        raise ValueError(f"{key}={shown(value)}: must be a number other than 0")
    return number


def _read_first(key: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise ValueError(f"{key}={shown(value)}: must be the number of a file")
    return int(value)


_READERS: dict[str, Any] = {
    "layer": _read_layer,
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
        if isinstance(text, Path):
            return parse_flow_file(str(text))
        if not isinstance(text, str):
            raise ValueError(f"'{shown(text)}' is not an optical flow method, or files of motion vectors")
        if text not in self.register and _LIKE_A_FILE.search(text):
            return parse_flow_file(text)
        return super().check(text)


FlowChoice = Annotated[str | InstanceOf[FlowFile], RegisteredOrFile(FLOWS), PlainSerializer(str, when_used="json")]


def method_of(flow: str | FlowFile) -> str:
    """The method that measures flow where files of vectors have none to give."""
    return flow if isinstance(flow, str) else "dis"
