"""Contact sheets: one frame of a clip dreamed with many settings side by side, and the channels that it excites."""

from __future__ import annotations

import copy
import itertools
import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from dreamvid.config.fields import fields_of
from dreamvid.config.settings import FrameSettings, Settings, key_of, make_settings
from dreamvid.config.timecode import Timecode
from dreamvid.config.types import LayerTarget
from dreamvid.dream.noise import pink_noise
from dreamvid.errors import MediaError, SettingsError
from dreamvid.explore.still_frame import Still, find_still
from dreamvid.explore.still_plan import Sounds, plan_still
from dreamvid.graphics.contact_sheet import Cell, Pixels, Section, Sheet, write_sheet
from dreamvid.images.read import quantize
from dreamvid.media import default_output
from dreamvid.media.target import check_target, output_pattern
from dreamvid.models import AUTO, LayerInfo, Network
from dreamvid.models.layers import LayerTable
from dreamvid.output.fingerprint import files_of
from dreamvid.render.plan import FramePlan
from dreamvid.render.still import dream_still
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
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import Event, Finished, FrameDone, Notice, Outbox, Started, Tell
from dreamvid.runtime.frames import Frame, to_frame, to_tensor

_MOST_CELLS = 1024
_REFERENCE_SIDE = 384  # pixels of the noise that channels are compared on
_TARGETS = frozenset(key_of(name) for name, _, facts in fields_of(Settings) if facts.is_target)
"""The options that a channel of a layer replaces."""
_FLOOR = 0.05  # of a layer's mean response: what is weaker is silent


@dataclass(frozen=True)
class Axis:
    """One side of a sheet: an option, as on the command line without its dashes, and the texts that it takes."""

    option: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Exploration:
    """One sheet: what is looked at, and what is tried.

    Attributes:
        source: a video, a still image, a numbered sequence or a folder of images.
        target: the PNG; the page goes beside it. None: `<stem>.explore.png`, or `<stem>.rank.png`, beside the source.
        values: of all cells' settings, where no axis says otherwise, by option, as `make_settings` takes them. Those of
            motion and output do nothing.
        axes: none: the layers of the network; one: cells that flow; two: columns and rows.
        rank: instead of axes, rank the channels of the layers, and show so many of both ends of each list.
        at: time of the frame, in seconds or as a timecode; None: `find_frame` chooses.
        cell: longer side of a picture on the sheet, in pixels. It is dreamed at `max-size`, or at this.
        flags: the words that led to `values`, by option: they go into every cell's command.
        overwrite: whether what stands under the target's names may be replaced.
    """

    source: Path
    target: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    rank: int = 0
    at: Fraction | Timecode | None = None
    cell: int = 320
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overwrite: bool = False


@dataclass(frozen=True)
class ChannelResponse:
    """How strongly a channel answers to the frame, over how strongly it usually does."""

    channel: int
    ratio: float


@dataclass(frozen=True)
class Ranked:
    """An event: the channels of a layer, as `--layer` takes it, that the frame excites most and least."""

    model: str
    layer: str
    most: tuple[ChannelResponse, ...]
    least: tuple[ChannelResponse, ...]


@dataclass(frozen=True, eq=False)
class _Trial:
    """A cell that is to be dreamed: its settings, and the words that set it apart, which replace some options."""

    settings: Settings
    words: tuple[str, ...]
    replaced: frozenset[str]
    note: str = ""


@dataclass(frozen=True, eq=False)
class _Part:
    heading: str
    trials: tuple[_Trial, ...]


def explore(job: Exploration) -> Iterator[Event | Ranked]:
    """Make a sheet, yielding events as it goes; the work is done by iterating to the end.

    The files appear at the end, both or neither. Memory: every dream with 8 bits, and each network once.

    Raises `MediaError`, `ModelError` or `SettingsError` for whatever a user can mend, all of it before the first cell
    is dreamed.
    """
    began = time.perf_counter()
    settings = make_settings(job.values)
    parts = [] if job.rank else cross_axes(job.values, job.axes)
    picture, page = _targets(job)
    inputs = [settings, *(trial.settings for part in parts for trial in part.trials)]
    protected = [path for one in inputs for path in files_of(one)]
    for path in (picture, page):
        check_target(path, None, overwrite=job.overwrite, protected=[job.source, *protected])
    outbox = Outbox()
    still = find_still(job.source, settings, job.at, job.cell, outbox.tell)
    yield from outbox.take()
    machine = choose_machine(settings.device, settings.precision, settings.threads)
    studio = _Studio(still, machine, outbox.tell)
    for one in inputs:
        yield from fetch_networks(one, studio.networks)
        load_networks(one, studio.networks)
    if job.rank:
        rankings = [studio.rank(layer, job) for layer in settings.layers or (None,)]
        yield from (ranked for ranked, _ in rankings)
        parts = [part for _, found in rankings for part in found]
    elif not parts:
        main = studio.goals(settings.replace(layer=None, class_=None))[0].network
        parts = cross_axes(job.values, (Axis("layer", which_layers(main.layers())),))
    trials = [trial for part in parts for trial in part.trials]
    studio.check(trials)
    goals = [goal for trial in trials for goal in studio.goals(trial.settings)]
    yield from outbox.take()
    model = " + ".join(dict.fromkeys(goal.network.spec.name for goal in goals))
    yield Started(
        source=job.source,
        target=picture,
        frames=len(trials),
        width=still.size[1],
        height=still.size[0],
        rate=None,
        model=model,
        layers=tuple(dict.fromkeys(goal.tap for goal in goals)),
        device=str(machine.device),
        precision=machine.precision,
    )
    dreams: dict[_Trial, Pixels] = {}
    clock = time.perf_counter()
    for count, (trial, dream, energy) in enumerate(studio.dream(trials)):
        dreams[trial] = dream
        yield from outbox.take()
        now = time.perf_counter()
        yield FrameDone(count, 0, energy, 1.0, now - clock)
        clock = now
    sheet = Sheet(
        title=job.source.name,
        facts=tuple(_facts(job, still, model)),
        frame=_pixels(still.frame),
        sections=tuple(
            Section(part.heading, tuple(_cell(trial, dreams[trial], job, studio) for trial in part.trials))
            for part in parts
        ),
        columns=tuple(f"{job.axes[0].option} {value}" for value in job.axes[0].values) if len(job.axes) > 1 else (),
    )
    write_sheet(sheet, picture, page, side=job.cell, overwrite=job.overwrite)
    yield Notice(f"web page with flags to copy: {page}")
    yield Finished(picture, len(trials), time.perf_counter() - began)


# What is tried.


def cross_axes(values: Mapping[str, Any], axes: Sequence[Axis]) -> list[_Part]:
    """Every value of the first axis with every value of the second; each value of the second is a part of its own.

    Raises `SettingsError` for a value that makes no sense, and for more cells than a sheet should have.
    """
    if not axes:
        return []
    across, down = axes[0], axes[1] if len(axes) > 1 else None
    if len(across.values) * (len(down.values) if down else 1) > _MOST_CELLS:
        raise SettingsError(f"--grid: there are more than {_MOST_CELLS} cells; give fewer values")
    rows = [(f"{down.option} {value}", {down.option: value}) for value in down.values] if down else [("", {})]
    return [
        _Part(heading, tuple(_try(values, {across.option: value} | below) for value in across.values))
        for heading, below in rows
    ]


def _try(values: Mapping[str, Any], texts: Mapping[str, str]) -> _Trial:
    settings = make_settings(values, texts)
    if "channels" in texts and any(layer.channels for layer in settings.layers or ()):
        raise SettingsError("--grid channels: a layer with @ sets its own channels; leave out one of the two")
    words = (word for option, text in texts.items() for word in _words(option, text, settings))
    return _Trial(settings, tuple(words), frozenset(texts))


def which_layers(layers: Sequence[LayerInfo]) -> tuple[str, ...]:
    """The layers of a network worth a look: its blocks, or where it is not built of blocks its ReLUs."""
    placed = [layer for layer in layers if layer.stride and "." not in layer.name and "pool" not in layer.name]
    blocks = [layer.name for layer in placed if layer.kind == "block"]
    return tuple(blocks or [layer.name for layer in placed if layer.kind == "relu"])


def _words(option: str, text: str, settings: Settings) -> tuple[str, ...]:
    """The words that set an option; `text` is what was typed for it, `settings` what that led to."""
    name = next(name for name in Settings.model_fields if key_of(name) == option)
    value = getattr(settings, name)
    if not isinstance(value, bool):
        return (f"--{option}", text)
    return () if value == Settings.model_fields[name].default else (f"--{option}" if value else f"--no-{option}",)


# Dreaming.


class _Studio:
    """The networks of a sheet, each loaded once, and the frame that is dreamed on."""

    def __init__(self, still: Still, machine: Machine, tell: Tell) -> None:
        self.still = still
        self.machine = machine
        self._tell = tell
        self.networks: Networks = {}
        self._sounds: Sounds = {}

    def goals(self, settings: Settings) -> list[TapTarget]:
        """What the settings climb, and where; see `resolve_targets`."""
        return resolve_targets(settings, self.networks)

    def check(self, trials: Sequence[_Trial]) -> None:
        """Raise what dreaming them would raise."""
        for _, plan in self._plans(trials):
            try:
                plan.dreamer.check_size(self.still.size)
            except SettingsError as error:
                shrunk = self.still.size[1] < self.still.reader.info.width
                raise SettingsError(
                    f"{error}; the frame was scaled down by --max-size" if shrunk else str(error)
                ) from None

    def dream(self, trials: Sequence[_Trial]) -> Iterator[tuple[_Trial, Pixels, float]]:
        """Each trial's dream, (H, W, 3) with 8 bits, and the RMS of what was added, in [0, 1]; in any order."""
        raw = to_tensor(self.still.frame, self.machine.device)
        for trial, plan in self._plans(trials):
            shown = dream_still(raw, plan)
            yield trial, _pixels(to_frame(shown)), float((shown - raw).square().mean().sqrt())

    def rank(self, layer: LayerTarget | None, job: Exploration) -> tuple[Ranked, list[_Part]]:
        """The channels of a layer (None: the network's default one) that the frame excites most and least."""
        settings = make_settings(job.values).replace(layer=None if layer is None else (layer,), class_=None)
        goal = self.goals(settings)[0]
        self.check([_Trial(settings, (), frozenset())])
        ratios = respond(goal.network, goal.tap, self.still.frame)
        among = torch.tensor(goal.target.channels or range(len(ratios)))
        order = among[ratios[among].argsort(descending=True, stable=True)].tolist()
        ends = order[: job.rank], order[max(job.rank, len(order) - job.rank) :][::-1]
        most, least = (tuple(ChannelResponse(one, float(ratios[one])) for one in end) for end in ends)
        name = goal.tap if layer is None else layer.name
        parts = []
        for heading, end in (("excites most", most), ("excites least", least)):
            trials = []
            for response in end:
                target = LayerTarget(name, channels=(response.channel,))
                own = settings.replace(layer=(target,), channels=None)
                note = f"{response.ratio:.{1 if response.ratio >= 1 else 2}f} times its usual response"
                trials.append(_Trial(own, ("--layer", str(target)), _TARGETS, note))
            if trials:
                parts.append(_Part(f"{name}: channels that the frame {heading}", tuple(trials)))
        return Ranked(goal.network.spec.name, name, most, least), parts

    def main(self, settings: Settings) -> Network | None:
        """The network that `settings` call by its name, where it was needed."""
        return self.networks.get((settings.model, settings.weights))

    def _plans(self, trials: Sequence[_Trial]) -> Iterator[tuple[_Trial, FramePlan[FrameSettings]]]:
        """Trials and how they are dreamed; those of the same layers follow each other and share an extractor."""
        goals = {trial: self.goals(trial.settings) for trial in trials}
        taps = {trial: tuple((goal.network, goal.tap) for goal in goals[trial]) for trial in trials}
        first = {key: place for place, key in reversed(list(enumerate(taps.values())))}
        for _, group in itertools.groupby(sorted(trials, key=lambda trial: first[taps[trial]]), taps.__getitem__):
            dreamer = None
            for trial in group:
                settings = trial.settings.for_model(goals[trial][0].network.spec.look)
                if dreamer is None:
                    dreamer = make_dream_core(goals[trial], settings, self.machine, self._tell)
                look = make_look(settings.without_schedules(), [goal.target for goal in goals[trial]])
                layers = [goal.layer for goal in goals[trial]]
                yield trial, plan_still(self.still, dreamer.with_look(look), settings, layers, self._sounds)


def respond(network: Network, tap: str, frame: Frame) -> Tensor:
    """How strongly each channel of a layer responds to a frame, over how strongly it usually does: (C,), float32.

    The response is the RMS of the channel's positive activations over all positions: what the dream starts to climb
    from. Channels differ in scale, so it is divided by what the network itself knows of pictures in general: noise runs
    through it while every batch norm takes the noise's own statistics instead of its stored ones, so that each channel
    comes out with the mean and deviation it had over the pictures of the training. On dreamnet's layers the ranking
    agrees with the ratio to 80 photographs by a Spearman correlation of 0.94; the plain response by 0.82 to 0.92; its
    ratio to plain noise, which excites too little of a deep layer, by 0.6 to 0.7. Networks without batch norms have
    only that noise: there the geometric mean of the channel's response to it and the whole layer's is taken.
    """
    graph = LayerTable(network.module, network.spec).subgraph([tap])
    body = copy.deepcopy(fx.GraphModule(network.module, graph))  # its batch norms are about to change
    norms = [module for module in body.modules() if isinstance(module, nn.BatchNorm2d)]
    mean, std = (torch.tensor(triple).view(1, 3, 1, 1) for triple in (network.mean, network.std))

    def response(picture: Tensor) -> Tensor:
        activation: Tensor = body((picture - mean) / std)[0][0]
        return activation.reshape(len(activation), -1).clamp_min(0).square().mean(1).sqrt()

    with torch.no_grad():
        seen = response(to_tensor(frame, torch.device("cpu")))
        for norm in norms:
            norm.train()
        usual = response(pink_noise((_REFERENCE_SIDE, _REFERENCE_SIDE)))
    if not norms:
        usual = (usual * usual.mean()).sqrt()
    floor = _FLOOR * usual.mean()
    return (seen + floor) / (usual + floor)


# What is shown.


def _pixels(frame: Frame) -> Pixels:
    return quantize(frame, 8).astype(np.uint8, copy=False)


def _cell(trial: _Trial, dream: Pixels, job: Exploration, studio: _Studio) -> Cell:
    """The dream with what to type for it; where the network was left to chance, the command names the one it was."""
    main = studio.main(trial.settings)
    is_named = trial.settings.model != AUTO or any(auto_layers(studio.goals(trial.settings), trial.settings))
    pinned = ("--model", main.spec.name) if main and not is_named else ()
    command = ["dreamvid", str(job.source), *pinned, *_common_words(job, trial.replaced), *trial.words]
    return Cell(dream, shlex.join(trial.words), shlex.join(command), trial.note)


def _common_words(job: Exploration, replaced: Collection[str]) -> list[str]:
    return [word for option, words in job.flags.items() if option not in replaced for word in words]


def _facts(job: Exploration, still: Still, model: str) -> Iterator[str]:
    reader = still.reader
    when = f"frame at {float(still.index / reader.rate):.2f} s, " if reader.rate else ""
    yield f"{when}{reader.info.width}x{reader.info.height}"
    height, width = still.size
    yield f"{model}, dreamed at {width}x{height}"
    replaced = _TARGETS if job.rank else {axis.option for axis in job.axes} or {"layer"}
    if common := _common_words(job, replaced):
        yield f"all pictures: {shlex.join(common)}"


def _targets(job: Exploration) -> tuple[Path, Path]:
    """The PNG and the page."""
    if job.target is not None:
        if job.target.suffix.lower() not in (".png", ".html"):
            raise MediaError(
                f"{job.target}: the sheet is a PNG, with a web page next to it; give a name such as sheet.png"
            )
        return job.target.with_suffix(".png"), job.target.with_suffix(".html")
    beside = default_output(job.source)
    if output_pattern(beside) is not None:  # the pattern of a sequence, in a folder named after the source
        beside = beside.parent.with_name(f"{beside.parent.name}.png")
    stem = beside.stem.removesuffix(".dream") + (".rank" if job.rank else ".explore")
    return beside.with_name(f"{stem}.png"), beside.with_name(f"{stem}.html")
