"""`Dreamer`: arrays in, dreamed arrays out, through the loops that films, stills and zooms of files go through."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import count, repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from dreamvid.api.arrays import ArrayFilm, ArrayKind, Picture
from dreamvid.api.sides import SideArray, Sides
from dreamvid.config.camera import CameraSettings
from dreamvid.config.fields import fields_of
from dreamvid.config.groups import (
    ConditioningSettings,
    DepthSettings,
    LookSettings,
    MotionSettings,
    NetworkSettings,
    ObjectiveSettings,
)
from dreamvid.config.job import RunSettings
from dreamvid.config.settings import AnySettings, DreamSettings, Settings, ZoomSettings, build_settings, merge_values
from dreamvid.config.sound import SoundSettings
from dreamvid.config.space import SpaceSettings
from dreamvid.config.vectors import FlowFile, method_of
from dreamvid.dream import DreamCore, Shared
from dreamvid.dream.pyramid import Size
from dreamvid.errors import SettingsError
from dreamvid.models import AUTO
from dreamvid.models.own_module import ModuleNetwork
from dreamvid.models.spec import IMAGENET_MEAN, IMAGENET_STD
from dreamvid.motion import mark_cuts
from dreamvid.motion.vectors import open_vectors
from dreamvid.render.film import Film
from dreamvid.render.plan import STILL, Clock, Planner, S
from dreamvid.render.preparation import fetch_missing, listen, make_planner
from dreamvid.render.still import dream_pictures
from dreamvid.render.targets import (
    Networks,
    auto_layers,
    load_networks,
    make_dream_core,
    make_look,
    make_shared,
    resolve_targets,
)
from dreamvid.runtime.calibration_cache import MeasuredLooks
from dreamvid.runtime.device import choose_machine, find_machine
from dreamvid.runtime.events import Event, run_to_end
from dreamvid.runtime.frames import Dreams, Frame, to_tensor
from dreamvid.runtime.layers import beauty_of
from dreamvid.schedule import Schedule
from dreamvid.visualize.job import DrawingEvent, PictureDone, check_steady, draw_subjects
from dreamvid.visualize.settings import VisualizeSettings
from dreamvid.visualize.subjects import list_subjects
from dreamvid.zoom.scene import check_camera, open_scene
from dreamvid.zoom.zoom import NOISE_SIZE, begin_zoom, first_noise, frame_count

LIBRARY = "library"
"""What the fields call it that are not for it."""

_GROUPS = (
    NetworkSettings,
    ObjectiveSettings,
    LookSettings,
    ConditioningSettings,
    DepthSettings,
    MotionSettings,
    SoundSettings,
    RunSettings,
)
_CAMERA_NAMES = [
    name
    for group in (CameraSettings, SpaceSettings, DepthSettings)
    for name, _, facts in fields_of(group)
    if LIBRARY not in facts.not_for
]
_NAMES = [name for group in _GROUPS for name, _, facts in fields_of(group) if LIBRARY not in facts.not_for]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture drawn from noise.

    Attributes:
        picture: (H, W, 3) float32 RGB in [0, 1].
        label: what it shows: `inception4d 5`.
        number: which of its subject's pictures it is, from 1.
        response: what the network answers to it.
    """

    picture: Frame
    label: str
    number: int
    response: float


class Dreamer:
    """Dreams on pictures in memory, with one network and one look.

    Convention: a picture is RGB, a NumPy array (H, W, 3) or a torch tensor (3, H, W); `uint8`, `uint16`, or `float32`
    or `float64` in [0, 1]. What comes in comes out: the kind of array, its dtype and its device.

    Methods may be called from several threads at once, also of one dreamer. No file is written, but for downloaded
    weights in torch's cache, and nothing is changed for the whole process.
    """

    def __init__(
        self,
        model: str | nn.Module = AUTO,
        layer: str | Sequence[str] | None = None,
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        on_event: Callable[[Event | DrawingEvent], None] = lambda _: None,
        owns_process: bool = False,
        **look: Any,
    ) -> None:
        """Load the network, and check the settings.

        Args:
            model: a name, as `--model` takes; or your own module, (N, 3, H, W) of any size to a tensor, which is
                copied. Its layers are called by their paths.
            layer: as `--layer` takes, one or several; None: the network's own. A module of yours has none.
            mean, std: of the pictures that your own module was trained on, RGB in [0, 1]; None: ImageNet's.
            on_event: called with each event, by the thread that dreams.
            owns_process: behave as the command line does, which changes the process: small octaves are computed with
                fewer threads, cuDNN tries out algorithms, and calibration is kept in the cache folder.
            look: other settings of network, objective, look, motion, envelopes, device, precision, memory and tile, by
                the names of their options (`octave_scale`, `class_`).

        Raises:
            ModelError, SettingsError: one line says what is wrong.
        """
        self._on_event = on_event
        self._networks: Networks = {}
        given: dict[str, Any] = dict(look)
        if isinstance(model, nn.Module):
            if layer is None and "class_" not in given:
                raise SettingsError("layer: a module of your own has no default layer; give one by its path")
            if "weights" in given:
                raise SettingsError("weights: a module of your own has its weights; load them into it")
            network = ModuleNetwork(model, mean=mean or IMAGENET_MEAN, std=std or IMAGENET_STD)
            model = network.spec.name
            self._networks[model, None] = network
        elif mean is not None or std is not None:
            raise SettingsError("mean, std: are for a module of your own; networks by name know theirs")
        given["model"] = model
        if layer is not None:
            given["layer"] = layer
        self._look = merge_values([given], _NAMES, "Dreamer: there is no setting")
        self._settings = build_settings(Settings, self._look)
        settings = self._settings
        self._machine = (
            choose_machine(settings.device, settings.precision)
            if owns_process
            else find_machine(settings.device, settings.precision, owns_process=False)
        )
        self._measured: MutableMapping[str, float] = MeasuredLooks() if owns_process else {}
        run_to_end(fetch_missing(settings, self._networks), on_event)
        load_networks(settings, self._networks)
        self._goals = resolve_targets(settings, self._networks)
        run_to_end(auto_layers(self._goals, settings), on_event)
        core = make_dream_core(self._goals, self._for_model(settings), self._machine, on_event, self._measured)
        self._extractor = core.extractor
        self._lock = threading.Lock()
        self._idle = [core.shared]  # one for each call that was under way at a time

    def dream(
        self,
        picture: Picture,
        *,
        guide: SideArray | None = None,
        mask: SideArray | None = None,
        depth: SideArray | None = None,
    ) -> Picture:
        """Return the dream of a picture, as `dreamvid picture.png` makes it.

        `guide` is a picture of any size whose contents are dreamed of, `mask` is white where the dream may be seen,
        `depth` white where things are near, for settings that depend on it: arrays, also (H, W), or files. Raises
        `SettingsError`, or `MediaError` for files.
        """
        kind = ArrayKind.of(picture)
        raw = kind.read(picture)
        sides = Sides(guide, mask, depth)
        with self._planner(self._settings, STILL, raw.shape[:2], False, sides) as planner:
            (dreamed,) = self._watch(dream_pictures([raw], planner, self._machine.device))
        return kind.write(dreamed)  # type: ignore[no-any-return]  # it is what came

    def dream_film(
        self,
        frames: Iterable[Picture],
        fps: Any,
        *,
        cuts: Literal["auto"] | Iterable[int] | None = "auto",
        guide: SideArray | None = None,
        mask: SideArray | None = None,
        depth: SideArray | None = None,
        sound: Path | str | None = None,
        length: int | None = None,
    ) -> Generator[Picture, None, None]:
        """Yield the dream of each frame, as `dreamvid film.mp4` makes them, before they are encoded.

        Frames are taken lazily, about ten ahead, in another thread; memory does not grow with the film. Closing the
        generator ends that thread.

        Args:
            frames: pictures of one kind and size; any iterable, read once.
            fps: frames per second: a number, or text such as `30000/1001`.
            cuts: `auto`: found; or the numbers of the frames, from 0, that begin shots; None: it is one shot.
            guide, mask, depth: as for `dream`; a film goes along.
            sound: a file that schedules listen to.
            length: how many frames there are. It must be known where `strength` changes over time, and `frames` has
                no `len()`.

        Raises:
            MediaError, ModelError, SettingsError: for frames, when they are reached.
        """
        rate = build_settings(Settings, {"rate": fps}).rate
        if rate is None:
            raise SettingsError("fps: give the frames per second")
        if cuts is not None and cuts != "auto":
            cuts = frozenset(cuts)
            if not all(isinstance(number, (int, np.integer)) for number in cuts):
                raise SettingsError('cuts: give the numbers of frames, "auto" or None')
        if length is None and isinstance(frames, (Sized, np.ndarray, Tensor)):
            length = len(frames)
        if length is None and isinstance(self._settings.strength, Schedule):
            raise SettingsError("strength changes over time, so the film's length must be known; give length=FRAMES")
        settings = _hearing(self._settings, sound)
        run_to_end(fetch_missing(settings, self._networks, flow=method_of(settings.flow)), self._on_event)
        sides = Sides(guide, mask, depth)
        return self._film(iter(frames), settings, Clock(rate, length, listen(settings, None, rate)), cuts, sides)

    def zoom(
        self,
        start: npt.NDArray[Any] | Tensor | None = None,
        *,
        guide: SideArray | None = None,
        mask: SideArray | None = None,
        depth: SideArray | None = None,
        sound: Path | str | None = None,
        **camera: Any,
    ) -> Generator[Any, None, None]:
        """Yield the frames of an endless zoom into a picture, as `dreamvid zoom picture.png` makes them.

        Args:
            start: the picture; None: noise, whose frames are NumPy `float32`.
            guide, mask, sound: as for `dream_film`.
            depth: what the camera flies through, as `--depth`, or an array, white near.
            camera: `fps`, `duration`, `zoom`, `dolly` and the other settings of camera, space and depth. `size` is for
                noise.

        Raises:
            MediaError, SettingsError: one line says what is wrong.
        """
        known = ZoomSettings.model_fields
        look = {name: value for name, value in self._look.items() if name in known}
        if isinstance(depth, (str, Path)):
            camera["depth"], depth = depth, None
        settings = build_settings(ZoomSettings, look, merge_values([camera], _CAMERA_NAMES, "zoom has no setting"))
        if start is not None and settings.size:
            raise SettingsError("size: a zoom is as large as the picture it begins with; resize that")
        settings = _hearing(settings, sound)
        clock = Clock(settings.fps, frame_count(settings), listen(settings, None, settings.fps))
        check_camera(settings, clock)
        kind = ArrayKind() if start is None else ArrayKind.of(start)
        sides = Sides(guide, mask, depth)
        return self._zoom(settings, clock, kind, None if start is None else kind.read(start), sides)

    def visualize(self, **how: Any) -> list[Drawing]:
        """Draw what the layers, channels and classes see, from noise, as `dreamvid visualize` does.

        `how` are its settings: `count`, `size`, `steps` and so on. Raises `SettingsError`.
        """
        check_steady(self._settings)
        method = VisualizeSettings(**merge_values([how], VisualizeSettings.model_fields, "visualize has no setting"))
        subjects = list_subjects(self._goals, together=method.together, neuron=method.neuron)
        drawings = []
        for picture, event in draw_subjects(subjects, self._settings, method, self._machine):
            self._on_event(event)
            if picture is not None and isinstance(event, PictureDone):
                drawings.append(Drawing(picture, event.subject, event.number, event.response))
        return drawings

    def _film(
        self,
        frames: Iterator[Any],
        settings: Settings,
        clock: Clock,
        cuts: Literal["auto"] | Iterable[int] | None,
        sides: Sides,
    ) -> Generator[Any, None, None]:
        first = next(frames, None)
        if first is None:
            return
        film = ArrayFilm.of(first, frames, clock.rate)
        with self._planner(settings, clock, (film.height, film.width), True, sides) as planner:
            vectors = None
            if isinstance(settings.flow, FlowFile):
                vectors = open_vectors(settings.flow, None, range(clock.frames or 0), (film.width, film.height))
            dreams = Film(planner, self._machine.device, vectors=vectors).dream(*_marked(film, cuts, float(clock.rate)))
            with contextlib.closing(self._watch(dreams)) as dreamed:
                yield from map(film.kind.write, dreamed)

    def _zoom(
        self,
        settings: ZoomSettings,
        clock: Clock,
        kind: ArrayKind,
        start: Frame | None,
        sides: Sides,
    ) -> Generator[Any, None, None]:
        width, height = settings.size or NOISE_SIZE if start is None else (start.shape[1], start.shape[0])
        device = self._machine.device
        with self._planner(settings, clock, (height, width), False, sides) as planner:
            picture = first_noise((width, height), planner, device) if start is None else to_tensor(start, device)
            with contextlib.ExitStack() as closing:
                known = sides.known_depth(settings, (height, width))
                scene = open_scene(settings, (height, width), (width, height), closing, known=known)
                run_to_end(fetch_missing(settings, self._networks), self._on_event)
                dreams = self._watch(begin_zoom(picture, planner, scene=scene).dream())
                yield from map(kind.write, closing.enter_context(contextlib.closing(dreams)))

    def _watch(self, dreams: Dreams) -> Generator[Frame, None, None]:
        """The frames of a loop; its events go where events go."""
        with contextlib.closing(dreams):
            for frame, event in dreams:
                self._on_event(event)
                if frame is not None:
                    yield beauty_of(frame)

    def _for_model(self, settings: AnySettings) -> AnySettings:
        return settings.for_model(self._goals[0].network.spec.look)

    @contextlib.contextmanager
    def _planner(
        self,
        settings: S,
        clock: Clock,
        size: Size,
        governed: bool,
        sides: Sides,
    ) -> Iterator[Planner[S]]:
        """What plans the frames of one call, for as long as it lasts."""
        settings = self._for_model(settings)
        look = make_look(settings.without_schedules(), [goal.target for goal in self._goals])
        with contextlib.ExitStack() as closing:
            guide, mask = sides.open_guide(settings, closing), sides.open_mask(size, closing)
            depths = None
            if isinstance(settings, Settings):  # a zoom's belong to its scene
                depths = sides.open_depth(settings, size, closing, str(self._machine.device), self._on_event)
            shared = closing.enter_context(self._borrowed(settings))
            core = DreamCore(self._extractor, look, self._machine.device, shared)
            yield make_planner(
                core,
                self._goals,
                settings,
                clock,
                size,
                governed=governed,
                guide=guide,
                mask=mask,
                depths=depths,
            )

    @contextlib.contextmanager
    def _borrowed(self, settings: DreamSettings) -> Iterator[Shared]:
        """What cores share is for one thread at a time: each call takes some, and puts it back for a later one."""
        with self._lock:
            shared = self._idle.pop() if self._idle else None
        if shared is None:
            shared = make_shared(settings, self._machine, self._on_event, self._measured)
        try:
            yield shared
        finally:
            with self._lock:
                self._idle.append(shared)


def _marked(
    film: ArrayFilm, cuts: Literal["auto"] | Iterable[int] | None, rate: float
) -> tuple[ArrayFilm, Iterator[bool]]:
    """A film, and whether each of its frames begins a shot, which is to be asked for after the frame."""
    if cuts is None:
        return film, repeat(False)
    if cuts != "auto":
        return film, (number in cuts for number in count())
    verdicts: deque[bool] = deque()

    def frames() -> Iterator[Frame]:
        for frame, begins in mark_cuts(film, rate):
            verdicts.append(begins)
            yield frame

    return replace(film, frames=frames()), iter(verdicts.popleft, None)


def _hearing(settings: AnySettings, sound: Path | str | None) -> AnySettings:
    """The settings with what they listen to. Raises `SettingsError` where there is none."""
    if sound is not None:
        return settings.replace(react=Path(sound))
    if settings.needs_sound:
        needed = ", ".join(sorted(settings.needs_sound))
        raise SettingsError(f"sound: a setting follows the sound ({needed}), but there is none; give sound=FILE")
    return settings
