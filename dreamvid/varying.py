"""Settings that change over time: numbers with schedules, and layers that are cross-faded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, Field, InstanceOf, model_validator

from dreamvid.errors import SettingsError
from dreamvid.schedule import Key, Keyframes, Moment, Schedule, has_keys, parse_keyframes
from dreamvid.values import LayerTarget

_BOUNDS = {"ge": (0, 0.0), "gt": (0, 1e-6), "le": (1, 0.0), "lt": (1, -1e-6)}


class Varying(BaseModel):
    """Takes a text that is no plain number for a field marked `varies`, and keyframes for `layer`.

    The field itself keeps its default; `at` gives the settings of a moment.
    """

    schedules: dict[str, InstanceOf[Schedule]] = Field(default_factory=dict)
    """By the name of the field."""
    layer_timelines: tuple[InstanceOf[Keyframes], ...] = ()  # type: ignore[type-arg]
    """Where layers change: one for each `layer` that was given, of indices into `layer`."""

    @property
    def varies(self) -> bool:
        """Whether anything changes over time."""
        return bool(self.schedules or self.layer_timelines)

    @property
    def needs_sound(self) -> frozenset[str]:
        """What must be known of a sound: names of envelopes, and `beats`."""
        needed: frozenset[str] = frozenset().union(*(schedule.needs_sound for schedule in self.schedules.values()))
        return needed | {"beats" for timeline in self.layer_timelines if timeline.counts_beats}

    def at(self, moment: Moment) -> Self:
        """The settings at a moment: nothing in them varies, and every value is in bounds. A layer whose turn it is not
        has a weight of 0. `SettingsError` where an expression has no value or needs a sound that is not there."""
        if not self.varies:
            return self
        values: dict[str, Any] = {"schedules": {}, "layer_timelines": ()}
        for name, schedule in self.schedules.items():
            info = type(self).model_fields[name]
            value = schedule.at(moment, *bounds_of(info), name=_flag(name))
            values[name] = round(value) if info.annotation is int else value
        if self.layer_timelines:
            layers: Sequence[LayerTarget] = getattr(self, "layer")  # noqa: B009 - a field of the settings built on this
            shares = self.layer_shares(moment)
            values["layer"] = tuple(
                layer._replace(weight=layer.weight * share) for layer, share in zip(layers, shares, strict=True)
            )
        return self.model_copy(update=values)

    def layer_shares(self, moment: Moment) -> list[float]:
        """How much of each layer there is at a moment, 0 to 1."""
        shares: dict[int, float] = {}
        for timeline in self.layer_timelines:
            before, after, share = timeline.between(moment)
            shares[before] = shares.get(before, 0.0) + 1 - share
            shares[after] = shares.get(after, 0.0) + share
        return [shares.get(index, 0.0) for index in range(len(getattr(self, "layer")))]  # noqa: B009

    def as_text(self) -> dict[str, str]:
        """What varies, as a person would write it: schedules by their field; layers as `layer`, one to a line."""
        written = {name: str(schedule) for name, schedule in self.schedules.items()}
        if self.layer_timelines:
            layers = getattr(self, "layer")  # noqa: B009
            written["layer"] = "\n".join(str(_named(timeline, layers)) for timeline in self.layer_timelines)
        return written

    @model_validator(mode="before")
    @classmethod
    def _take_what_varies(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        schedules = dict(data.get("schedules", {}))
        for name, info in cls.model_fields.items():
            extra = info.json_schema_extra
            key = name if name in data else info.alias
            if not (isinstance(extra, dict) and extra.get("varies")) or key not in data:
                continue
            if isinstance(data[key], Schedule) or (isinstance(data[key], str) and not _is_plain(data[key])):
                schedule = _read_schedule(data.pop(key), name, bounds_of(info))
                if schedule.constant is not None:
                    data[name] = schedule.constant
                else:
                    schedules[name] = schedule
        if schedules:
            data["schedules"] = schedules
        layers = data.get("layer")
        items = [layers] if isinstance(layers, str) else layers
        if isinstance(items, (list, tuple)) and any(isinstance(item, str) and has_keys(item) for item in items):
            data["layer"], data["layer_timelines"] = _read_timelines(items)
        return data


def bounds_of(info: Any) -> tuple[float | None, float | None]:
    """The least and the greatest value that a pydantic field takes; None where there is no bound."""
    bounds: list[float | None] = [None, None]
    for mark in info.metadata:
        for kind, (place, margin) in _BOUNDS.items():
            limit = getattr(mark, kind, None)
            if limit is not None:
                bounds[place] = limit + margin
    return bounds[0], bounds[1]


def _read_schedule(value: Any, name: str, bounds: tuple[float | None, float | None]) -> Schedule:
    try:
        schedule = Schedule.parse(value)
    except SettingsError as error:
        raise SettingsError(f"{_flag(name)}: {error}") from None
    schedule.check_bounds(*bounds, name=_flag(name))
    return schedule


def _read_timelines(items: Sequence[Any]) -> tuple[list[Any], tuple[Keyframes[int], ...]]:
    """The layers in the order in which they are named first, and when each is on."""
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
                raise SettingsError(f"{_flag('layer')}: {error}") from None
        else:
            layers.append(item)
            timelines.append(Keyframes.hold(len(layers) - 1))
    return layers, tuple(timelines)


def _named(timeline: Keyframes[int], layers: Sequence[LayerTarget]) -> Keyframes[LayerTarget]:
    return Keyframes(tuple(Key(key.time, layers[key.value], key.move) for key in timeline.keys))


def _is_plain(text: str) -> bool:
    """Whether a text is a value rather than a schedule: a number, or `auto`."""
    if text.strip().lower() == "auto":
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flag(name: str) -> str:
    return f"--{name.rstrip('_').replace('_', '-')}"
