from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dreamvid.config.settings import Settings, make_settings
from dreamvid.errors import DreamvidError, MediaError, ModelError, SettingsError
from dreamvid.explore import job as module
from dreamvid.explore.job import Axis, Exploration, Ranked, cross_axes, explore, respond, which_layers
from dreamvid.explore.still_frame import find_frame, interest
from dreamvid.graphics.contact_sheet import Sheet
from dreamvid.images.read import quantize
from dreamvid.media import open_reader, read_image, write_image
from dreamvid.models import Network, describe_layers, load_network
from dreamvid.render import Finished, FrameDone, Job, Notice, Started, render_job, targets
from dreamvid.runtime.frames import to_frame
from tests.tiny import noise

QUICK = {"model": "dreamnet", "octaves": "1", "iterations": "1", "jitter": "3", "precision": "fp32"}
LAYERS = Axis("layer", ("conv2", "inception3a"))


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "still.png"
    write_image(path, to_frame(noise(40, 56)))
    return path


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[Sheet]:
    """The sheets that were written, as they were before they were drawn."""
    seen: list[Sheet] = []
    write = module.write_sheet

    def keep(sheet: Sheet, *arguments: Any, **options: Any) -> None:
        seen.append(sheet)
        write(sheet, *arguments, **options)

    monkeypatch.setattr(module, "write_sheet", keep)
    return seen


def made(job: Exploration) -> list[Any]:
    return list(explore(job))


def sequence(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        write_image(folder / f"{number:02d}.png", frame)
    return folder


# What is tried.


def test_every_value_meets_every_other_once() -> None:
    parts = cross_axes(QUICK, [Axis("layer", ("a", "b:0.5", "c@3")), Axis("step", ("1", "2"))])
    assert [part.heading for part in parts] == ["step 1", "step 2"]
    trials = [[(trial.settings.layer[0].name, trial.settings.step) for trial in part.trials] for part in parts]
    assert trials == [[("a", step), ("b", step), ("c", step)] for step in (1, 2)]
    assert parts[1].trials[1].words == ("--layer", "b:0.5", "--step", "2")
    assert all(trial.settings.octaves == 1 for part in parts for trial in part.trials)


def test_a_switch_is_a_flag_or_none() -> None:
    (part,) = cross_axes({}, [Axis("keep-color", ("off", "on"))])
    assert [trial.words for trial in part.trials] == [(), ("--keep-color",)]


@pytest.mark.parametrize(
    ("axes", "values", "expected"),
    [
        ([Axis("step", ("1", "-2"))], {}, "--step.*greater"),
        ([Axis("iterations", ("3", "x"))], {}, "--iterations.*'x'"),
        ([Axis("stepp", ("1",))], {}, "stepp.*did you mean step"),
        ([Axis("seed", tuple(map(str, range(33)))), Axis("step", tuple(map(str, range(1, 33))))], {}, "1024 cells"),
        ([Axis("channels", ("1", "2"))], {"layer": ["inception3a@5"]}, "@.*leave out one"),
        ([Axis("layer", ("conv1", "conv2@7")), Axis("channels", ("1", "2"))], {}, "@.*leave out one"),
    ],
)
def test_values_that_make_no_sense_are_refused_at_once(axes: list[Axis], values: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        cross_axes(values, axes)


@pytest.mark.parametrize(
    ("model", "first", "last", "count"),
    [
        ("dreamnet", "conv1", "inception5b", 12),
        ("googlenet", "conv1", "inception5b", 12),
        ("resnet50", "layer1", "layer4", 4),
        ("vgg16", "relu1_1", "relu5_3", 13),
        ("alexnet", "relu1", "relu5", 5),
        ("squeezenet1_1", "fire2", "fire9", 8),
    ],
)
def test_the_layers_that_are_tried_when_nobody_says(model: str, first: str, last: str, count: int) -> None:
    layers = which_layers(describe_layers(model))
    assert (layers[0], layers[-1], len(layers)) == (first, last, count)


# The frame.


def scene(seed: int, low: float = 0.05, high: float = 0.95) -> np.ndarray:
    return to_frame(noise(48, 64, seed, low, high))


def test_the_frame_that_shows_most_is_chosen(tmp_path: Path) -> None:
    busy = scene(1)
    loud = cv2.resize(np.array([[[1, 0, 0], [0, 1, 1]], [[0, 0, 1], [1, 1, 0]]], np.float32), (64, 48))
    gray = np.repeat(busy.mean(2, keepdims=True), 3, 2).astype(np.float32)
    dull = [
        np.zeros_like(busy),
        np.ones_like(busy),
        scene(1, 0.45, 0.55),
        gray,
        cv2.GaussianBlur(busy, (0, 0), 8),
        0.1 * busy,
        loud,  # as colorful and contrasted as can be, and nothing in it
    ]
    for place in range(8):
        frames = [*dull[:place], busy, *dull[place:]]
        folder = sequence(tmp_path / str(place), frames)
        with open_reader(folder) as reader:
            assert find_frame(folder, reader, Settings()) == place


def test_interest_is_detail_and_color() -> None:
    busy = scene(2)
    assert interest(np.zeros_like(busy)) == 0
    assert interest(np.full_like(busy, 0.7)) < 1e-6
    assert interest(busy) > 1.5 * interest(cv2.GaussianBlur(busy, (0, 0), 4))
    gray = np.repeat(cv2.cvtColor(busy, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    assert interest(gray) < interest(busy) < 3 * interest(gray)
    assert interest(np.full((1, 1, 3), 0.5, np.float32)) == 0


def test_only_the_part_that_is_asked_for_is_looked_at(tmp_path: Path) -> None:
    frames = [scene(3), *(0.1 * scene(seed) for seed in range(4, 12)), scene(12)]
    folder = sequence(tmp_path / "film", frames)
    part = make_settings({"start": "1/24", "end": "9/24"})
    chosen = module.find_still(folder, part, None, 320)
    assert 1 <= chosen.index < 9
    assert np.array_equal(quantize(chosen.frame, 8), quantize(frames[chosen.index], 8))


def test_frames_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    for number, frame in enumerate([scene(3), 0.2 * scene(4), scene(5)]):
        write_image(folder / f"{number}.jpg", frame)
    with open_reader(folder) as reader:
        assert find_frame(folder, reader, Settings()) != 1
        for number in (0, 2):
            (folder / f"{number}.jpg").write_bytes(b"no longer a picture")
        assert find_frame(folder, reader, Settings()) == 1
        (folder / "1.jpg").write_bytes(b"no longer a picture")
        with pytest.raises(MediaError, match=r"2\.jpg"):
            find_frame(folder, reader, Settings())


@pytest.mark.parametrize(("at", "index"), [("0", 0), ("1/24", 1), ("0.05", 2), ("2/24", 2)])
def test_the_frame_of_a_time_is_that_of_a_render(tmp_path: Path, at: str, index: int) -> None:
    frames = [scene(seed) for seed in range(4)]
    chosen = module.find_still(sequence(tmp_path / "film", frames), make_settings(), Fraction(at), 320)
    assert chosen.index == index
    assert np.array_equal(quantize(chosen.frame, 8), quantize(frames[index], 8))


def test_a_time_outside_the_clip_or_in_a_picture(tmp_path: Path, still: Path) -> None:
    folder = sequence(tmp_path / "film", [scene(0)])
    with pytest.raises(MediaError, match="there are no frames in this range"):
        module.find_still(folder, make_settings(), Fraction(5), 320)
    with pytest.raises(SettingsError, match=r"--at.*no time"):
        module.find_still(still, make_settings(), Fraction(5), 320)


@pytest.mark.parametrize(
    ("values", "size"),
    [({}, (32, 23)), ({"max_size": 28}, (28, 20)), ({"max_size": 500}, (56, 40)), ({"size": "20x40"}, (16, 32))],
)
def test_how_large_the_frame_is_dreamed(still: Path, values: dict[str, Any], size: tuple[int, int]) -> None:
    chosen = module.find_still(still, make_settings(values), None, 32)
    assert chosen.size == size[::-1]
    assert chosen.frame.shape == (size[1], size[0], 3)


# The sheet.


def test_the_flags_under_a_picture_make_that_picture(still: Path, sheets: list[Sheet]) -> None:
    """Each cell's command, given as typed, renders the cell, bit for bit."""
    from dreamvid.cli.main import run

    flags = {key: (f"--{key}", value) for key, value in QUICK.items()}
    axes = (Axis("layer", ("conv2", "inception3a@1-3,5")), Axis("spread", ("0.1", "1.9")))
    flags["strength"] = ("--strength", "0.6")
    made(Exploration(still, values=QUICK | {"strength": "0.6"}, axes=axes, flags=flags))
    pictures = [cell for section in sheets[0].sections for cell in section.cells]
    assert len(pictures) == 4
    for number, cell in enumerate(pictures):
        target = still.with_name(f"{number}.png")
        assert cell.flags in cell.command
        assert run([*shlex.split(cell.command)[1:], "-o", str(target), "--progress", "none"]) == 0
        assert np.array_equal(quantize(read_image(target), 8), cell.picture)
    assert len({cell.picture.tobytes() for cell in pictures}) == 4


def test_the_events_and_the_files(still: Path, sheets: list[Sheet]) -> None:
    events = made(Exploration(still, values=QUICK, axes=(LAYERS,)))
    started, *_ = [event for event in events if isinstance(event, Started)]
    assert (started.frames, started.width, started.height, started.model) == (2, 56, 40, "dreamnet")
    assert started.layers == LAYERS.values
    assert [event.frame for event in events if isinstance(event, FrameDone)] == [0, 1]
    assert all(event.energy > 0 for event in events if isinstance(event, FrameDone))
    assert events[-1] == Finished(still.with_name("still.explore.png"), 2, events[-1].seconds)
    assert any(isinstance(event, Notice) and "still.explore.html" in event.text for event in events)
    assert still.with_name("still.explore.html").exists()
    with Image.open(started.target) as image:
        assert image.format == "PNG"
    assert np.array_equal(sheets[0].frame, quantize(read_image(still), 8))
    assert sheets[0].title == "still.png"
    assert sheets[0].columns == ()
    assert "dreamnet, dreamed at 56x40" in sheets[0].facts


def test_what_is_wrong_with_the_source_is_said_once(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = module.Still(still, read_image(still), 0, open_reader(still))

    def find_still(*given: Any) -> module.Still:
        for line in ("it is HDR", "it is damaged", "it is HDR"):
            given[-1](Notice(line))
        return chosen

    monkeypatch.setattr(module, "find_still", find_still)
    events = made(Exploration(still, values=QUICK, axes=(LAYERS,)))
    assert [event.text for event in events if isinstance(event, Notice)][:2] == ["it is HDR", "it is damaged"]
    assert sum(isinstance(event, Notice) for event in events) == 3


def test_without_a_grid_the_layers_are_tried(
    still: Path, sheets: list[Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "which_layers", lambda layers: which_layers(layers)[2:5])
    made(Exploration(still, values=QUICK | {"layer": ["inception4d"]}))
    shown = [cell.flags for cell in sheets[0].sections[0].cells]
    assert shown == ["--layer conv3", "--layer inception3a", "--layer inception3b"]


def test_options_that_a_cell_replaces_are_not_in_its_command(still: Path, sheets: list[Sheet]) -> None:
    flags = {
        "layer": ("--layer", "conv1", "--layer", "conv3"),
        "step": ("--step", "3"),
        "config": ("--config", "a b.yaml"),
    }
    made(Exploration(still, values=QUICK, axes=(LAYERS,), flags=flags))
    cell = sheets[0].sections[0].cells[1]
    assert shlex.split(cell.command) == [
        "dreamvid", str(still), "--step", "3", "--config", "a b.yaml", "--layer", "inception3a"
    ]  # fmt: skip
    assert "all pictures: --step 3 --config 'a b.yaml'" in sheets[0].facts


def test_a_network_left_to_chance_is_named_in_the_command(
    still: Path, sheets: list[Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        targets, "fetch_network", lambda *_, **__: iter([Notice("dreaming with the embedded dreamnet")])
    )
    monkeypatch.setattr(targets, "load_fetched_network", lambda *_, **__: load_network("dreamnet"))
    events = made(Exploration(still, values=QUICK | {"model": "auto"}, axes=(LAYERS,)))
    assert "--model dreamnet" in sheets[0].sections[0].cells[0].command
    assert next(event.text for event in events if isinstance(event, Notice)) == "dreaming with the embedded dreamnet"


def test_one_network_is_loaded_once_and_cut_once_for_each_layer(
    still: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    cut: list[str] = []
    load, extractor = targets.load_fetched_network, Network.extractor

    def count_load(name: str, **options: Any) -> Network:
        loaded.append(name)
        return load(name, **options)

    def count_cut(self: Network, taps: Any, **options: Any) -> Any:
        cut.extend(taps)
        return extractor(self, taps, **options)

    monkeypatch.setattr(targets, "load_fetched_network", count_load)
    monkeypatch.setattr(Network, "extractor", count_cut)
    made(Exploration(still, values=QUICK, axes=(LAYERS, Axis("step", ("1", "2", "3")))))
    assert loaded == ["dreamnet"]
    assert cut == list(LAYERS.values) * 2  # to check that all will go well, and to dream


def test_guide_and_mask_are_those_of_the_render(still: Path, sheets: list[Sheet], tmp_path: Path) -> None:
    mask = np.zeros((40, 56, 3), np.float32)
    mask[:, 28:] = 1
    write_image(tmp_path / "mask.png", mask)
    write_image(tmp_path / "guide.png", scene(9))
    write_image(tmp_path / "other.png", scene(10, 0.0, 0.3))
    values = QUICK | {"mask": str(tmp_path / "mask.png"), "layer": ["inception3a"]}
    guides = tuple(str(tmp_path / name) for name in ("guide.png", "other.png"))
    made(Exploration(still, values=values, axes=(Axis("guide", guides),)))
    one, other = sheets[0].sections[0].cells
    raw = sheets[0].frame
    for cell in (one, other):
        assert np.array_equal(cell.picture[:, :27], raw[:, :27])
        assert not np.array_equal(cell.picture[:, 29:], raw[:, 29:])
    assert not np.array_equal(one.picture, other.picture)


def test_settings_that_change_over_time_are_those_of_the_frame(tmp_path: Path, sheets: list[Sheet]) -> None:
    folder = sequence(tmp_path / "film", [scene(1), scene(1), scene(1)])
    values = QUICK | {"strength": "0:(0), 1:(0), 2:(1)"}
    axes = (Axis("layer", ("conv2",)),)
    for index, target in ((1, "a.png"), (2, "b.png")):
        made(Exploration(folder, tmp_path / target, values, axes, at=Fraction(index, 24)))
    assert np.array_equal(sheets[0].sections[0].cells[0].picture, sheets[0].frame)
    assert not np.array_equal(sheets[1].sections[0].cells[0].picture, sheets[1].frame)


@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"axes": (Axis("layer", ("conv2", "inception9z")),)}, ModelError, "inception9z"),
        ({"axes": (Axis("channels", ("1", "9999")),)}, SettingsError, "no channel 9999"),
        ({"axes": (Axis("octaves", ("1", "20")),)}, SettingsError, "too small"),
        ({"axes": (Axis("mask", ("missing.png",)),)}, MediaError, r"missing\.png"),
        ({"axes": (Axis("guide", ("missing.png",)),)}, MediaError, r"missing\.png"),
        ({"axes": (Axis("model", ("dreamnet", "googlnet")),)}, ModelError, "googlnet"),
        ({"target": Path("sheet.mp4")}, MediaError, r"sheet\.mp4.*sheet\.png"),
        ({"source": Path("nothing.mp4")}, MediaError, r"nothing\.mp4"),
    ],
)
def test_what_will_fail_fails_before_the_first_dream_and_leaves_nothing(
    still: Path, change: dict[str, Any], error: type[DreamvidError], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(still.parent)
    job = {"source": still, "values": QUICK, "axes": (LAYERS,)} | change
    seen: list[Any] = []
    with pytest.raises(error, match=expected):
        seen.extend(explore(Exploration(**job)))
    assert not any(isinstance(event, (Started, FrameDone)) for event in seen)
    assert [path.name for path in still.parent.iterdir()] == ["still.png"]


def test_a_cell_too_small_for_the_octaves_says_how_to_dream_larger(still: Path) -> None:
    job = Exploration(still, values=QUICK | {"octaves": "9", "octave_scale": "1.5"}, axes=(LAYERS,), cell=32)
    with pytest.raises(
        SettingsError, match=r"fewer --octaves or a larger picture; the frame was scaled down by --max-size"
    ):
        made(job)


def test_nothing_is_overwritten_unasked(still: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.html"):
        (tmp_path / name).write_text("somebody's work")
        target = (tmp_path / name).with_suffix(".png")
        with pytest.raises(MediaError, match="--overwrite"):
            made(Exploration(still, target, QUICK, (LAYERS,)))
        assert (tmp_path / name).read_text() == "somebody's work"
    made(Exploration(still, tmp_path / "b.html", QUICK, (LAYERS,), overwrite=True))
    assert "<!DOCTYPE html>" in (tmp_path / "b.html").read_text(encoding="utf-8")
    assert (tmp_path / "b.png").exists()


@pytest.mark.parametrize("which", ["source", "guide"])
def test_an_input_is_never_overwritten(still: Path, tmp_path: Path, which: str) -> None:
    guide = tmp_path / "guide.png"
    write_image(guide, scene(1))
    before = {path: path.read_bytes() for path in (still, guide)}
    target = {"source": still, "guide": guide}[which]
    job = Exploration(still, target, QUICK, (Axis("guide", (str(guide),)),), overwrite=True)
    with pytest.raises(MediaError, match="never overwritten"):
        made(job)
    assert {path: path.read_bytes() for path in (still, guide)} == before


@pytest.mark.parametrize(("rank", "kind"), [(0, "explore"), (1, "rank")])
def test_where_a_sheet_goes_when_nobody_says(tmp_path: Path, rank: int, kind: str) -> None:
    folder = tmp_path / "some.frames"
    folder.mkdir()
    for source, name in (
        (tmp_path / "a.b.mp4", "a.b"),
        (tmp_path / "my.dream.mp4", "my.dream"),
        (folder, "some.frames"),
        (folder / "%03d.png", "some.frames"),
    ):
        picture, page = module._targets(Exploration(source, rank=rank))
        assert picture == tmp_path / f"{name}.{kind}.png"
        assert page == tmp_path / f"{name}.{kind}.html"


# The channels.


@pytest.fixture(scope="module")
def dreamnet() -> Network:
    return load_network("dreamnet")


def test_a_channel_that_was_dreamed_of_is_among_the_most_excited(dreamnet: Network, tmp_path: Path) -> None:
    path, target = tmp_path / "a.png", tmp_path / "b.png"
    write_image(path, to_frame(noise(96, 96, 3)))
    before = respond(dreamnet, "inception4a", read_image(path))
    for channel in (3, 20):
        values = QUICK | {"iterations": 16, "step": 1.5, "layer": f"inception4a@{channel}"}
        list(render_job(Job(path, target, make_settings(values), overwrite=True)))
        after = respond(dreamnet, "inception4a", read_image(target))
        assert int((before > before[channel]).sum()) > 200
        assert int((after > after[channel]).sum()) < 12


def test_the_scale_of_a_channel_does_not_matter(dreamnet: Network) -> None:
    """Batch norms tell how strong a channel usually is: eight times stronger everywhere is no stronger than usual."""
    loud = copy.deepcopy(dreamnet)
    unit = loud.module.get_submodule("inception3a.branch1")
    for number in (0, 5):
        unit.bn.weight.data[number] *= 8
        unit.bn.bias.data[number] *= 8
    picture = to_frame(noise(64, 64, 5))
    plain, scaled = (respond(network, "inception3a", picture) for network in (dreamnet, loud))
    assert torch.allclose(plain, scaled, rtol=0.25)
    assert plain.max() / plain.min() > 3


def test_noise_with_the_statistics_of_the_training_gets_a_ratio_of_one(dreamnet: Network) -> None:
    """Where a batch norm's stored statistics are those of the reference itself, nothing in it is unusual."""
    own = copy.deepcopy(dreamnet)
    reference = to_frame(module.pink_noise((384, 384)))
    picture = (torch.from_numpy(reference).permute(2, 0, 1)[None] - torch.tensor(own.mean).view(1, 3, 1, 1)) / (
        torch.tensor(own.std).view(1, 3, 1, 1)
    )
    for norm in own.module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
            norm.train()
    with torch.no_grad():
        own.module(picture)
    own.module.eval()
    ratios = respond(own, "inception3b", reference)
    assert torch.allclose(ratios, torch.ones_like(ratios), atol=0.01)
    assert respond(dreamnet, "inception3b", reference).std() > 0.1


def test_the_network_is_not_changed_by_looking(dreamnet: Network) -> None:
    before = {name: tensor.clone() for name, tensor in dreamnet.module.state_dict().items()}
    picture = to_frame(noise(64, 64, 5))
    first, second = (respond(dreamnet, "inception3a", picture) for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(before[name], tensor) for name, tensor in dreamnet.module.state_dict().items())
    assert not any(part.training for part in dreamnet.module.modules())


def test_networks_without_batch_norms_are_ranked_too() -> None:
    network = load_network("squeezenet1_1", random_seed=0)
    picture = to_frame(noise(64, 64, 5))
    plain = respond(network, "fire2", picture)
    assert plain.shape == (network.layer("fire2").channels,)
    assert torch.isfinite(plain).all()
    assert plain.min() > 0
    loud = copy.deepcopy(network)
    expand = loud.module.get_submodule("features.3.expand1x1")
    middle = int(plain[:64].argsort()[32])
    expand.weight.data[middle] *= 16
    expand.bias.data[middle] *= 16
    gain = respond(loud, "fire2", picture)[middle] / plain[middle]
    assert 2 < gain < 8  # half-way between the channel's own noise and the layer's


def ranking(job: Exploration) -> Iterator[Ranked]:
    return (event for event in made(job) if isinstance(event, Ranked))


def test_the_ranking_is_of_the_responses(still: Path, sheets: list[Sheet], dreamnet: Network) -> None:
    values = QUICK | {"layer": ["inception3a"]}
    flags = {"layer": ("--layer", "inception3a"), "model": ("--model", "dreamnet")}
    (ranked,) = ranking(Exploration(still, values=values, rank=2, flags=flags))
    ratios = respond(dreamnet, "inception3a", read_image(still))
    order = ratios.argsort(descending=True).tolist()
    assert [one.channel for one in ranked.most] == order[:2]
    assert [one.channel for one in ranked.least] == order[::-1][:2]
    assert [one.ratio for one in ranked.most] == [float(ratios[one.channel]) for one in ranked.most]
    assert (ranked.model, ranked.layer) == ("dreamnet", "inception3a")
    most, least = sheets[0].sections
    assert [cell.flags for cell in most.cells] == [f"--layer inception3a@{channel}" for channel in order[:2]]
    assert [cell.flags for cell in least.cells] == [f"--layer inception3a@{channel}" for channel in order[::-1][:2]]
    assert most.cells[0].command == f"dreamvid {still} --model dreamnet --layer inception3a@{order[0]}"
    assert most.cells[0].note.endswith(" times its usual response")
    assert "most" in most.heading
    assert "least" in least.heading


def test_the_ranking_keeps_to_the_layers_and_channels_that_are_given(still: Path, sheets: list[Sheet]) -> None:
    values = QUICK | {"layer": ["conv2", "inception3a@0-4"], "channels": "2,5,7"}
    first, second = ranking(Exploration(still, values=values, rank=2))
    assert {one.channel for one in (*first.most, *first.least)} == {2, 5, 7}
    assert (len(first.most), len(first.least)) == (2, 1)
    assert {one.channel for one in (*second.most, *second.least)} <= {0, 1, 2, 3, 4}
    assert len(sheets[0].sections) == 4


def test_a_single_channel_is_the_most_excited(still: Path, sheets: list[Sheet]) -> None:
    (ranked,) = ranking(Exploration(still, values=QUICK | {"layer": ["conv2@3"]}, rank=8))
    assert [one.channel for one in ranked.most] == [3]
    assert ranked.least == ()
    assert len(sheets[0].sections) == 1
