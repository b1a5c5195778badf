"""What a person types for a setting, and what it means: layers, classes, lists, times, sizes.

Each type at the end of this page takes text, as on the command line, or the value itself, as in a file. Those who
parse look first at what kind of value they are given, and at how long it is: all of it may come from a stranger's file.
What makes no sense is a `ValueError` in words for people.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, PlainSerializer

from dreamvid.config.timecode import Timecode, is_timecode
from dreamvid.errors import SettingsError, shown
from dreamvid.schedule import DEPTH, TIMES, Schedule


class LayerTarget(NamedTuple):
    """A layer to dream on, how much it counts beside the others, and which of its channels (None: all).

    `name` may begin with a network's: `vgg16/relu4_3`. `by_depth` is a weight that depends on each pixel's depth;
    `weight` multiplies it.
    """

    name: str
    weight: float = 1.0
    channels: tuple[int, ...] | None = None
    by_depth: InstanceOf[Schedule] | None = None

    def __str__(self) -> str:
        weight = "" if self.weight == 1 else f":{self.weight:g}"
        if self.by_depth is not None:
            weight = f":{self.by_depth}"
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
        raise ValueError(f"'{shown(value)}' is not NAME or NAME:WEIGHT with a weight other than 0")
    return name.strip(), number


def _split_depth(value: str) -> tuple[str, Schedule] | None:
    """Take "name:1 - depth" apart; None: the weight does not depend on depth. Raises `ValueError`."""
    name, colon, weight = value.rpartition(":")
    if not colon or not name.strip() or not re.search(rf"\b{DEPTH}\b", weight):
        return None
    try:
        schedule = Schedule.parse(weight.strip())
    except SettingsError as error:
        raise ValueError(f"the weight of {name.strip()}: {error}") from None
    if others := schedule.names - {DEPTH, *TIMES}:
        raise ValueError(
            f"the weight of {name.strip()} may depend on depth and on time, not on {', '.join(sorted(others))}; use "
            "keyframes of layers, or --strength"
        )
    return name.strip(), schedule


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _items(value: Any, what: str) -> list[Any]:
    """One value or a list of them, as a list."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return [value]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError(f"'{shown(value)}' is not {what} or a list of them")


def _is_weight(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < abs(value) < 1e9


def _parse_layer(value: Any) -> LayerTarget:
    if isinstance(value, LayerTarget):
        return value
    if isinstance(value, (list, tuple)) and len(value) in (3, 4):  # as JSON keeps a target
        name, weight, channels, *depth = value
        if isinstance(name, str) and _is_weight(weight):
            by_depth = None if depth in ([], [None]) else Schedule.parse(str(depth[0]))
            return LayerTarget(name, float(weight), None if channels is None else _parse_channels(channels), by_depth)
    if not isinstance(value, str):
        raise ValueError(f"'{shown(value)}' is not a layer name")
    layer, at, text = value.partition("@")
    channels = _parse_channels(text) if at else None
    if (split := _split_depth(layer)) is not None:
        return LayerTarget(split[0], 1.0, channels, split[1])
    return LayerTarget(*_split_weight(layer), channels)


def _parse_layers(value: Any) -> Any:
    return tuple(_parse_layer(item) for item in _items(value, "a layer name"))


def _layers_as_json(layers: tuple[LayerTarget, ...]) -> list[list[Any]]:
    """What `_parse_layer` reads; a weight by depth stands at the end, where there is one."""
    return [[*layer[:3], *([] if layer.by_depth is None else [str(layer.by_depth)])] for layer in layers]


def _parse_class(value: Any) -> ClassTarget:
    if isinstance(value, ClassTarget):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str) and _is_weight(value[1]):
        return ClassTarget(value[0], float(value[1]))
    if _is_whole(value):
        return ClassTarget(shown(value))
    if not isinstance(value, str):
        raise ValueError(f"'{shown(value)}' is not a class name or number")
    return ClassTarget(*_split_weight(value))


def _parse_classes(value: Any) -> Any:
    return tuple(_parse_class(item) for item in _items(value, "a class name or number"))


def _parse_shots(value: Any) -> Any:
    """One shot or a run of them, counted from 1: `3`, `3-7`."""
    text = "-".join(map(shown, value)) if isinstance(value, (list, tuple)) else shown(value)
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", text, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last:
        raise ValueError(f"'{shown(value)}' is not a shot or range of shots such as 3 or 3-7, counted from 1")
    return first, last


_MOST_CHANNELS = 65536


def _parse_channels(value: Any) -> Any:
    """Channel numbers: `55`, `55,77`, `10-20`, `3,10-20`; ordered, each once."""
    if _is_whole(value):
        return (value,)
    if isinstance(value, (list, tuple)) and all(map(_is_whole, value)):
        return tuple(sorted(set(value)))
    if not isinstance(value, str):
        raise ValueError(f"'{shown(value)}' is not a list of channels such as 55,77 or 10-20")
    numbers: set[int] = set()
    for part in value.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part, re.ASCII)
        if not found:
            raise ValueError(f"'{shown(value)}' is not a list of channels such as 55,77 or 10-20")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last >= _MOST_CHANNELS:
            raise ValueError(f"'{part.strip()}' is not a range of channels; put the smaller number first")
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
            raise ValueError(f"'{shown(value)}' is not auto or a number of octaves")
        return int(word)
    return value


FULL_SIZE = 0
"""Among `octave_sizes`: the picture's own size."""


def _parse_octave_sizes(value: Any) -> Any:
    """Short sides in pixels, coarse to fine: `120,170,240` or `120,170,full`."""
    items = value.split(",") if isinstance(value, str) else _items(value, "a number of pixels")
    words = [shown(item).strip().lower() for item in items]
    if any(word != "full" and not re.fullmatch(r"\d{1,5}", word, re.ASCII) for word in words):
        raise ValueError(f"'{shown(value)}' is not a list of sizes in pixels such as 120,170,240 or 120,240,full")
    sizes = tuple(FULL_SIZE if word == "full" else int(word) for word in words)
    ordered = [size if size != FULL_SIZE else math.inf for size in sizes]
    if ordered != sorted(set(ordered)):
        raise ValueError(f"'{shown(value)}' must increase from coarse to fine")
    return sizes


def _parse_integers(value: Any) -> Any:
    if _is_whole(value):
        return (value,)
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if not all(re.fullmatch("[-+]?[0-9]{1,9}", part) for part in parts):
            raise ValueError(f"'{shown(value)}' is not a whole number or a list of them such as 28,16,6,2")
        return tuple(map(int, parts))
    return value


def _parse_bits(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else value


_DIGITS = "[0-9]{1,24}"
_NUMBER = re.compile(
    rf"[-+]?(?:{_DIGITS}/{_DIGITS}|(?:{_DIGITS}(?:\.[0-9]{{0,24}})?|\.{_DIGITS})(?:[eE][-+]?[0-9]{{1,2}})?)"
)
_WHOLE = re.compile(r"[0-9]{1,9}")
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes
_SLOWEST = Fraction(1, 1000)  # frames per second
LONGEST = 10**9
"""Seconds, and more than any film lasts."""


def parse_number(text: str) -> Fraction:
    """A number, exactly: `2.5`, `1e-3`, `1001/24000`, of so few digits that it costs nothing to reckon with.

    Raises `ValueError` where it is none, has more digits than that or divides by zero.
    """
    if _NUMBER.fullmatch(text.strip()):
        with suppress(ZeroDivisionError):
            return Fraction(text.strip())
    raise ValueError(f"'{shown(text)}' is not a number, or has too many digits")


def _exactly(value: Any) -> Any:
    """A number or the text of one as a fraction; other things as they are."""
    if isinstance(value, str):
        return parse_number(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return parse_number(shown(value))
    return value


def _parse_seconds(value: Any) -> Any:
    """Seconds, exactly: `2.5`, `2.5s`, `1:02.5`, `1:00:00`, `1001/24000`."""
    if not isinstance(value, (str, int, float, Fraction)) or isinstance(value, bool):
        raise ValueError(f"'{shown(value)}' is not a time such as 2.5, 2.5s or 1:02.5")
    text = value.strip().removesuffix("s") if isinstance(value, str) else ""
    *larger, last = text.split(":")
    try:
        seconds = Fraction(_exactly(last if isinstance(value, str) else value))
    except ValueError:
        seconds = None
    if seconds is None or len(larger) > 2 or not all(map(_WHOLE.fullmatch, larger)):
        raise ValueError(f"'{shown(value)}' is not a time such as 2.5, 2.5s or 1:02.5")
    seconds += sum(int(part) * 60**power for power, part in enumerate(reversed(larger), start=1))
    if seconds < 0:
        raise ValueError(f"'{shown(value)}' is before the start of the clip")
    if seconds > LONGEST:
        raise ValueError(f"'{shown(value)}' is longer than any film; give a time such as 2.5, 2.5s or 1:02.5")
    return seconds


def _parse_time(value: Any) -> Any:
    """Seconds as above, or a timecode, which counts the clip's frames: `00:00:02:04`, `00:01:00;02`."""
    if isinstance(value, Timecode):
        return value
    if isinstance(value, str) and is_timecode(value.strip()):
        return Timecode(value.strip())
    return _parse_seconds(value)


def _parse_timecode(value: Any) -> Any:
    """A timecode, or `none`."""
    if isinstance(value, Timecode):
        return value
    text = shown(value).strip()
    if text.lower() == "none":
        return "none"
    if not is_timecode(text):
        raise ValueError(f"'{text}' is neither none nor a timecode such as 01:00:00:00 (01:00:00;00 for drop-frame)")
    return Timecode(text)


def _parse_first_frame(value: Any) -> Any:
    """A number, or the word `timecode`."""
    word = shown(value).strip().lower()
    if word == "timecode":
        return word
    if isinstance(value, str) and not re.fullmatch(r"\d{1,12}", word, re.ASCII):
        raise ValueError(f"'{shown(value)}' is neither a number such as 1001 nor the word timecode")
    return value


def _parse_rate(value: Any) -> Any:
    """Frames per second: `25`, `29.97`, `30000/1001`."""
    try:
        rate = _exactly(value)
    except ValueError:
        raise ValueError(f"'{shown(value)}' is not a frame rate such as 25 or 30000/1001") from None
    if not isinstance(rate, Fraction):
        return rate
    if 0 < rate < _SLOWEST:
        raise ValueError(f"'{shown(value)}' is too low for a frame rate; give one such as 25")
    return rate.limit_denominator(1_001_000)  # as exact as ffmpeg reads it


def parse_path(value: Any) -> Path:
    """A file's name, which any file system could have. Raises `ValueError` where it is none."""
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError(f"'{shown(value)}' is not a file name")
    path = Path(value)
    check_text(path)
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts) or len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(f"'{shown(value)}' is too long for a file name")
    return path


def _text_of_path(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _check_word_or_path(text: str) -> str:
    parse_path(text)
    return text


def check_text(text: str | Path) -> None:
    """Raise `ValueError` for characters that neither a file's name nor anything else that is printed can have."""
    try:
        name = os.fsencode(text)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        raise ValueError(f"'{shown(text)}' contains a character that is not allowed in a file name")


def _parse_size(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*[x×]\s*([0-9]{1,9})\s*", value)  # noqa: RUF001 - people paste it
        if not found:
            raise ValueError(f"'{shown(value)}' is not WIDTHxHEIGHT such as 640x360")
        return int(found[1]), int(found[2])
    return value


GB = 10**9
"""Bytes. Of the two gigabytes the smaller: what fits into eight of these fits into eight of the others."""


def _parse_tile(value: Any) -> Any:
    """`auto`, `none`, or the side of a tile in pixels."""
    word = shown(value).strip().lower()
    if word in ("auto", "none"):
        return word
    if not re.fullmatch(r"\d{1,5}", word, re.ASCII) or int(word) < SMALLEST_TILE:
        raise ValueError(f"'{shown(value)}' is not auto, none or a number of pixels of at least {SMALLEST_TILE}")
    return int(word)


SMALLEST_TILE = 64
"""Pixels a side: smaller ones would be nearly all overlap."""

Tile = Annotated[int | Literal["auto", "none"], BeforeValidator(_parse_tile)]
Layers = Annotated[
    tuple[LayerTarget, ...],
    BeforeValidator(_parse_layers),
    PlainSerializer(_layers_as_json, when_used="json"),
    Field(min_length=1),
]
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
GivenTimecode = Annotated[InstanceOf[Timecode] | Literal["none"], BeforeValidator(_parse_timecode)]
FirstFrame = Annotated[
    Annotated[int, Field(ge=0, le=10**9)] | Literal["timecode"], BeforeValidator(_parse_first_frame)
]
Time = Annotated[Fraction | InstanceOf[Timecode], BeforeValidator(_parse_time)]
WordOrPath = Annotated[str, BeforeValidator(_text_of_path), AfterValidator(_check_word_or_path)]
FramesPerSecond = Annotated[Fraction, BeforeValidator(_parse_rate), Field(gt=0, le=1000)]
Side = Annotated[int, Field(ge=1, le=32768)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_parse_size)]
