"""Registers: what there is of a kind, by name; built in, or brought by another installed package.

Another package brings a codec, for example, by an entry point in its `pyproject.toml`:

    [project.entry-points."dreamvid.codecs"]
    vp9 = "my_package:VP9"

Names cost little. What they stand for is loaded when it is first asked for, so that a package that is broken is in the
way of nobody who does not use it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dreamvid.errors import DreamvidError, ModelError, SettingsError, did_you_mean, printable, shown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from dreamvid.dream.objective import Objective
    from dreamvid.media.codecs import AnyCodec
    from dreamvid.models.spec import ModelSpec
    from dreamvid.motion.flow import FlowMethod
    from dreamvid.space.depth_model import DepthModel

T = TypeVar("T")
E = TypeVar("E")

_OPTION = re.compile(r"\s*([a-z][a-z0-9_-]*)\s*=\s*([^=,]+?)\s*", re.IGNORECASE)


class Register(Mapping[str, T]):
    """What there is of a kind, by name: the built-in things, those that a program registers, and those of packages.

    As a mapping it holds all that can be loaded; to iterate loads everything. `names` and `in` load nothing.
    """

    def __init__(
        self,
        what: str,
        group: str,
        of: str,
        *,
        folder: str | None = None,
        table: str | None = None,
        error: type[DreamvidError] = SettingsError,
    ) -> None:
        """Make one.

        Args:
            what: what an entry is, for people: `codec`.
            group: the entry points that other packages use.
            of: `module:name` of the class that entries are instances or subclasses of.
            folder: a package with a module for each built-in thing, which registers it; `h264_nvenc` is `h264-nvenc`.
            table: or a module that registers all of them.
            error: what is raised for a name that is not there or cannot be loaded.
        """
        self.what, self.group = what, group
        self._of, self._folder, self._table, self._error = of, folder, table, error
        self._own: dict[str, T] = {}  # built in, or registered by the program
        self._brought: dict[str, T] = {}  # by other packages

    def register(self, name: str) -> Callable[[E], E]:
        """A decorator that registers a class, or any other thing, under a name."""

        def add(thing: E) -> E:
            if name in self._own:
                raise ValueError(f"there are two definitions of {self.what} {name}")
            self._own[name] = self._checked(name, thing)
            return thing

        return add

    def add(self, thing: E) -> E:
        """Register a thing under the name that it has."""
        return self.register(thing.name)(thing)  # type: ignore[attr-defined]

    def names(self) -> tuple[str, ...]:
        """All names: the built-in ones first, then the others."""
        if self._table is not None:
            importlib.import_module(self._table)
        return tuple(dict.fromkeys([*self._built_in, *self._own, *self._entry_points]))

    def find(self, name: str) -> T:
        """What a name stands for. Raises `SettingsError`, or `ModelError` for a network, that names the nearest."""
        if name not in self:
            raise self._error(self.unknown(name))
        return self[name]

    def unknown(self, name: str) -> str:
        """A line about a name that is not there."""
        known = self.names()
        return f"there is no {self.what} '{shown(name)}'; use {', '.join(known)}{did_you_mean(name, known)}"

    def faults(self) -> list[str]:
        """A line for each entry of another package that cannot be used, after all have been tried."""
        faults = [fault for name in self.names() if (fault := self._fault(name)) is not None]
        taken = {name for name in self._entry_points if name in self._built_in or name in self._own}
        return faults + [
            f"{_origin(self._entry_points[name])}: its {self.what} {name} is not used, because there is one of that "
            "name already; rename it"
            for name in sorted(taken)
        ]

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names() if self._fault(name) is None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> T:
        if name not in self:
            raise KeyError(name)
        if name in self._own:
            return self._own[name]
        if name in self._built_in:
            importlib.import_module(f"{self._folder}.{name.replace('-', '_')}")
            return self._own[name]
        if name not in self._brought:
            self._brought[name] = self._load(name, self._entry_points[name])
        return self._brought[name]

    @functools.cached_property
    def _built_in(self) -> tuple[str, ...]:
        """The names of the folder's modules. They are listed without importing any."""
        if self._folder is None:
            return ()
        place = Path(__file__).parents[1].joinpath(*self._folder.split(".")[1:])
        return tuple(module.name.replace("_", "-") for module in pkgutil.iter_modules([str(place)]))

    @property
    def _entry_points(self) -> Mapping[str, EntryPoint]:
        return _all_entry_points().get(self.group, {})

    def _fault(self, name: str) -> str | None:
        """Why a name is of no use; None: it is."""
        try:
            self[name]
        except self._error as error:
            return str(error)
        return None

    def _load(self, name: str, point: EntryPoint) -> T:
        try:
            thing: T = self._checked(name, point.load())
        except Exception as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self._error(
                f"{self.what} {name} of {_origin(point)} cannot be loaded ({printable(reason, 200)}); update or "
                "uninstall that package"
            ) from error
        return thing

    def _checked(self, name: str, thing: Any) -> Any:
        """Refuse what is no such thing, or calls itself otherwise."""
        kind = pkgutil.resolve_name(self._of)
        if not (issubclass(thing, kind) if isinstance(thing, type) else isinstance(thing, kind)):
            raise TypeError(f"expected an instance or a subclass of {self._of}, not {shown(thing)}")
        if not isinstance(thing, type) and thing.name != name:
            raise ValueError(f"it is registered as {name} but calls itself {shown(thing.name)}")
        return thing


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """`strongest:channels=8` as a name and its options. Raises `ValueError` for what is none."""
    name, colon, rest = text.partition(":")
    found = [_OPTION.fullmatch(part) for part in rest.split(",")] if colon else []
    if not all(found):
        raise ValueError(f"'{shown(text)}' is not a name, or a name with options such as NAME:key=value,key=value")
    return name.strip().lower(), {match[1].lower(): match[2] for match in found if match}


@functools.cache
def _all_entry_points() -> Mapping[str, Mapping[str, EntryPoint]]:
    """By group and name: what the installed packages bring. They are all read once, which takes ten milliseconds."""
    from importlib.metadata import distributions

    found: dict[str, dict[str, EntryPoint]] = {}
    for package in distributions():
        for point in package.entry_points:
            if point.group.startswith("dreamvid."):
                found.setdefault(point.group, {}).setdefault(point.name, point)
    return found


def _origin(point: EntryPoint) -> str:
    """The package that an entry point belongs to."""
    return f"the package {point.dist.name}" if point.dist is not None else point.value


MODELS: Register[ModelSpec] = Register(
    "model", "dreamvid.models", "dreamvid.models.spec:ModelSpec", table="dreamvid.models.zoo", error=ModelError
)
"""Networks."""

CODECS: Register[AnyCodec] = Register(
    "codec", "dreamvid.codecs", "dreamvid.media.codecs:AnyCodec", folder="dreamvid.media.encoders"
)
"""What films and pictures are encoded with."""

FLOWS: Register[type[FlowMethod]] = Register(
    "optical flow method", "dreamvid.flows", "dreamvid.motion.flow:FlowMethod", folder="dreamvid.motion.methods"
)
"""Ways to measure motion."""

OBJECTIVES: Register[type[Objective]] = Register(
    "objective", "dreamvid.objectives", "dreamvid.dream.objective:Objective", folder="dreamvid.dream.objectives"
)
"""What a dream may climb at a layer."""

DEPTHS: Register[type[DepthModel]] = Register(
    "depth model", "dreamvid.depths", "dreamvid.space.depth_model:DepthModel", folder="dreamvid.space.depth_models"
)
"""Ways to estimate how far away things in a picture are."""
