"""What is drawn from noise: one picture for each channel, class or layer, or one for all of them; and its file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dreamvid.images.write import check_image_target
from dreamvid.media.names import made_name
from dreamvid.media.target import check_target, output_pattern
from dreamvid.models import LOGITS, class_label
from dreamvid.render.targets import TapTarget

_LONGEST_NAME = 80


@dataclass(frozen=True, eq=False)
class Subject:
    """What a picture shows.

    Attributes:
        label: for people: `inception4d 5`, `school bus`.
        name: for files, unlike that of any other subject: `inception4d-5`, `school_bus`.
        goals: the taps that are climbed.
    """

    label: str
    name: str
    goals: tuple[TapTarget, ...]


def list_subjects(goals: Sequence[TapTarget], *, together: bool = False, neuron: bool = False) -> list[Subject]:
    """One subject for each channel, class and whole layer of `goals`, in their order; or all `together` as one.

    Weights count only together; alone no more than their sign does: away from a layer is its reverse.
    """
    several = len({goal.network for goal in goals}) > 1
    goals = [_drawn(goal) for goal in goals]
    if together:
        label = " + ".join(_label(goal, several=several, neuron=neuron) for goal in goals)
        return [Subject(label, _file_name(label), tuple(goals))]
    parts = [part for goal in goals for part in _parts(goal)]
    labels = [_label(part, several=several, neuron=neuron) for part in parts]
    names = _unlike([_file_name(label) for label in labels])
    return [Subject(label, name, (part,)) for label, name, part in zip(labels, names, parts, strict=True)]


def picture_targets(
    output: Path | None, subjects: Sequence[Subject], count: int, *, overwrite: bool, protected: Sequence[Path] = ()
) -> list[Path]:
    """The file of each picture: `count` of the first subject, of the second, and so on.

    `output` is a file, to whose name is added what tells several pictures apart; a pattern such as `eyes/%02d.png`,
    numbered from 1; a folder, where files are named after their subjects; None is the current folder. A name without
    an ending is a folder, and is made if it is not there.

    Raises `MediaError` where one of them cannot be written, or is there already and `overwrite` is off.
    """
    pattern = output_pattern(output) if output is not None else None
    if pattern is not None and output is not None:
        check_target(output, pattern, overwrite=overwrite, protected=protected)
        return [pattern.path(number + 1) for number in range(len(subjects) * count)]
    numbers = [f"-{number + 1}" if count > 1 else "" for number in range(count)]
    if output is None or _is_folder(output):
        folder = _made(output or Path())
        targets = [folder / made_name(f"{subject.name}{number}", ".png") for subject in subjects for number in numbers]
    else:
        names = [f"-{subject.name}" if len(subjects) > 1 else "" for subject in subjects]
        stems = [f"{output.stem}{name}{number}" for name in names for number in numbers]
        targets = [output.with_name(made_name(stem, output.suffix)) for stem in stems]
    for target in targets:
        _check_picture(target, overwrite, protected)
    return targets


def sheet_target(
    output: Path | None, subjects: Sequence[Subject], *, overwrite: bool, protected: Sequence[Path] = ()
) -> Path:
    """The file of a contact sheet: `output`, or `<layer>-sheet.png` in that folder or the current one.

    Raises `MediaError` as `picture_targets` does.
    """
    if output is None or _is_folder(output):
        taps = dict.fromkeys(goal.tap for subject in subjects for goal in subject.goals)
        output = _made(output or Path()) / made_name(_file_name(" ".join(taps)), "-sheet.png")
    _check_picture(output, overwrite, protected)
    return output


def _check_picture(path: Path, overwrite: bool, protected: Sequence[Path]) -> None:
    check_image_target(path, 8)
    check_target(path, None, overwrite=overwrite, protected=protected)


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not path.suffix


def _made(folder: Path) -> Path:
    if not folder.exists() and folder.parent.is_dir():
        with suppress(OSError):  # `check_target` says what is wrong
            folder.mkdir()
    return folder


def _drawn(goal: TapTarget) -> TapTarget:
    """The tap target with what is climbed of chosen channels."""
    if goal.target.channels is None:
        return goal
    return replace(goal, target=replace(goal.target, objective=goal.target.objective.of_channels()))


def _parts(goal: TapTarget) -> list[TapTarget]:
    """The tap target's channels one by one, each at full weight."""
    objective = goal.target.objective
    alone = replace(goal.target, weight=1.0, objective=objective.reversed() if goal.target.weight < 0 else objective)
    if goal.target.channels is None:
        return [replace(goal, target=alone)]
    return [replace(goal, target=replace(alone, channels=(channel,))) for channel in goal.target.channels]


def _label(goal: TapTarget, *, several: bool, neuron: bool) -> str:
    """`inception4d 5`, `inception4d 3,5 neuron`, `school bus`; with `several` networks the network's name before it."""
    channels = goal.target.channels
    names = goal.network.class_names
    if goal.tap == LOGITS and channels is not None:
        text = ", ".join(class_label(names[number]) if names else f"class {number}" for number in channels)
    else:
        text = goal.tap if channels is None else f"{goal.tap} {','.join(map(str, channels))}"
        text += " neuron" * neuron
    return f"{goal.network.spec.name} {text}" if several else text


def _file_name(label: str) -> str:
    """`inception4d 3,5` becomes `inception4d-3,5`, and `school bus` becomes `school_bus`."""
    words = re.sub(r" (?=\d|neuron\b)", "-", label.replace(" + ", "+"))
    return re.sub(r"[^\w.,+-]+", "_", words)[:_LONGEST_NAME]


def _unlike(names: Sequence[str]) -> list[str]:
    """The names with a number behind those that are there already: two classes are called "crane"."""
    seen: Counter[str] = Counter()
    unlike = []
    for name in names:
        seen[name] += 1
        unlike.append(name if seen[name] == 1 else f"{name}-again{seen[name]}")
    return unlike
