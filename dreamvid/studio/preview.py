"""The dream of one frame, as it appears: coarse octaves first, a small draft before the picture itself."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dreamvid.config.settings import FrameSettings, Settings, SoundSettings
from dreamvid.config.types import LayerTarget
from dreamvid.dream import DreamCore
from dreamvid.errors import SettingsError
from dreamvid.explore.job import respond, which_layers
from dreamvid.explore.still_frame import Still, find_still
from dreamvid.explore.still_plan import Sounds, hear_still, plan_still
from dreamvid.images.read import quantize
from dreamvid.media import resize_image
from dreamvid.models import LayerInfo
from dreamvid.render.plan import FramePlan
from dreamvid.render.still import compose_still
from dreamvid.render.targets import (
    Networks,
    TapTarget,
    fetch_networks,
    has_loaded,
    load_networks,
    make_dream_core,
    make_look,
    resolve_targets,
)
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import Progress, run_to_end
from dreamvid.runtime.frames import Frame, to_frame, to_tensor
from dreamvid.studio.listening import HEARING
from dreamvid.studio.turns import NoLongerWantedError, Turn, Turns

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3)."""

DRAFT_SIDE, SHOWN_SIDE, CELL_SIDE = 256, 432, 176  # px, the longer sides
_HASTE, _CELL_HASTE = 3, 2  # a draft takes a third of the steps
_LONGEST_FAREWELL = 20.0  # seconds
_LOOKING = 3  # frames that are read at a time: a large one takes a gigabyte
_DREAMERS_KEPT, _STILLS_KEPT, _NETWORKS_KEPT, _SOUNDS_KEPT = 6, 48, 6, 12


@dataclass(frozen=True, eq=False)
class Shown:
    """What there is to see of a dream by now, as large as the finished one will be."""

    before: Pixels
    after: Pixels
    stage: str
    is_final: bool = False


class Previewer:
    """Dreams single frames for everybody who looks; one at a time, each network loaded once. Safe in threads."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._machine: Machine | None = None
        self._networks: Networks = OrderedDict()
        self._dreamers: OrderedDict[tuple[object, ...], DreamCore] = OrderedDict()
        self._stills: OrderedDict[tuple[object, ...], Still] = OrderedDict()
        self._sounds: OrderedDict[tuple[object, ...], Sounds] = OrderedDict()
        self._turns = Turns()  # at the networks
        self._looking = threading.BoundedSemaphore(_LOOKING)
        self._loading = threading.Lock()
        self._books = threading.Lock()

    def load(self, settings: Settings) -> Iterator[Progress]:
        """Load the networks that `settings` name, and tell of what is downloaded. Raises `ModelError`."""
        if has_loaded(settings, self._networks):  # nobody waits for what somebody else downloads
            return
        with self._loading:
            yield from fetch_networks(settings, self._networks)
            load_networks(settings, self._networks)
            _keep_latest(self._networks, _NETWORKS_KEPT)

    def look_at(self, source: Path, settings: Settings, index: int, rate: Fraction | None, side: int) -> Still:
        """Frame `index` of a source of that rate (None: a picture), its longer side `side` pixels. `MediaError`."""
        # What is kept in the film is brought into range to be looked at.
        tonemap = settings.tonemap or ("hable" if settings.hdr or settings.ocio else None)
        key = (source, index, side, settings.size, tonemap, settings.deinterlace)
        with self._books:
            if key in self._stills:
                self._stills.move_to_end(key)
                return self._stills[key]
        at = None if rate is None else index / rate
        plain = Settings(size=settings.size, tonemap=tonemap, deinterlace=settings.deinterlace)
        with self._looking:
            still = find_still(source, plain, at, side)
        with self._books:
            self._stills[key] = still
            _keep_latest(self._stills, _STILLS_KEPT)
        return still

    def show(
        self, look_at: Callable[[int], Still], settings: Settings, is_wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Shown]:
        """A draft, octave by octave, then the dream itself; ends where nobody wants it any more.

        `look_at` gives the frame with so many pixels on its longer side. Raises what the command line would.
        """
        still = look_at(SHOWN_SIDE)
        self._hear(still, settings)
        before = quantize_frame(still.frame)
        turn = self._turns.turn(is_wanted)
        try:
            for side, haste, stage in ((DRAFT_SIDE, _HASTE, "draft"), (SHOWN_SIDE, 1, "preview")):
                steps = self._dream(look_at(side), settings, haste, turn)
                while True:
                    with turn:
                        picture = next(steps, None)
                    if picture is None:
                        break
                    large = resize_image(picture, still.size[1], still.size[0])
                    yield Shown(before, quantize_frame(large), stage)
                if max(still.size) <= DRAFT_SIDE and haste == 1:
                    break
        except NoLongerWantedError:
            return
        yield Shown(before, quantize_frame(large), "preview", is_final=True)

    def close(self) -> None:
        """Let whoever dreams finish an octave, and nobody begin another.

        A program that ends while one of its threads is inside of torch is aborted by the system.
        """
        for _ in range(_LOOKING):
            self._looking.acquire(timeout=_LONGEST_FAREWELL / _LOOKING)  # and is never given back
        self._turns.close(_LONGEST_FAREWELL)

    def cell(self, still: Still, settings: Settings, is_wanted: Callable[[], bool] = lambda: True) -> Pixels:
        """A small dream for a gallery, with half the steps. Raises `NoLongerWantedError` besides."""
        self._load(settings)
        self._hear(still, settings)
        with self._turns.turn(is_wanted) as turn:
            *_, picture = self._dream(still, settings, _CELL_HASTE, turn)
        return quantize_frame(picture)

    def layers_worth_a_look(self, settings: Settings) -> tuple[str, ...]:
        """The layers that an explorer shows of the network of `settings`."""
        return which_layers(self.layers(settings))

    def layers(self, settings: Settings) -> list[LayerInfo]:
        """The named layers of the network of `settings`. Raises `ModelError`."""
        return self._main(settings)[0].network.layers()

    def classes(self, settings: Settings) -> tuple[str, ...]:
        """The names of the network's classes, where they are known."""
        return self._main(settings)[0].network.class_names or ()

    def rank_channels(self, still: Still, settings: Settings, count: int) -> list[LayerTarget]:
        """The channels of the first layer that the frame excites most, each as a layer of its own."""
        goal = self._main(settings, settings.layers[:1] if settings.layers else None)[0]
        with self._turns.turn():
            ratios = respond(goal.network, goal.tap, still.frame)
        name = settings.layers[0].name if settings.layers else goal.tap
        best = ratios.argsort(descending=True, stable=True)[:count].tolist()
        return [LayerTarget(name, channels=(channel,)) for channel in best]

    def own_look(self, settings: Settings) -> Settings:
        """`settings` with what the network and its layer suggest where nobody chose."""
        goals = self._aims(settings)
        return settings.for_model(goals[0].network.spec.look)

    def model(self, settings: Settings) -> str:
        """The network that dreams first."""
        return self._aims(settings)[0].network.spec.name

    def _main(self, settings: Settings, layers: tuple[LayerTarget, ...] | None = None) -> list[TapTarget]:
        return self._aims(settings.replace(layer=layers, class_=None))

    def _aims(self, settings: Settings) -> list[TapTarget]:
        self._load(settings)
        return resolve_targets(settings, networks=self._networks)

    def _load(self, settings: Settings) -> None:
        run_to_end(self.load(settings))

    def _hear(self, still: Still, settings: Settings) -> None:
        """Listen to what the settings react to, once; nobody who hears nothing waits for somebody who does."""
        sounds = self._sounds_of(still, settings)
        if settings.needs_sound and settings.needs_sound not in sounds:
            with HEARING:
                hear_still(still, settings, sounds)

    def _sounds_of(self, still: Still, settings: Settings) -> Sounds:
        heard = (still.source, *(getattr(settings, name) for name in SoundSettings.model_fields))
        with self._books:
            sounds = self._sounds.setdefault(heard, {})
            self._sounds.move_to_end(heard)
            _keep_latest(self._sounds, _SOUNDS_KEPT)
            return sounds

    def _dream(self, still: Still, settings: Settings, haste: int, turn: Turn) -> Iterator[Frame]:
        """What the frame's dream has come to after each octave, with so many times fewer steps.

        To be gone through within the turn, which it gives to others between its steps.
        """
        plan = self._plan(still, settings, turn)
        machine = self._on()
        raw = to_tensor(still.frame, machine.device)
        dreamer = _fit(plan.dreamer, still.size)
        iterations = tuple(-(-count // haste) for count in dreamer.look.iterations)
        for dream in dreamer.dream_by_octaves(raw, iterations=iterations):
            yield to_frame(compose_still(raw, dream, plan))

    def _plan(self, still: Still, settings: Settings, turn: Turn) -> FramePlan[FrameSettings]:
        machine = self._on()
        goals = resolve_targets(settings, networks=self._networks)
        settings = settings.for_model(goals[0].network.spec.look)
        taps = tuple((goal.network, goal.tap) for goal in goals)
        if taps not in self._dreamers:
            self._dreamers[taps] = make_dream_core(goals, settings, machine)
        self._dreamers.move_to_end(taps)
        look = make_look(settings.without_schedules(), [goal.target for goal in goals])
        dreamer = self._dreamers[taps].with_look(look)
        _keep_latest(self._dreamers, _DREAMERS_KEPT)
        sounds = self._sounds_of(still, settings)
        return plan_still(still, dreamer.pausing(turn.pass_on), settings, [goal.layer for goal in goals], sounds)

    def _on(self) -> Machine:
        if self._machine is None:
            self._machine = choose_machine(self._device)
        return self._machine


def _keep_latest(kept: MutableMapping[Any, Any], count: int) -> None:
    while len(kept) > count:
        kept.pop(next(iter(kept)), None)


def _fit(dreamer: DreamCore, size: tuple[int, int]) -> DreamCore:
    """The dreamer, with as many octaves as a small picture has room for. Raises `SettingsError` where it is none."""
    while True:
        try:
            dreamer.check_size(size)
        except SettingsError:
            look = dreamer.look
            if look.octave_sizes is not None and len(look.octave_sizes) > 1:
                fewer = replace(look, octave_sizes=look.octave_sizes[1:])
            elif look.octave_sizes is None and look.octaves is not None and look.octaves > 1:
                fewer = replace(look, octaves=look.octaves - 1)
            else:
                raise
            dreamer = dreamer.with_look(fewer)
        else:
            return dreamer


def quantize_frame(frame: Frame) -> Pixels:
    """(H, W, 3) in [0, 1] with 8 bits."""
    return quantize(frame, 8).astype(np.uint8, copy=False)
