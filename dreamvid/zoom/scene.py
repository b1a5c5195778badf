"""What a zoom's camera flies through, opened and checked, and the flight that follows from it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from dreamvid.config.fields import fields_of
from dreamvid.config.settings import ZoomFrameSettings, ZoomSettings, key_of
from dreamvid.dream.pyramid import Size
from dreamvid.errors import SettingsError
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.side_input import SHAPES, TUNNEL, check_depth, depth_model, depth_scale, open_depth
from dreamvid.space.camera_files import read_camera
from dreamvid.space.camera_path import CameraPath
from dreamvid.space.depth import DepthSource
from dreamvid.space.depth_model import DepthModel
from dreamvid.zoom.camera import steps_until
from dreamvid.zoom.course import Course, frames_per_dream, moves_in_space
from dreamvid.zoom.flight import (
    FilmedReliefFlight,
    FlatFlight,
    Flight,
    ModeledReliefFlight,
    PlaneFlight,
    ReliefFlight,
    TunnelFlight,
)

_CAMERA = tuple(name for name, _, facts in fields_of(ZoomSettings) if facts.moves_camera)
_TURNS = tuple(name for name, _, facts in fields_of(ZoomSettings) if facts.turns_away)
_MOST_TURN = 45  # degrees from one dream to the next: with more, nothing of the last picture is left


@dataclass(frozen=True)
class Scene:
    """What is known of the space that a zoom flies through.

    Attributes:
        size: height and width of the film.
        path: the camera of a file.
        depths: a picture or film of depths.
        model: what tells depths.
    """

    settings: ZoomSettings
    size: Size
    path: CameraPath | None = None
    depths: DepthSource | None = None
    model: type[DepthModel] | None = None


def open_scene(
    settings: ZoomSettings,
    size: Size,
    shape: tuple[int, int],
    closing: contextlib.ExitStack,
    *,
    known: DepthSource | None = None,
) -> Scene:
    """Open and check the files of a scene; they are closed by `closing`.

    `shape` is the (width, height) of the source, `known` are depths in memory, which take the place of those of a
    file. Raises `MediaError` or `SettingsError`.
    """
    path = None
    if settings.camera is not None:
        rate = settings.fps if settings.camera_rate is None else settings.camera_rate
        path = read_camera(settings.camera, rate, size, settings.camera_order or "zxy", settings.camera_scale or 1.0)
    elif any(value is not None for value in (settings.camera_rate, settings.camera_scale, settings.camera_order)):
        raise SettingsError("--camera-rate, --camera-scale and --camera-order are for a file; give it with --camera")
    check_depth(settings, known)
    depth_scale(settings)
    depths, model = known, None
    if depths is None:
        model = depth_model(settings)
        if model is None and settings.depth is not None and settings.depth not in SHAPES:
            depths = open_depth(settings, (size[1], size[0]), shape, closing, loop=True)
    if settings.loop and depths is not None and depths.rate is None:
        raise SettingsError(
            "--loop: a depth picture moves with the camera, and cannot return; use --depth plane, tunnel, a film "
            "or a model"
        )
    return Scene(settings, size, path, depths, model)


def make_flight(picture: Tensor, planner: Planner[ZoomSettings], scene: Scene) -> Flight:
    """The flight that begins with `picture`, (1, 3, H, W)."""
    settings = scene.settings

    def settings_at(seconds: Fraction) -> ZoomFrameSettings:
        return settings.at(planner.clock.moment_at(max(seconds, Fraction(0))))

    steady = settings.schedules.keys().isdisjoint(_CAMERA) and scene.path is None
    course = Course(settings_at, scene.size, scene.path, steady)
    if scene.depths is None and not moves_in_space(settings):
        return FlatFlight(course)
    if scene.model is not None:
        return ModeledReliefFlight(course, scene.model(str(picture.device)), picture, depth_scale(settings))
    if scene.depths is not None and scene.depths.rate is not None:
        return FilmedReliefFlight(course, scene.depths)
    if scene.depths is not None:
        key = scene.depths.nearness_at(Fraction(0))
        if key is None:
            raise RuntimeError("depths are given when they are asked for the first time")
        return ReliefFlight(course, key, scene.depths.scale, in_units=scene.depths.in_units)
    return TunnelFlight(course) if settings.depth == TUNNEL else PlaneFlight(course)


def check_camera(settings: ZoomSettings, clock: Clock) -> None:
    """Raise `SettingsError` where a camera that changes has no value, or turns so fast that nothing is left in sight
    from one dream to the next: it is looked at between the frames, too."""
    moving = {name: settings.schedules[name] for name in _CAMERA if name in settings.schedules}
    changes = any(schedule.names for schedule in moving.values()) or not moving.keys().isdisjoint(_TURNS)
    for time in steps_until(settings.duration) if changes else ():
        moment = clock.moment_at(time)
        for name, schedule in moving.items():
            value = schedule.at(moment, name=f"--{key_of(name)}")
            if name in _TURNS:
                _check_turn(name, value, settings, f"at {moment} ")
    for name in _TURNS:
        value = getattr(settings, name)
        if name not in moving and value is not None:
            _check_turn(name, value, settings)


def _check_turn(name: str, rate: float, settings: ZoomSettings, when: str = "") -> None:
    seconds = frames_per_dream(settings) / settings.fps
    if abs(rate) * seconds > _MOST_TURN:
        raise SettingsError(
            f"--{key_of(name)}: {when}{rate:g} degrees per second turn the camera by more than {_MOST_TURN:g} from one "
            f"dream to the next, so that nothing of the picture is left; use at most {float(_MOST_TURN / seconds):.0f}"
        )
