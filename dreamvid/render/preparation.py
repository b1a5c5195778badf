"""What every render needs before its first frame: networks, side inputs, sound, and the plan that joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from dreamvid.config.settings import DreamFrameSettings, DreamSettings, key_of
from dreamvid.dream import DreamCore
from dreamvid.dream.pyramid import Size
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import SoundTrack
from dreamvid.render.plan import Clock, FilmDepths, Planner, S
from dreamvid.render.side_input import AnySideInput, depth_model
from dreamvid.render.targets import (
    Networks,
    TapTarget,
    auto_layers,
    fetch_networks,
    load_networks,
    make_dream_core,
    make_look,
    resolve_targets,
)
from dreamvid.runtime.device import Machine
from dreamvid.runtime.events import Progress, Tell, ignore, run_to_end
from dreamvid.runtime.registers import FLOWS
from dreamvid.space.by_depth import LayersByDepth

if TYPE_CHECKING:
    from dreamvid.audio import SoundAnalysis


@dataclass(frozen=True)
class Prepared(Generic[S]):
    """All that a loop needs, and what there is to say about it."""

    planner: Planner[S]
    settings: S
    machine: Machine
    models: str
    layers: tuple[str, ...]
    weights: dict[str, Path]
    """The networks' files, by their names. The networks themselves are not kept: they are larger than what dreams."""


def fetch_missing(
    settings: DreamSettings, networks: Networks | None = None, *, flow: str | None = None
) -> Iterator[Progress]:
    """Download what a render needs and this machine lacks, yielding how far that is: all of it here, and nowhere else.

    It comes after a job's files are open and before `prepare`. `networks` are those that are loaded already; `flow` is
    how motion is measured, if it is. Raises `ModelError`.
    """
    yield from fetch_networks(settings, networks or {})
    if (model := depth_model(settings)) is not None:
        yield from model.fetch()
    if flow is not None:
        yield from FLOWS.find(flow).fetch()


def prepare(
    settings: S,
    clock: Clock,
    size: Size,
    machine: Machine,
    *,
    governed: bool,
    frames: range | None = None,
    guide: AnySideInput | None = None,
    mask: AnySideInput | None = None,
    depths: FilmDepths | None = None,
    networks: Networks | None = None,
    tell: Tell = ignore,
) -> Prepared[S]:
    """Load the networks and make the planner for frames of `size`, (height, width); `frames` are those to be dreamed
    (None: all).

    `networks` are those that are loaded already; what is loaded now is added. `tell` hears of the layers now, and of
    memory and the device while it is dreamed. Raises `MediaError`, `ModelError` or `SettingsError`.
    """
    networks = {} if networks is None else networks
    load_networks(settings, networks)
    goals = resolve_targets(settings, networks)
    run_to_end(auto_layers(goals, settings), tell)
    settings = settings.for_model(goals[0].network.spec.look)
    core = make_dream_core(goals, settings, machine, tell)
    planner = make_planner(
        core, goals, settings, clock, size, governed=governed, frames=frames, guide=guide, mask=mask, depths=depths
    )
    dreaming = dict.fromkeys(goal.network for goal in goals)
    models = " + ".join(dict.fromkeys(network.spec.name for network in dreaming))
    weights = {network.spec.name: network.weights for network in dreaming if network.weights is not None}
    return Prepared(planner, settings, machine, models, core.extractor.taps, weights)


def make_planner(
    core: DreamCore,
    goals: Sequence[TapTarget],
    settings: S,
    clock: Clock,
    size: Size,
    *,
    governed: bool,
    frames: range | None = None,
    guide: AnySideInput | None = None,
    mask: AnySideInput | None = None,
    depths: FilmDepths | None = None,
) -> Planner[S]:
    """Check the settings over time, and make the planner for frames of `size`; as `prepare`, with what is loaded.

    `core` dreams with the look of `settings` towards `goals`. Raises `SettingsError`.
    """
    targets = [goal.target for goal in goals]
    whole = range(clock.frames or 1)
    check_over_time(settings, clock, whole)
    check_over_time(
        settings,
        clock,
        whole if frames is None else frames,
        lambda now: core.with_look(make_look(now, targets)).check_size(size),
    )
    layer_of_target = [goal.layer for goal in goals]
    if (by_depth := LayersByDepth.of(settings, layer_of_target)) is not None:
        by_depth.check(clock.moment(index) for index in whole)
    return Planner(
        core,
        settings,
        clock,
        layer_of_target=layer_of_target,
        governed=governed,
        guide=guide,
        mask=mask,
        depths=depths,
    )


def check_over_time(
    settings: DreamSettings,
    clock: Clock,
    frames: Iterable[int],
    check: Callable[[DreamFrameSettings], None] = lambda _: None,
) -> None:
    """`check` what the settings come to at each of these frames, before hours of others are dreamed.

    Raises `SettingsError`, with the time, for what `check` raises it for, and for an expression without value.
    """
    if not settings.varies:
        check(settings.without_schedules())
        return
    seen: set[tuple[object, ...]] = set()
    for index in frames:
        moment = clock.moment(index)
        now = settings.at(moment)
        values = (now.layer, *(getattr(now, name) for name in settings.schedules))
        if values not in seen:
            seen.add(values)
            try:
                check(now)
            except SettingsError as error:
                raise SettingsError(f"at {moment}: {error}") from None


def listen(settings: DreamSettings, own_sound: Path | None, fps: Fraction) -> SoundAnalysis | None:
    """Measure what the schedules of `settings` follow: the sound to react to, or the clip's own, and what the settings
    bring along; `fps` is the film's.

    Raises `SettingsError` where there is no sound, `MediaError` where a file cannot be read.
    """
    needed = settings.needs_sound
    if not needed:
        return None
    from dreamvid.audio.hearing import Wanted, hear, needs_a_sound  # with scipy, which takes a second to load

    path = settings.react or own_sound
    wanted = Wanted.sort(needed, settings).sound
    if path is None and needs_a_sound(settings, needed):
        name = next((key_of(name) for name, schedule in settings.schedules.items() if schedule.needs_sound), "layer")
        followed = ", ".join(sorted(one for one in needed if Wanted.sort([one], settings).sound))
        raise SettingsError(
            f"--{name}: follows the sound ({followed}), but there is none; provide one with --react SONG"
        )
    return hear(settings, needed, path if wanted else None, fps)


def choose_sound(settings: DreamSettings, own_sound: Path | None, start: Fraction = Fraction(0)) -> SoundTrack | None:
    """What the output will sound like: a song that is reacted to or the clip's own, both from `start` seconds on, a
    file from its beginning, or nothing."""
    if settings.audio == "none":
        return None
    if settings.audio != "copy":
        path = Path(settings.audio)
        if not path.is_file():
            raise MediaError(f"{path}: no such sound file; --audio takes copy, none or a file")
        return SoundTrack(path)
    path_of_sound = settings.react or own_sound
    return None if path_of_sound is None else SoundTrack(path_of_sound, start=start)
