"""Drawing pictures from noise: a whole run, from settings to files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dreamvid.config.settings import Settings, key_of
from dreamvid.dream import Extractor, Target
from dreamvid.dream.visualize import Method, Visualization, check_size, mean_variation
from dreamvid.errors import SettingsError
from dreamvid.images.read import quantize
from dreamvid.media import FloatImage, write_image
from dreamvid.models import Network
from dreamvid.render.targets import Networks, TapTarget, fetch_networks, load_networks, make_dream_core, resolve_targets
from dreamvid.runtime.device import Machine, choose_machine
from dreamvid.runtime.events import Progress
from dreamvid.runtime.frames import to_frame
from dreamvid.visualize.settings import VisualizeSettings
from dreamvid.visualize.subjects import Subject, list_subjects, picture_targets, sheet_target

_BATCH = 4  # pictures drawn at a time where they need not know of each other: a bound on memory


@dataclass(frozen=True)
class VisualizationJob:
    """One run.

    Attributes:
        settings: which network, layers, channels and classes; and what it runs on.
        method: how many pictures of each, and how they are drawn.
        output: a file, a pattern, a folder or None; see `picture_targets` and `sheet_target`.
        sheet: all pictures on one labeled contact sheet instead of a file for each.
        overwrite: whether files that are there already may be replaced.
    """

    settings: Settings = field(default_factory=Settings)
    method: VisualizeSettings = field(default_factory=VisualizeSettings)
    output: Path | None = None
    sheet: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class DrawingStarted:
    """All is loaded and checked; the first step comes next. `steps` are those of the whole run."""

    pictures: int
    steps: int
    width: int
    height: int
    model: str
    layers: tuple[str, ...]
    device: str
    precision: str


@dataclass(frozen=True)
class StepDone:
    """One step of ascent on all pictures that are drawn at a time; `response` is their mean."""

    subject: str
    step: int
    steps: int
    response: float


@dataclass(frozen=True)
class PictureDone:
    """A picture is finished, and written unless it is for a sheet (`target` None).

    `response` is what the network answers to it and `at_start` what it answered to the noise; `variation` is the mean
    difference between neighboring pixels, in [0, 2]; `similarity` the mean over all pairs of pictures that were drawn
    together, None for a single one. `number` counts the subject's pictures from 1.
    """

    subject: str
    number: int
    target: Path | None
    response: float
    at_start: float
    variation: float
    similarity: float | None


@dataclass(frozen=True)
class DrawingFinished:
    """All pictures are complete under their final names."""

    targets: tuple[Path, ...]
    pictures: int
    seconds: float


DrawingEvent = Progress | DrawingStarted | StepDone | PictureDone | DrawingFinished


def visualize(job: VisualizationJob) -> Iterator[DrawingEvent]:
    """Draw the pictures of `job`, yielding events as it goes; the work is done by iterating to the end.

    Each picture is written, whole, as soon as it is done; a sheet at the end. If the iteration is broken off, the
    pictures that are finished stay.

    Raises `MediaError`, `ModelError` or `SettingsError` for whatever a user can mend, before the first step is made.
    """
    began = time.perf_counter()
    check_steady(job.settings)
    machine = choose_machine(job.settings.device, job.settings.precision, job.settings.threads)
    networks: Networks = {}
    yield from fetch_networks(job.settings, networks)
    load_networks(job.settings, networks)
    goals = resolve_targets(job.settings, networks)
    subjects = list_subjects(goals, together=job.method.together, neuron=job.method.neuron)
    targets = _choose_targets(job, subjects)
    waiting = iter(targets)
    pictures: list[FloatImage] = []
    for picture, event in draw_subjects(subjects, job.settings, job.method, machine):
        if picture is None or not isinstance(event, PictureDone):
            yield event
        elif job.sheet:
            pictures.append(picture)
            yield event
        else:
            target = next(waiting)
            write_image(target, picture, metadata=_recipe(job, goals, event), overwrite=job.overwrite)
            yield replace(event, target=target)
    if job.sheet:
        sheet = draw_sheet(pictures, [subject.label for subject in subjects], job.method.count)
        write_image(targets[0], sheet, metadata=_recipe(job, goals), overwrite=job.overwrite)
    yield DrawingFinished(tuple(targets), len(subjects) * job.method.count, time.perf_counter() - began)


def check_steady(settings: Settings) -> None:
    """Raise `SettingsError` for settings that change over time or with depth: a picture from noise has neither."""
    if settings.follows_depth is not None:
        raise SettingsError(
            f"--{key_of(settings.follows_depth)}: a picture from noise has no depth; leave depth out of it"
        )
    if settings.varies:
        raise SettingsError("--layer: a picture from noise does not change over time; give a layer without keyframes")


def draw_subjects(
    subjects: Sequence[Subject], settings: Settings, how: VisualizeSettings, machine: Machine
) -> Iterator[tuple[FloatImage | None, DrawingEvent]]:
    """Yield each finished picture, (H, W, 3), with its `PictureDone`; a `DrawingStarted` and `StepDone` come without.

    Raises `SettingsError` for too small a picture, before the first step is made.
    """
    method = make_method(how)
    easels = _make_easels(subjects, settings, how, method, machine)
    numbers = range(how.count)
    batches = [numbers] if method.diversity else [numbers[at : at + _BATCH] for at in range(0, len(numbers), _BATCH)]
    goals = [goal for subject in subjects for goal in subject.goals]
    yield None, DrawingStarted(
        pictures=len(subjects) * how.count,
        steps=len(subjects) * len(batches) * method.steps,
        width=method.size[1],
        height=method.size[0],
        model=" + ".join(dict.fromkeys(goal.network.spec.name for goal in goals)),
        layers=tuple(dict.fromkeys(goal.tap for goal in goals)),
        device=str(machine.device),
        precision=machine.precision,
    )
    for subject, easel in zip(subjects, easels, strict=True):
        for batch in batches:
            yield from _draw(subject, easel, batch, method, machine)


def make_method(settings: VisualizeSettings) -> Method:
    """The numbers of the dream core out of `settings`."""
    width, height = settings.size
    return Method(
        size=(height, width),
        steps=settings.steps,
        lr=settings.lr,
        spectrum=settings.spectrum,
        jitter=settings.jitter,
        scale_range=settings.scale_range,
        rotate=settings.rotate,
        tv=settings.tv,
        diversity=settings.diversity,
        seed=settings.seed,
    )


@dataclass(frozen=True, eq=False)
class _Easel:
    """What a subject is drawn with."""

    extractor: Extractor
    targets: tuple[Target, ...]
    neuron: bool


def _make_easels(
    subjects: Sequence[Subject], settings: Settings, how: VisualizeSettings, method: Method, machine: Machine
) -> list[_Easel]:
    """One for each subject; those of one layer share the extractor. Raises `SettingsError` for too small a picture."""
    extractors: dict[tuple[tuple[Network, str], ...], Extractor] = {}
    easels = []
    for subject in subjects:
        goals = [*subject.goals, *(_witnesses(subject.goals) if how.count > 1 else ())]
        key = tuple((goal.network, goal.tap) for goal in goals)
        if key not in extractors:
            extractors[key] = make_dream_core(goals, settings, machine).extractor
            check_size(extractors[key], method)
        easels.append(_Easel(extractors[key], tuple(goal.target for goal in goals), how.neuron))
    return easels


def _witnesses(goals: Sequence[TapTarget]) -> list[TapTarget]:
    """Where scores alone are climbed, the layer where their pictures are told apart: scores say nothing of texture."""
    if any(goal.network.layer(goal.tap).stride is not None for goal in goals):
        return []
    network = goals[-1].network
    return [TapTarget(network, network.resolve(network.spec.default_layer), Target(weight=0.0))]


def _choose_targets(job: VisualizationJob, subjects: Sequence[Subject]) -> list[Path]:
    protected = [path for path in (job.settings.weights,) if path]
    if job.sheet:
        return [sheet_target(job.output, subjects, overwrite=job.overwrite, protected=protected)]
    return picture_targets(job.output, subjects, job.method.count, overwrite=job.overwrite, protected=protected)


def _draw(
    subject: Subject, easel: _Easel, numbers: Sequence[int], method: Method, machine: Machine
) -> Iterator[tuple[FloatImage | None, DrawingEvent]]:
    """Draw a subject's pictures of these numbers, from 0; after the steps they come with what to say about each."""
    drawing = Visualization(
        easel.extractor, easel.targets, method, neuron=easel.neuron, numbers=numbers, device=machine.device
    )
    before = drawing.responses().tolist()
    for step in range(1, method.steps + 1):
        yield None, StepDone(subject.label, step, method.steps, float(drawing.advance().mean()))
    pictures = drawing.pictures
    after, variations = drawing.responses().tolist(), mean_variation(pictures).tolist()
    similarity = drawing.similarity() if len(numbers) > 1 else None
    for index, number in enumerate(numbers):
        yield (
            to_frame(pictures[index : index + 1]),
            PictureDone(subject.label, number + 1, None, after[index], before[index], variations[index], similarity),
        )


def _recipe(job: VisualizationJob, goals: Sequence[TapTarget], event: PictureDone | None = None) -> dict[str, str]:
    """What is written into a file: what it shows, and all that is needed to draw it again."""
    what = job.settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    what["model"] = goals[0].network.spec.name
    how = job.method.model_dump(mode="json", by_alias=True)
    recipe = {"command": "visualize", "settings": json.dumps(what | how)}
    return recipe if event is None else recipe | {"subject": event.subject, "number": str(event.number)}


_MARGIN, _LETTERS, _LINE = 12, 14, 24  # pixels
_BACK, _INK = (22, 23, 27), (236, 236, 232)


def draw_sheet(pictures: Sequence[FloatImage], labels: Sequence[str], count: int) -> FloatImage:
    """All pictures on one, (H, W, 3): a row of `count` for each label; where that is one, as few holes as may be.

    `pictures` are `count` of the first label, of the second, and so on, all of one size.
    """
    height, width = pictures[0].shape[:2]
    columns = count if count > 1 else _columns(len(pictures))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new(
        "RGB", (columns * (width + _MARGIN) + _MARGIN, rows * (height + _LINE + _MARGIN) + _MARGIN), _BACK
    )
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_LETTERS)
    for index, picture in enumerate(pictures):
        left = _MARGIN + index % columns * (width + _MARGIN)
        top = _MARGIN + index // columns * (height + _LINE + _MARGIN)
        sheet.paste(Image.fromarray(quantize(picture, 8)), (left, top))
        text = labels[index // count] + (f"  {index % count + 1}" if count > 1 else "")
        while font.getlength(text) > width and len(text) > 1:
            text = text[:-2] + "…" if text.endswith("…") else text[:-1] + "…"
        pen.text((left, top + height + _LINE // 6), text, fill=_INK, font=font)
    return np.asarray(sheet).astype(np.float32) / np.float32(255)


def _columns(pictures: int) -> int:
    """How many side by side: from as many as there are rows to nearly twice as many, with the fewest holes."""
    square = math.ceil(math.sqrt(pictures))
    return min(range(square, 2 * square), key=lambda columns: -pictures % columns)
