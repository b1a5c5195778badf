"""What settings bring along for expressions to name: stems and curves, which are files, and bands of frequencies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BeforeValidator, Field

from dreamvid.config.types import parse_number, parse_path
from dreamvid.errors import SettingsError, shown
from dreamvid.schedule.names import NAME, OF_A_STEM, Names, what_is_built_in

_LONGEST_NAME = 40
_MOST = 64
_LOWEST, _HIGHEST = 10.0, 20_000.0  # Hz
_NARROWEST = 1.1
_HERTZ = r"(\d{1,5}(?:\.\d{1,6})?|\.\d{1,6})\s*(k?)\s*(?:hz)?"
_RANGE = re.compile(rf"\s*{_HERTZ}\s*[-–]\s*{_HERTZ}\s*", re.ASCII | re.IGNORECASE)  # noqa: RUF001 - people paste it

_READING = re.compile(
    r"(?P<path>.+):(?:column=(?P<column>[^:=]{1,80})|(?P<unit>seconds|frames|beats)(?:=(?P<rate>[0-9./]{1,20}))?)"
)

Item = TypeVar("Item")


class NamedFile(NamedTuple):
    """A file, and what expressions call what is in it."""

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}={self.path}"


class CurveFile(NamedTuple):
    """A file with a curve, what expressions call it, and how it is to be read where the file does not say.

    Attributes:
        unit: what its times count: `seconds`, `frames` or `beats`; "": as the file says, else seconds.
        rate: frames a second, or beats a minute.
        column: of a file with several curves, the one that is taken; "": that of the curve's name.
    """

    name: str
    path: Path
    unit: str = ""
    rate: Fraction | None = None
    column: str = ""

    def __str__(self) -> str:
        unit = f":{self.unit}" * bool(self.unit) + (f"={self.rate}" if self.rate else "")
        return f"{self.name}={self.path}{unit}" + f":column={self.column}" * bool(self.column)


class Band(NamedTuple):
    """Frequencies from `low` to `high`, in Hz, and what expressions call them: `kick`, of a stem `drums.hat`."""

    name: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name}={self.low:.10g}-{self.high:.10g}"

    @property
    def stem(self) -> str:
        """The stem that it is a band of; empty: of the sound."""
        return self.name.rpartition(".")[0]


def split_name(text: str, form: str) -> tuple[str, str]:
    """Take `NAME=VALUE` apart. Raises `ValueError`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ValueError(f"'{shown(text)}' is not {form}")
    return name.strip(), value.strip()


def check_name(name: str) -> str:
    """A name that expressions may use. Raises `ValueError` where it is none, or stands for something already."""
    if len(name) > _LONGEST_NAME or not NAME.fullmatch(name):
        raise ValueError(
            f"'{shown(name)}' is not a name: use letters, digits and _, at most {_LONGEST_NAME}, no digit first"
        )
    if built_in := what_is_built_in(name):
        raise ValueError(f"'{name}' is {built_in} already; choose another name")
    return name


def _items(value: Any, form: str, known: type) -> Iterable[Any]:
    """One or several values, as typed or in a file, where they may be a mapping of names."""
    if isinstance(value, Mapping):
        return [f"{shown(name)}={one}" for name, one in value.items()]
    if isinstance(value, (str, known)):
        return [value]
    if isinstance(value, (list, tuple)) and len(value) <= _MOST:
        return value
    raise ValueError(f"'{shown(value)}' is not {form} or a list of at most {_MOST} of them")


def _parse_file(value: Any) -> NamedFile:
    if isinstance(value, NamedFile):
        return value
    if not isinstance(value, str):
        raise ValueError(f"'{shown(value)}' is not NAME=FILE")
    name, path = split_name(value, "NAME=FILE")
    return NamedFile(check_name(name), parse_path(path))


def _parse_curve(value: Any) -> CurveFile:
    if isinstance(value, CurveFile):
        return value
    name, path, *_ = _parse_file(value)
    unit, rate, column = "", None, ""
    text = str(path)
    while found := _READING.fullmatch(text):
        text = found["path"]
        column = found["column"] or column
        unit = found["unit"] or unit
        rate = parse_number(found["rate"]) if found["rate"] else rate
    if rate is not None and rate <= 0:
        raise ValueError(f"'{shown(value)}': the rate must be above 0")
    return CurveFile(name, parse_path(text), unit, rate, column)


def _parse_band(value: Any) -> Band:
    if isinstance(value, Band):
        return value
    if not isinstance(value, str):
        raise ValueError(f"'{shown(value)}' is not NAME=LOW-HIGH")
    name, span = split_name(value, "NAME=LOW-HIGH, such as kick=40-90")
    stem, point, last = name.rpartition(".")
    check_name(last)
    if point:
        check_name(stem)
    found = _RANGE.fullmatch(span)
    if not found:
        raise ValueError(f"'{shown(span)}' is not a range of frequencies in Hz, such as 40-90")
    low, high = (float(found[at]) * (1000 if found[at + 1] else 1) for at in (1, 3))
    if not _LOWEST <= low < high <= _HIGHEST:
        raise ValueError(f"'{shown(span)}' must go up, and lie between {_LOWEST:g} and {_HIGHEST:g} Hz")
    if high < _NARROWEST * low:
        raise ValueError(f"'{shown(span)}' is too narrow: the upper end must be {_NARROWEST:g} times the lower one")
    return Band(name, low, high)


def _parse_paths(value: Any) -> Any:
    return tuple(parse_path(item) for item in _items(value, "a file name", Path))


def _parse_all(parse: Callable[[Any], Item], form: str, known: type) -> Callable[[Any], tuple[Item, ...]]:
    return lambda value: tuple(parse(item) for item in _items(value, form, known))


NamedFiles = Annotated[
    tuple[Any, ...],
    BeforeValidator(_parse_all(_parse_file, "NAME=FILE", NamedFile)),
    Field(min_length=1, max_length=_MOST),
]
CurveFiles = Annotated[
    tuple[Any, ...],
    BeforeValidator(_parse_all(_parse_curve, "NAME=FILE", CurveFile)),
    Field(min_length=1, max_length=_MOST),
]
Bands = Annotated[
    tuple[Any, ...],
    BeforeValidator(_parse_all(_parse_band, "NAME=LOW-HIGH", Band)),
    Field(min_length=1, max_length=_MOST),
]
Files = Annotated[tuple[Path, ...], BeforeValidator(_parse_paths), Field(min_length=1, max_length=_MOST)]


def names_of(
    stems: Iterable[NamedFile], bands: Iterable[Band], curves: Iterable[CurveFile], *, has_notes: bool
) -> Names:
    """What expressions may name. Raises `SettingsError` where one name would stand for two things."""
    taken: dict[str, str] = {}

    def take(name: str, option: str) -> str:
        if name in taken:
            raise SettingsError(f"--{option}: the name '{name}' is taken by --{taken[name]}; choose another")
        taken[name] = option
        return name

    known_stems = tuple(take(stem.name, "stem") for stem in stems)
    known_curves = tuple(take(curve.name, "curve") for curve in curves)
    known_bands = []
    for band in bands:
        last = band.name.rpartition(".")[2]
        if band.stem and band.stem not in known_stems:
            raise SettingsError(
                f"--band: {band.name} is a band of the stem '{band.stem}', which is not there; give it with --stem "
                f"{band.stem}=FILE"
            )
        if band.stem and last in OF_A_STEM:
            raise SettingsError(f"--band: every stem has a '{last}' already; choose another name than {band.name}")
        known_bands.append(take(band.name, "band"))
    return Names(known_stems, tuple(known_bands), known_curves, has_notes)
