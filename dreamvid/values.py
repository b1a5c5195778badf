"""What a person types for a setting, and what it means: layers, classes, lists, times, sizes.

Each type at the end of this page takes text, as on the command line, or the value itself, as in a file.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field


class LayerTarget(NamedTuple):
    """A layer to dream on, how much it counts beside the others, and which of its channels (None: all).

    `name` may begin with a network's: `vgg16/relu4_3`.
    """

    name: str
    weight: float = 1.0
    channels: tuple[int, ...] | None = None

    def __str__(self) -> str:
        weight = "" if self.weight == 1 else f":{self.weight:g}"
        channels = "" if self.channels is None else f"@{','.join(map(str, self.channels))}"
        return f"{self.name}{weight}{channels}"


class ClassTarget(NamedTuple):
    """A class to dream of, by name or number, and how much it counts beside the others."""

    name: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.name if self.weight == 1 else f"{self.name}:{self.weight:g}"


def _split_weight(value: str) -> tuple[str, float]:
    """Take "name:0.5" apart. A name may hold a colon of its own, as in `inception4d:pre`."""
    name, colon, weight = value.rpartition(":")
    try:
        number = float(weight) if colon else None
    except ValueError:
        number = None
    if number is None:
        return value.strip(), 1.0
    if not name or not 0 < abs(number) < float("inf"):
        raise ValueError(f"'{value}' is not NAME or NAME:WEIGHT with a weight other than 0")
    return name.strip(), number


def _parse_layer(value: Any) -> LayerTarget:
    if not isinstance(value, str):
        return LayerTarget(*value)
    layer, at, channels = value.partition("@")
    return LayerTarget(*_split_weight(layer), _parse_channels(channels) if at else None)


def _parse_layers(value: Any) -> Any:
    items = [value] if isinstance(value, str) else value
    return tuple(_parse_layer(item) for item in items)


def _parse_classes(value: Any) -> Any:
    items = [value] if isinstance(value, (str, int)) else value
    return tuple(
        ClassTarget(*_split_weight(str(item))) if isinstance(item, (str, int)) else ClassTarget(*item) for item in items
    )


def _parse_shots(value: Any) -> Any:
    """One shot or a run of them, counted from 1: `3`, `3-7`."""
    if isinstance(value, int):
        return value, value
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", value, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last:
        raise ValueError(f"'{value}' is no shot or run of shots such as 3 or 3-7, counted from 1")
    return first, last


_MOST_CHANNELS = 65536


def _parse_channels(value: Any) -> Any:
    """Channel numbers: `55`, `55,77`, `10-20`, `3,10-20`; ordered, each once."""
    if isinstance(value, int):
        return (value,)
    if not isinstance(value, str):
        return value
    numbers: set[int] = set()
    for part in value.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part, re.ASCII)
        if not found:
            raise ValueError(f"'{value}' is no list of channels such as 55,77 or 10-20")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last >= _MOST_CHANNELS:
            raise ValueError(f"'{part.strip()}' is no range of channels; the smaller number comes first")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


AUTO_OCTAVES = 0
"""Of `octaves`: as many as the picture's size asks for."""


def _parse_octaves(value: Any) -> Any:
    """`auto`, or a number of octaves."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word == "auto":
            return AUTO_OCTAVES
        if not re.fullmatch(r"\d{1,3}", word, re.ASCII):
            raise ValueError(f"'{value}' is not auto or a number of octaves")
        return int(word)
    return value


FULL_SIZE = 0
"""Among `octave_sizes`: the picture's own size."""


def _parse_octave_sizes(value: Any) -> Any:
    """Short sides in pixels, coarse to fine: `120,170,240` or `120,170,full`."""
    if isinstance(value, int):
        value = str(value)
    items = value.split(",") if isinstance(value, str) else [str(item) for item in value]
    words = [item.strip().lower() for item in items]
    if any(word != "full" and not re.fullmatch(r"\d{1,5}", word, re.ASCII) for word in words):
        raise ValueError(f"'{value}' is no list of pixels such as 120,170,240 or 120,240,full")
    sizes = tuple(FULL_SIZE if word == "full" else int(word) for word in words)
    ordered = [size if size != FULL_SIZE else math.inf for size in sizes]
    if ordered != sorted(set(ordered)):
        raise ValueError(f"'{value}' must rise from coarse to fine")
    return sizes


def _parse_integers(value: Any) -> Any:
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str):
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            raise ValueError(f"'{value}' is not a whole number or a list of them such as 28,16,6,2") from None
    return value


def _parse_bits(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _parse_seconds(value: Any) -> Any:
    """Seconds, exactly: `2.5`, `2.5s`, `1:02.5`, `1:00:00`, `1001/24000`."""
    if not isinstance(value, str):
        return Fraction(str(value)) if isinstance(value, (int, float)) else value
    try:
        *larger, last = value.strip().removesuffix("s").split(":")
        seconds = Fraction(last)
        for power, part in enumerate(reversed(larger), start=1):
            seconds += int(part) * 60**power
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"'{value}' is not a time such as 2.5, 2.5s or 1:02.5") from None
    if seconds < 0:
        raise ValueError(f"'{value}' lies before the start of the clip")
    return seconds


def _parse_size(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+)\s*[x×]\s*(\d+)\s*", value)  # noqa: RUF001 - people paste it
        if not found:
            raise ValueError(f"'{value}' is not WIDTHxHEIGHT such as 640x360")
        return int(found[1]), int(found[2])
    return value


GB = 10**9
"""Bytes. Of the two gigabytes the smaller: what fits into eight of these fits into eight of the others."""


def _parse_tile(value: Any) -> Any:
    """`auto`, `none`, or the side of a tile in pixels."""
    word = str(value).strip().lower()
    if word in ("auto", "none"):
        return word
    if not re.fullmatch(r"\d{1,5}", word, re.ASCII) or int(word) < SMALLEST_TILE:
        raise ValueError(f"'{value}' is not auto, none or a number of pixels of at least {SMALLEST_TILE}")
    return int(word)


SMALLEST_TILE = 64
"""Pixels a side: smaller ones would be nearly all overlap."""

Tile = Annotated[int | Literal["auto", "none"], BeforeValidator(_parse_tile)]
Layers = Annotated[tuple[LayerTarget, ...], BeforeValidator(_parse_layers), Field(min_length=1)]
Channels = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=_MOST_CHANNELS)], ...], BeforeValidator(_parse_channels), Field(min_length=1)
]
Classes = Annotated[tuple[ClassTarget, ...], BeforeValidator(_parse_classes), Field(min_length=1)]
Octaves = Annotated[int, BeforeValidator(_parse_octaves)]
OctaveSizes = Annotated[tuple[int, ...], BeforeValidator(_parse_octave_sizes), Field(min_length=1, max_length=32)]
Shots = Annotated[tuple[int, int], BeforeValidator(_parse_shots)]
Iterations = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10_000)], ...],
    BeforeValidator(_parse_integers),
    Field(min_length=1, max_length=32),
]
BitDepth = Annotated[Literal[8, 10, 12, 16, 32], BeforeValidator(_parse_bits)]
Seconds = Annotated[Fraction, BeforeValidator(_parse_seconds)]
FramesPerSecond = Annotated[Fraction, BeforeValidator(_parse_seconds), Field(gt=0, le=1000)]
Side = Annotated[int, Field(ge=1, le=32768)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_parse_size)]
