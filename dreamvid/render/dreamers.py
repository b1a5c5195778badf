"""From settings to a dreamer: which networks, which of their layers, channels and classes, which look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dreamvid.dream import Dreamer, Look, Target
from dreamvid.errors import SettingsError
from dreamvid.machine import Machine
from dreamvid.models import LOGITS, MODELS, Ensemble, Extractor, Network, load_network
from dreamvid.settings import Settings
from dreamvid.values import LayerTarget


@dataclass(frozen=True, eq=False)
class Aim:
    """One tap of a network and what is climbed there."""

    network: Network
    tap: str
    target: Target


def load_aims(settings: Settings, report: Callable[[str], None] = lambda _: None) -> list[Aim]:
    """Load the networks that `settings` name, and find the layers, channels and classes in them.

    Aims of one network follow each other. `report` is called with lines for people. Raises `ModelError` or
    `SettingsError` for a network, layer, channel or class that is not there.
    """
    networks: dict[str, Network] = {}

    def network(name: str) -> Network:
        if name not in networks:
            weights = settings.weights if name == settings.model else None
            networks[name] = load_network(name, weights=weights, report=report)
        return networks[name]

    layers = settings.layer
    if layers is None:
        main = network(settings.model)
        layers = () if settings.class_ else (LayerTarget(main.spec.default_layer),)
    named = [_split_model(layer, settings.model) for layer in layers]
    aims = [_layer_aim(network(model), layer, settings) for model, layer in named]
    for wanted in settings.class_ or ():
        main = network(settings.model)
        target = Target(wanted.weight, (main.class_number(wanted.name),), linear=True, reverse=settings.reverse)
        aims.append(Aim(main, LOGITS, target))
    order = list(networks.values())
    return sorted(aims, key=lambda aim: order.index(aim.network))


def make_dreamer(aims: Iterable[Aim], settings: Settings, machine: Machine) -> Dreamer:
    """The dream core for some aims; the look of `settings`, with what suits the first network where nobody chose."""
    aims = list(aims)
    networks = list(dict.fromkeys(aim.network for aim in aims))
    extractors = [
        (
            network.spec.name,
            network.extractor(
                [aim.tap for aim in aims if aim.network is network], device=machine.device, dtype=machine.dtype
            ),
        )
        for network in networks
    ]
    extractor: Extractor | Ensemble = extractors[0][1] if len(extractors) == 1 else Ensemble(extractors)
    return Dreamer(extractor, make_look(settings, [aim.target for aim in aims]), machine.device)


def make_look(settings: Settings, targets: Iterable[Target]) -> Look:
    """The numbers of the dream core out of `settings`, with one target per tap."""
    return Look(
        targets=tuple(targets),
        octaves=settings.octaves,
        octave_scale=settings.octave_scale,
        octave_sizes=settings.octave_sizes,
        iterations=settings.iterations,
        step=settings.step,
        step_decay=settings.step_decay,
        jitter=settings.jitter,
        spread=settings.spread,
        seed=settings.seed,
        spectrum=settings.spectrum,
        laplacian=settings.laplacian,
        smooth=settings.smooth,
        tv=settings.tv,
        l2=settings.l2,
        keep_color=settings.keep_color,
    )


def _split_model(layer: LayerTarget, default: str) -> tuple[str, LayerTarget]:
    """Take `vgg16/relu4_3` apart; a name that begins with no network's is the default network's."""
    model, slash, name = layer.name.partition("/")
    if slash and model.lower() in MODELS:
        return model.lower(), layer._replace(name=name)
    return default, layer


def _layer_aim(network: Network, layer: LayerTarget, settings: Settings) -> Aim:
    info = network.layer(layer.name)
    channels = layer.channels or settings.channels
    if channels and channels[-1] >= info.channels:
        raise SettingsError(
            f"--channels: {info.name} of {network.spec.name} has {info.channels} channels, numbered from 0: "
            f"there is no channel {channels[-1]}"
        )
    return Aim(network, info.name, Target(layer.weight, channels, reverse=settings.reverse))
