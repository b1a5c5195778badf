from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from dreamvid.dream import DreamCore, Target
from dreamvid.dream.objective import Score
from dreamvid.dream.objectives.energy import Energy
from dreamvid.dream.visualize import Method
from dreamvid.errors import MediaError, ModelError, SettingsError
from dreamvid.images.header import read_image_metadata
from dreamvid.media import read_image
from dreamvid.models import Network, load_network
from dreamvid.render.targets import TapTarget, make_dream_core
from dreamvid.visualize import job as visualize_job
from dreamvid.visualize.job import (
    DrawingFinished,
    DrawingStarted,
    PictureDone,
    StepDone,
    VisualizationJob,
    draw_sheet,
    make_method,
    visualize,
)
from dreamvid.visualize.settings import VisualizeSettings, make_visualize_settings
from dreamvid.visualize.subjects import Subject, list_subjects, picture_targets, sheet_target

QUICK = {"model": "dreamnet", "layer": "inception3a", "size": "40x32", "steps": 2, "precision": "fp32"}


def job(output: Path | None, *, sheet: bool = False, overwrite: bool = False, **values: Any) -> VisualizationJob:
    method, settings = make_visualize_settings(QUICK, values)
    return VisualizationJob(settings, method, output, sheet, overwrite)


def run(output: Path | None, **values: Any) -> list[Any]:
    return list(visualize(job(output, **values)))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def done(events: list[Any]) -> list[PictureDone]:
    return [event for event in events if isinstance(event, PictureDone)]


def similarity(output: Path, **values: Any) -> float:
    found = done(run(output, **values))[0].similarity
    assert found is not None
    return found


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("dreamnet")


def stand_in(**attributes: Any) -> Network:
    return cast(Network, type("StandIn", (), attributes)())


def goal(network: Network, tap: str, *channels: int, **target: Any) -> TapTarget:
    return TapTarget(network, tap, Target(channels=channels or None, **target))


# The pictures.


@pytest.mark.parametrize(
    ("values", "factor"),
    [
        ({"layer": "inception4d", "channels": "78"}, 20),
        ({"layer": "inception4d", "channels": "78", "neuron": True}, 100),
        ({"layer": "inception3b"}, 5),
        ({"layer": None, "class_": "water tower"}, 100),
    ],
)
def test_a_visualization_raises_its_target_and_is_smooth(values: dict[str, Any], factor: float, tmp_path: Path) -> None:
    (picture,) = done(run(tmp_path / "x.png", **{"size": "96x96", "steps": 48, **values}))
    print(f"{picture.subject}: {picture.at_start:.2f} -> {picture.response:.2f}, variation {picture.variation:.3f}")
    assert picture.response > factor * max(picture.at_start, 0.05)
    assert picture.variation < 0.09  # white noise has 0.67


def test_diversity_lowers_the_similarity_and_all_still_show_the_target(tmp_path: Path) -> None:
    values = {"layer": "inception4d", "channels": 78, "size": "64x64", "steps": 32, "count": 3}
    alike = similarity(tmp_path / "alike", **values)
    pictures = done(run(tmp_path / "apart", diversity=0.75, **values))
    apart = pictures[0].similarity
    print(f"similarity {alike:.3f} without, {apart:.3f} with")
    assert apart is not None
    assert apart < 0.8 * alike
    assert all(picture.response > 5 * picture.at_start for picture in pictures)


def test_pictures_of_a_class_are_told_apart_by_their_textures(tmp_path: Path) -> None:
    values = {"layer": None, "class_": "monarch", "size": "48x48", "steps": 20, "count": 2}
    assert similarity(tmp_path / "apart", diversity=1, **values) < 0.8 * similarity(tmp_path / "alike", **values)


def test_only_scores_need_another_layer_to_tell_pictures_apart(network: Network) -> None:
    score = goal(network, "logits", 3, objective=Score())
    (witness,) = visualize_job._witnesses([score])
    assert (witness.tap, witness.target.weight) == ("inception4d", 0)
    assert visualize_job._witnesses([goal(network, "inception3a", 3)]) == []
    assert visualize_job._witnesses([goal(network, "inception3a"), score]) == []


def test_what_is_written_is_what_was_drawn_and_can_be_drawn_again(tmp_path: Path) -> None:
    path, again = tmp_path / "x.png", tmp_path / "again.png"
    run(path, model="DreamNet", channels=7, seed=3, lr=0.2)
    metadata = read_image_metadata(path)
    assert metadata["subject"] == "inception3a 7"
    recipe = json.loads(metadata["settings"])
    method, settings = make_visualize_settings(recipe)
    list(visualize(VisualizationJob(settings, method, again)))
    assert (recipe["model"], recipe["seed"]) == ("dreamnet", 3)
    assert read_image(path).shape == (32, 40, 3)
    assert np.array_equal(read_image(path), read_image(again))
    run(again, channels=7, seed=4, lr=0.2, overwrite=True)
    assert not np.array_equal(read_image(path), read_image(again))


def test_memory_is_bounded_by_drawing_in_batches_of_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = run(tmp_path / "all", count=3)
    monkeypatch.setattr(visualize_job, "_BATCH", 2)
    batched = run(tmp_path / "batched", count=3)
    assert [len([event for event in each if isinstance(event, StepDone)]) for each in (events, batched)] == [2, 4]
    for name in names(tmp_path / "all"):
        assert np.allclose(read_image(tmp_path / "all" / name), read_image(tmp_path / "batched" / name), atol=0.02)


def test_diverse_pictures_are_drawn_together_however_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visualize_job, "_BATCH", 1)
    pictures = done(run(tmp_path, count=2, diversity=1))
    assert pictures[0].similarity is not None


def test_every_setting_reaches_the_core() -> None:
    values = {
        "steps": 7, "lr": 0.3, "spectrum": 1.1, "jitter": 5, "scale_range": (0.7, 0.9), "rotate": 3, "tv": 0.4,
        "diversity": 0.6, "seed": 9,
    }  # fmt: skip
    method = make_method(VisualizeSettings(**{**values, "size": (64, 48), "count": 2}))
    assert dataclasses.asdict(method) == {**values, "size": (48, 64)}
    assert make_method(VisualizeSettings()) == Method()


# The run.


def test_events_tell_what_happens_in_order(tmp_path: Path) -> None:
    events = run(tmp_path / "out", channels="3,9", count=5)
    started, finished = events[0], events[-1]
    assert isinstance(started, DrawingStarted)
    assert isinstance(finished, DrawingFinished)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert started.steps == len(steps) == 8  # two channels, two batches, two steps
    assert (started.pictures, started.width, started.height, started.model) == (10, 40, 32, "dreamnet")
    assert started.layers == ("inception3a",)
    pictures = done(events)
    assert [picture.number for picture in pictures] == [1, 2, 3, 4, 5] * 2
    assert [picture.subject for picture in pictures] == ["inception3a 3"] * 5 + ["inception3a 9"] * 5
    assert tuple(picture.target for picture in pictures) == finished.targets
    assert all(picture.target is not None and picture.target.is_file() for picture in pictures)


def test_a_run_that_is_broken_off_keeps_what_is_finished_and_leaves_no_rubbish(tmp_path: Path) -> None:
    events = visualize(job(tmp_path, channels="3,9"))
    while not isinstance(next(events), PictureDone):
        pass
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert names(tmp_path) == ["inception3a-3.png"]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"channels": 999}, SettingsError, "no channel 999"),
        ({"layer": "inceptoin3a"}, ModelError, "did you mean inception3a"),
        ({"class_": "scool bus"}, ModelError, "did you mean school bus"),
        ({"size": "2x2"}, SettingsError, "1x1, but inception3a needs at least 2"),
        ({"layer": "0:(inception3a), 8:(inception3b)"}, SettingsError, "does not change over time"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_first_step(
    values: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        run(tmp_path, **values)
    assert names(tmp_path) == []


def test_all_subjects_are_checked_before_the_first_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def picky(goals: list[TapTarget], *rest: Any) -> DreamCore:
        dreamer = make_dream_core(goals, *rest)
        dreamer.extractor.minimum_side = 99 if goals[0].tap == "inception3b" else 2
        return dreamer

    monkeypatch.setattr(visualize_job, "make_dream_core", picky)
    with pytest.raises(SettingsError, match="inception3b needs at least 99"):
        run(tmp_path, layer=["inception3a", "inception3b"])
    assert names(tmp_path) == []


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    taken = tmp_path / "inception3a-9.png"
    taken.write_bytes(b"mine")
    with pytest.raises(MediaError, match=r"inception3a-9\.png: already exists"):
        run(tmp_path, channels="3,9")
    assert names(tmp_path) == ["inception3a-9.png"]
    assert taken.read_bytes() == b"mine"
    run(tmp_path, channels="3,9", overwrite=True)
    assert taken.read_bytes() != b"mine"
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    with pytest.raises(MediaError, match="already exists"):
        run(sheet, sheet=True)


def test_a_sheet_holds_all_pictures_in_one_file(tmp_path: Path) -> None:
    events = run(tmp_path, sheet=True, channels="3,9", count=2)
    assert names(tmp_path) == ["inception3a-sheet.png"]
    assert [picture.target for picture in done(events)] == [None] * 4
    assert events[-1].targets == (tmp_path / "inception3a-sheet.png",)
    pictures = tmp_path / "pictures"
    run(pictures, channels="3,9", count=2)
    sheet = read_image(tmp_path / "inception3a-sheet.png")
    for name in names(pictures):
        assert contains(sheet, read_image(pictures / name))


def contains(sheet: np.ndarray, picture: np.ndarray) -> bool:
    height, width = picture.shape[:2]
    places = np.argwhere(np.all(sheet == picture[0, 0], axis=-1))
    return any(np.array_equal(sheet[y : y + height, x : x + width], picture) for y, x in places)


@pytest.mark.parametrize(
    ("pictures", "count", "columns"),
    [(6, 3, 3), (4, 4, 4), (6, 1, 3), (3, 1, 3), (1, 1, 1), (5, 1, 5), (7, 1, 4), (2, 2, 2)],
)
def test_a_sheet_has_a_row_for_each_subject_or_few_holes(pictures: int, count: int, columns: int) -> None:
    plain = [np.full((20, 100, 3), (0.2, 0.6, 0.4), np.float32)] * pictures
    labels = [f"a rather long label, number {number}" for number in range(pictures // count)]
    sheet = draw_sheet(plain, labels, count)
    green = np.all(sheet == sheet[12, 12], axis=-1)
    assert green[12].sum() == 100 * columns
    assert green.sum() == 100 * 20 * pictures
    letters = sheet.min(axis=-1) > 0.6
    assert letters[:, 12:112].any()
    assert not letters[:, :12].any()
    assert not letters[:, 112:124].any()


# What is drawn, and where it goes.


def test_each_channel_class_and_layer_gets_a_picture_of_its_own(network: Network) -> None:
    bus = network.class_number("school bus")
    goals = [goal(network, "inception4d", 3, 5), goal(network, "inception3a")]
    goals.append(goal(network, "logits", bus, objective=Score()))
    subjects = list_subjects(goals)
    assert [subject.label for subject in subjects] == ["inception4d 3", "inception4d 5", "inception3a", "school bus"]
    assert [subject.name for subject in subjects] == ["inception4d-3", "inception4d-5", "inception3a", "school_bus"]
    assert [subject.goals[0].target.channels for subject in subjects] == [(3,), (5,), None, (bus,)]
    (all_,) = list_subjects(goals, together=True)
    assert all_.label == "inception4d 3,5 + inception3a + school bus"
    assert [(one.tap, one.target.channels) for one in all_.goals] == [(one.tap, one.target.channels) for one in goals]
    assert [one.target.objective for one in all_.goals] == [Score(), Energy(), Score()]
    assert all_.name == "inception4d-3,5+inception3a+school_bus"
    neurons = list_subjects(goals, neuron=True)
    assert [subject.name for subject in neurons][1:] == ["inception4d-5-neuron", "inception3a-neuron", "school_bus"]


def test_together_is_one_picture(tmp_path: Path) -> None:
    events = run(tmp_path, channels="3,9", class_="tabby", together=True)
    assert names(tmp_path) == ["inception3a-3,9+tabby.png"]
    assert len(done(events)) == 1


def test_alone_a_weight_is_its_sign(network: Network) -> None:
    for weight, reverse, turned in [(0.5, False, False), (-2.0, False, True), (-2.0, True, False)]:
        objective = Energy().reversed() if reverse else Energy()
        (subject,) = list_subjects([goal(network, "inception3a", 1, weight=weight, objective=objective)])
        target = subject.goals[0].target
        assert (target.weight, target.objective) == (1.0, Score().reversed() if turned else Score())


def test_names_are_unlike_and_fit_for_files(network: Network) -> None:
    cranes = stand_in(class_names=("crane", "ox", "crane"), spec=network.spec)
    goals = [goal(cranes, "logits", number, objective=Score()) for number in (0, 2)]
    assert len({subject.name for subject in list_subjects(goals)}) == 2
    (pre,) = list_subjects([goal(network, "inception4d/pre", 3)])
    assert pre.name == "inception4d_pre-3"
    (many,) = list_subjects([goal(network, "inception4d", *range(300))], together=True)
    assert len(many.name) <= 80
    nameless = stand_in(class_names=None, spec=network.spec)
    assert list_subjects([goal(nameless, "logits", 4, objective=Score())])[0].name == "class-4"


def test_networks_are_named_where_there_are_several(network: Network) -> None:
    other = stand_in(class_names=None, spec=SimpleNamespace(name="vgg16"))
    subjects = list_subjects([goal(network, "inception4d", 3), goal(other, "relu4_3", 3)])
    assert [subject.name for subject in subjects] == ["dreamnet_inception4d-3", "vgg16_relu4_3-3"]


def subjects(count: int) -> list[Subject]:
    network = stand_in()
    return [Subject(f"L {number}", f"L-{number}", (goal(network, "L", number),)) for number in range(count)]


@pytest.mark.parametrize(
    ("output", "number", "count", "files"),
    [
        (None, 1, 1, ["L-0.png"]),
        (None, 2, 2, ["L-0-1.png", "L-0-2.png", "L-1-1.png", "L-1-2.png"]),
        ("x.jpg", 1, 1, ["x.jpg"]),
        ("x.png", 1, 2, ["x-1.png", "x-2.png"]),
        ("x.png", 2, 1, ["x-L-0.png", "x-L-1.png"]),
        ("x.png", 2, 2, ["x-L-0-1.png", "x-L-0-2.png", "x-L-1-1.png", "x-L-1-2.png"]),
        ("new", 2, 1, ["new/L-0.png", "new/L-1.png"]),
        ("new/%02d.png", 2, 2, ["new/01.png", "new/02.png", "new/03.png", "new/04.png"]),
    ],
)
def test_where_pictures_go(
    output: str | None, number: int, count: int, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(output) if output else None
    targets = picture_targets(path, subjects(number), count, overwrite=False)
    assert [target.as_posix() for target in targets] == files
    targets[-1].touch()  # the folder is there
    with pytest.raises(MediaError, match="already exists"):
        picture_targets(path, subjects(number), count, overwrite=False)
    assert picture_targets(path, subjects(number), count, overwrite=True) == targets


def test_where_a_sheet_goes(tmp_path: Path) -> None:
    assert sheet_target(tmp_path, subjects(2), overwrite=False) == tmp_path / "L-sheet.png"
    assert sheet_target(tmp_path / "new", subjects(2), overwrite=False) == tmp_path / "new" / "L-sheet.png"
    assert sheet_target(tmp_path / "x.webp", subjects(2), overwrite=False) == tmp_path / "x.webp"


@pytest.mark.parametrize("choose", [lambda *given: picture_targets(*given, 1, overwrite=True), None])
@pytest.mark.parametrize(("output", "message"), [("x.mp4", "not an image format"), ("a/b/x.png", "does not exist")])
def test_an_output_that_cannot_be_written_is_refused(output: str, message: str, choose: Any, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=message):
        if choose:
            choose(tmp_path / output, subjects(1))
        else:
            sheet_target(tmp_path / output, subjects(1), overwrite=True)


def test_the_weights_are_never_overwritten(tmp_path: Path) -> None:
    weights = tmp_path / "mine.png"
    weights.touch()
    with pytest.raises(MediaError, match="never overwritten"):
        picture_targets(weights, subjects(1), 1, overwrite=True, protected=[weights])
    with pytest.raises(MediaError, match="never overwritten"):
        sheet_target(weights, subjects(1), overwrite=True, protected=[weights])
