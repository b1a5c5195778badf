"""Settings that change over time: numbers with schedules, and layers that are cross-faded.

A field `strength: Varies[float]` is declared once and read in two ways. Of settings as they were given it is `float |
Schedule`; of those of one moment, which `at` returns, it is `float`. mypy knows which, and so a schedule cannot be
taken for a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, TypeAlias, TypeVar, cast, overload

from pydantic import BaseModel, ModelWrapValidatorHandler, model_validator

from dreamvid.config.checked import key_of
from dreamvid.config.fields import OVER_TIME, bounds_of, facts_of, fields_of, plain_type, takes_schedule
from dreamvid.config.types import Layers, LayerTarget
from dreamvid.errors import SettingsError
from dreamvid.schedule import DEPTH, NO_NAMES, Key, Keyframes, Moment, Names, Schedule, has_keys, parse_keyframes

Number = TypeVar("Number")
Given = TypeVar("Given", covariant=True)
Momentary = TypeVar("Momentary", covariant=True)
M = TypeVar("M", bound="SettingsOfMoment")


_GLANCED = tuple(step / 32 for step in range(33))
"""Depths at which the largest value of what varies by pixel is looked for."""


@dataclass(frozen=True)
class LayerSchedule:
    """Layers that take turns.

    Attributes:
        layers: all of them, in the order in which they are named first.
        timelines: when each is on: one for each `--layer` that was given, of indices into `layers`.
    """

    layers: tuple[LayerTarget, ...]
    timelines: tuple[Keyframes[int], ...]

    def at(self, moment: Moment) -> tuple[LayerTarget, ...]:
        """All layers with their weights at a moment: 0 where it is another's turn."""
        shares = self.shares(moment)
        return tuple(
            layer._replace(weight=layer.weight * share) for layer, share in zip(self.layers, shares, strict=True)
        )

    def shares(self, moment: Moment) -> list[float]:
        """How much of each layer there is at a moment, 0 to 1."""
        shares: dict[int, float] = {}
        for timeline in self.timelines:
            before, after, share = timeline.between(moment)
            share = min(max(share, 0.0), 1.0)  # a curve may go beyond; there is no more than all of a layer
            shares[before] = shares.get(before, 0.0) + 1 - share
            shares[after] = shares.get(after, 0.0) + share
        return [shares.get(index, 0.0) for index in range(len(self.layers))]

    @property
    def needs_sound(self) -> frozenset[str]:
        """`beats`, `bars` and `sections`, where keys count them."""
        return frozenset().union(*(timeline.counted for timeline in self.timelines))

    def texts(self) -> list[str]:
        """What a person would write, one text for each `--layer`."""
        return [
            str(Keyframes(tuple(Key(key.time, self.layers[key.value], key.move) for key in timeline.keys)))
            for timeline in self.timelines
        ]


class SettingsOverTime(BaseModel):
    """Settings as they were given. A field that varies takes a number, or text that is no plain number, or a
    `Schedule`; `layer` takes keyframes."""

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The numbers that change over time, by the names of their fields."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, Schedule)}

    @property
    def varies(self) -> bool:
        """Whether anything changes over time."""
        return any(isinstance(value, (Schedule, LayerSchedule)) for value in self.__dict__.values())

    @property
    def needs_sound(self) -> frozenset[str]:
        """What must be heard: names of envelopes, stems, bands, notes and curves, and `beats`."""
        changing = [value for value in self.__dict__.values() if isinstance(value, (Schedule, LayerSchedule))]
        return frozenset().union(*(value.needs_sound for value in changing))

    def _resolved(self, kind: type[M], moment: Moment | None) -> M:
        """The settings of a moment; None: with the default in place of each schedule, and all layers on. Of what varies
        by pixel it is the largest value."""
        values = dict(self.__dict__)
        for name, value in self.__dict__.items():
            info = type(self).model_fields[name]
            if isinstance(value, LayerSchedule):
                values[name] = value.layers if moment is None else value.at(moment)
            elif isinstance(value, Schedule) and moment is None:
                values[name] = info.default
            elif isinstance(value, Schedule) and moment is not None:
                flag, bounds = f"--{key_of(name)}", bounds_of(info)
                if value.uses(DEPTH):
                    number = max(value.over_depth(moment, _GLANCED, *bounds, name=flag))
                else:
                    number = value.at(moment, *bounds, name=flag)
                values[name] = round(number) if plain_type(info) is int else number
        return cast(M, kind.model_construct(set(self.model_fields_set), **values))

    @classmethod
    def declared_in(cls, data: Mapping[str, Any]) -> Names:  # noqa: ARG003 - those that have some override it
        """What values, by names or aliases of fields, bring along for expressions to name."""
        return NO_NAMES

    def over_depth(self, name: str, moment: Moment, depths: Sequence[float]) -> list[float]:
        """The values of a field at a moment where pixels have these depths. Raises `SettingsError`."""
        value, bounds = getattr(self, name), bounds_of(type(self).model_fields[name])
        if not isinstance(value, Schedule):
            return [value] * len(depths)
        return value.over_depth(moment, depths, *bounds, name=f"--{key_of(name)}")

    @model_validator(mode="wrap")
    @classmethod
    def _take_schedules(cls, data: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Read what changes over time by itself, and put it into fields that are checked as if it were not there."""
        if not isinstance(data, dict):
            return build(data)
        data = dict(data)
        names = cls.declared_in(data)
        changing: dict[str, Schedule | LayerSchedule] = {}
        for name, info in cls.model_fields.items():
            key = name if name in data else info.alias
            if not takes_schedule(info) or key not in data or not _is_schedule(data[key]):
                continue
            schedule = _read_schedule(data.pop(key), name, bounds_of(info), names)
            if schedule.uses(DEPTH) and not facts_of(info).varies_by_pixel:
                raise SettingsError(_not_by_pixel(name, cls))
            if schedule.constant is None:
                changing[name] = schedule
            else:
                data[name] = schedule.constant
        timelines = None
        if "layer" in data:
            data["layer"], timelines = _read_layers(data["layer"])
        made = build(data)
        if timelines is not None:
            changing["layer"] = LayerSchedule(made.__dict__["layer"], timelines)
        # The fields' own types are those of numbers, so that their checks and messages are.
        made.__dict__.update(changing)
        made.__pydantic_fields_set__.update(changing)
        return made


class SettingsOfMoment(BaseModel):
    """Settings in which nothing varies, and every value is in bounds."""


if TYPE_CHECKING:

    class OverTime(Generic[Given, Momentary]):
        """A field that is read as `Given` or as `Momentary`, depending on whose field it is."""

        @overload
        def __get__(self, settings: SettingsOverTime, kind: object) -> Given: ...
        @overload
        def __get__(self, settings: SettingsOfMoment, kind: object) -> Momentary: ...
        def __get__(self, settings: object, kind: object) -> object: ...

    Varies: TypeAlias = OverTime[Number | Schedule, Number]
    LayersOverTime: TypeAlias = OverTime[tuple[LayerTarget, ...] | LayerSchedule | None, tuple[LayerTarget, ...] | None]
else:

    class Varies:
        """To pydantic such a field is a number; `SettingsOverTime` puts a schedule in its place."""

        def __class_getitem__(cls, number: Any) -> Any:
            return Annotated[number, OVER_TIME]

    LayersOverTime = Layers | None


def _is_schedule(value: object) -> bool:
    return isinstance(value, Schedule) or (isinstance(value, str) and not _is_plain(value))


def _is_plain(text: str) -> bool:
    """Whether a text is a value rather than a schedule: a number, or `auto`."""
    if text.strip().lower() == "auto":
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_by_pixel(name: str, kind: type[BaseModel]) -> str:
    able = ", ".join(f"--{key_of(other)}" for other, _, facts in fields_of(kind) if facts.varies_by_pixel)
    return (
        f"--{key_of(name)}: depth varies from pixel to pixel, which only {able} and weights of layers can follow; "
        "leave it out here"
    )


def _read_schedule(value: Any, name: str, bounds: tuple[float | None, float | None], names: Names) -> Schedule:
    flag = f"--{key_of(name)}"
    try:
        schedule = Schedule.parse(value, names)
    except SettingsError as error:
        raise SettingsError(f"{flag}: {error}") from None
    schedule.check_bounds(*bounds, name=flag)
    return schedule


def _read_layers(value: Any) -> tuple[Any, tuple[Keyframes[int], ...] | None]:
    """The layers in the order in which they are named first, and when each is on; None: nothing changes."""
    if isinstance(value, LayerSchedule):
        return value.layers, value.timelines
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not any(isinstance(item, str) and has_keys(item) for item in items):
        return value, None
    layers: list[Any] = []

    def number(text: str) -> int:
        if not text.strip():
            raise ValueError("expected a layer between the parentheses")
        if text.strip() not in layers:
            layers.append(text.strip())
        return layers.index(text.strip())

    timelines = []
    for item in items:
        if isinstance(item, str) and has_keys(item):
            try:
                timelines.append(parse_keyframes(item, number))
            except SettingsError as error:
                raise SettingsError(f"--layer: {error}") from None
        else:
            layers.append(item)
            timelines.append(Keyframes.hold(len(layers) - 1))
    return layers, tuple(timelines)
