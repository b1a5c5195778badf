"""From settings to a dreamer: which networks, which of their layers, channels and classes, which look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dreamvid.config.settings import DreamFrameSettings, DreamSettings
from dreamvid.config.types import AUTO_OCTAVES, GB, LayerTarget
from dreamvid.dream import DreamCore, Look, Objective, Shared, Target, TileBudget
from dreamvid.dream.objective import Score, make_objective
from dreamvid.errors import SettingsError
from dreamvid.models import AUTO, LOGITS, MODELS, Ensemble, Extractor, Network, fetch_network, load_fetched_network
from dreamvid.runtime.calibration_cache import MeasuredLooks
from dreamvid.runtime.device import Machine
from dreamvid.runtime.events import Notice, Progress, Tell, ignore, run_to_end

Networks = dict[tuple[str, Path | None], Network]
"""Loaded networks, by the name they were asked for and their own weights."""


@dataclass(frozen=True, eq=False)
class TapTarget:
    """One tap of a network and what is climbed there."""

    network: Network
    tap: str
    target: Target
    layer: int | None = None
    """Which of the settings' layers it is; None: a class."""


def fetch_networks(settings: DreamSettings, networks: Networks) -> Iterator[Progress]:
    """Download what the networks need that `settings` name and that are not among `networks` yet, yielding how far
    that is. Raises `ModelError`."""
    for name, weights in _keys(settings):
        if (name, weights) not in networks:
            yield from fetch_network(name, weights=weights)


def load_networks(settings: DreamSettings, networks: Networks) -> None:
    """Load the networks that `settings` name and that are not among `networks` yet, and add them, once
    `fetch_networks` has been run through. Raises `ModelError`."""
    for name, weights in _keys(settings):
        if (name, weights) not in networks:
            networks[name, weights] = load_fetched_network(name, weights=weights)


def has_loaded(settings: DreamSettings, networks: Networks) -> bool:
    """Whether all networks that `settings` name are among `networks`."""
    return all(key in networks for key in _keys(settings))


def dreaming_networks(settings: DreamSettings, networks: Networks) -> list[Network]:
    """Those of the loaded networks that `settings` name."""
    return [networks[key] for key in _keys(settings)]


def resolve_targets(settings: DreamSettings, networks: Networks | None = None) -> list[TapTarget]:
    """Find the layers, channels and classes that `settings` name in their networks.

    Targets of one network follow each other. `networks` are those that are loaded already, see `load_networks`; what is
    downloaded and loaded now, without a word, is added to them. Raises `ModelError` or `SettingsError` for a network,
    layer, channel or class that is not there.
    """
    loaded = {} if networks is None else networks
    run_to_end(fetch_networks(settings, loaded))
    load_networks(settings, loaded)

    def network(name: str) -> Network:
        return loaded[_key(name, settings)]

    layers = settings.layers
    if layers is None:
        main = network(settings.model)
        weights = main.spec.default_layers or {main.spec.default_layer: 1.0}
        layers = () if settings.class_ else tuple(LayerTarget(*item) for item in weights.items())
    named = [_split_model(layer, settings.model) for layer in layers]
    goals = [_layer_target(network(model), layer, settings, number) for number, (model, layer) in enumerate(named)]
    for wanted in settings.class_ or ():
        main = network(settings.model)
        target = Target(wanted.weight, (main.class_number(wanted.name),), _directed(Score(), settings))
        goals.append(TapTarget(main, LOGITS, target))
    order = list(dict.fromkeys(goal.network for goal in goals))
    return sorted(goals, key=lambda goal: order.index(goal.network))


def make_dream_core(
    goals: Iterable[TapTarget],
    settings: DreamSettings,
    machine: Machine,
    tell: Tell = ignore,
    measured: MutableMapping[str, float] | None = None,
) -> DreamCore:
    """The dream core for some targets; the look of `settings`, with what suits the first network where nobody chose.

    `tell` and `measured` are as in `make_shared`.
    """
    goals = list(goals)
    networks = list(dict.fromkeys(goal.network for goal in goals))
    extractors = [
        (
            network.spec.name,
            network.extractor(
                [goal.tap for goal in goals if goal.network is network], device=machine.device, dtype=machine.dtype
            ),
        )
        for network in networks
    ]
    extractor: Extractor | Ensemble = extractors[0][1] if len(extractors) == 1 else Ensemble(extractors)
    look = make_look(settings.without_schedules(), [goal.target for goal in goals])
    return DreamCore(extractor, look, machine.device, make_shared(settings, machine, tell, measured))


def make_shared(
    settings: DreamSettings,
    machine: Machine,
    tell: Tell = ignore,
    measured: MutableMapping[str, float] | None = None,
) -> Shared:
    """What a dream core of `settings` finds out. `tell` hears of memory and of the device while it dreams; `measured`
    keeps what calibration finds (None: files in the cache folder)."""
    memory = None if settings.memory is None else int(settings.memory * GB)
    return Shared(
        machine.device,
        budget=TileBudget(settings.tile, memory, machine.device, tell),
        measured=MeasuredLooks() if measured is None else measured,
        threads=machine.threads_for,
        tell=tell,
    )


def make_look(settings: DreamFrameSettings, targets: Iterable[Target]) -> Look:
    """The numbers of the dream core out of `settings`, with one target per tap."""
    return Look(
        targets=tuple(targets),
        octaves=None if settings.octaves == AUTO_OCTAVES else settings.octaves,
        octave_scale=settings.octave_scale,
        octave_sizes=settings.octave_sizes,
        iterations=settings.iterations,
        step=settings.step,
        step_decay=settings.step_decay,
        jitter=settings.jitter,
        spread=settings.spread,
        seed=settings.seed,
        color_prior=settings.color_prior,
        spectrum=settings.spectrum,
        laplacian=settings.laplacian,
        smooth=settings.smooth,
        tv=settings.tv,
        l2=settings.l2,
        keep_color=settings.keep_color,
    )


def _keys(settings: DreamSettings) -> list[tuple[str, Path | None]]:
    """The networks of the layers; the main one only where it is dreamed with."""
    layers = settings.layers
    names = [_split_model(layer, settings.model)[0] for layer in layers or ()]
    if layers is None or settings.class_:
        names.append(settings.model)
    return [_key(name, settings) for name in dict.fromkeys(names)]


def _key(name: str, settings: DreamSettings) -> tuple[str, Path | None]:
    return name, settings.weights if name == settings.model else None


def _split_model(layer: LayerTarget, default: str) -> tuple[str, LayerTarget]:
    """Take `vgg16/relu4_3` apart; a name that begins with no network's is the default network's."""
    model, slash, name = layer.name.partition("/")
    if slash and model.lower() in MODELS:
        return model.lower(), layer._replace(name=name)
    return default, layer


def auto_layers(goals: Sequence[TapTarget], settings: DreamSettings) -> Iterator[Notice]:
    """A line for each layer of GoogLeNet's that means one of the network that `auto` has found."""
    for goal in goals:
        layer = None if goal.layer is None or settings.layers is None else settings.layers[goal.layer]
        if layer is not None and _counterpart(goal.network, layer, settings):
            yield Notice(
                f"--layer {layer.name} is mapped to {goal.tap} of {goal.network.spec.name}, which is at the same depth"
            )


def _counterpart(network: Network, layer: LayerTarget, settings: DreamSettings) -> str | None:
    """The layer of the network that `auto` has found for a name of GoogLeNet's."""
    return network.spec.counterpart(layer.name) if settings.model == AUTO and settings.weights is None else None


def _layer_target(network: Network, layer: LayerTarget, settings: DreamSettings, number: int) -> TapTarget:
    info = network.layer(_counterpart(network, layer, settings) or layer.name)
    channels = layer.channels or settings.channels
    if channels and channels[-1] >= info.channels:
        raise SettingsError(
            f"--channels: {info.name} of {network.spec.name} has {info.channels} channels, numbered from 0; there is "
            f"no channel {channels[-1]}"
        )
    objective = make_objective(settings.objective or "energy")
    if info.stride is None and not objective.takes_scores:
        raise SettingsError(f"--objective: {settings.objective} needs a layer with positions, which {info.name} is not")
    if info.stride is None and layer.by_depth is not None:
        raise SettingsError(f"--layer: {info.name} has no positions, so that its weight cannot depend on their depth")
    return TapTarget(network, info.name, Target(layer.weight, channels, _directed(objective, settings)), number)


def _directed(objective: Objective, settings: DreamSettings) -> Objective:
    return objective.reversed() if settings.reverse else objective
