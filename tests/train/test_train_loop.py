from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from train_textures import write_textures, zip_folder

from dreamvid.errors import MediaError, ModelError, SettingsError
from dreamvid.models import load_network
from dreamvid.models.dreamnet import DreamNet
from dreamvid.train.events import EpochDone, Event, StepDone, TrainingStarted
from dreamvid.train.loop import train, training_events
from dreamvid.train.networks import Interface, Normalized, new_network
from dreamvid.train.settings import TrainSettings

CLASSES = ("across", "along", "slanted")


def changed(settings: TrainSettings, **fields: object) -> TrainSettings:
    return TrainSettings.model_validate({**settings.model_dump(), **fields})


def events_of(settings: TrainSettings) -> list[Event]:
    events: list[Event] = []
    train(settings, events.append)
    return events


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_it_learns(tiny: TrainSettings) -> None:
    events = events_of(changed(tiny, epochs=20, lr=0.03, color=0.5))
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert epochs[-1].train_loss < 0.8 * epochs[0].train_loss
    assert epochs[-1].val_top1 > 0.8


def test_events_tell_the_whole_run(tiny: TrainSettings) -> None:
    events = events_of(tiny)
    first = events[0]
    assert isinstance(first, TrainingStarted)
    assert (first.classes, first.train_pictures, first.val_pictures) == (3, 24, 6)
    assert (first.steps, first.epochs, first.resumed, first.skipped) == (6, 2, 0, 0)
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]


@pytest.mark.parametrize("killed_after", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(
    killed_after: int, tiny: TrainSettings, tmp_path: Path
) -> None:
    settings = changed(tiny, robust=1, robust_epochs=1, auxiliary="inception4a", growth={0.5: 16}, ema=0.9)
    unbroken = changed(settings, output=tmp_path / "unbroken.safetensors")
    expected = train(unbroken)
    run = training_events(settings)
    stop_after(run, killed_after)
    events = events_of(settings)
    assert isinstance(events[0], TrainingStarted)
    assert events[0].resumed == killed_after
    weights, reference = load_file(settings.output), load_file(unbroken.output)
    assert all(torch.equal(weights[name], reference[name]) for name in reference)
    assert metadata_of(settings.output) == metadata_of(unbroken.output)
    assert isinstance(events[-2], EpochDone)
    assert events[-2].val_top1 == expected.val_top1
    curves = [path.with_suffix(".train") / "curve.csv" for path in (settings.output, unbroken.output)]
    assert column(curves[0], "train_loss") == column(curves[1], "train_loss")


def stop_after(run: Iterator[Event], steps: int) -> None:
    for event in run:
        if isinstance(event, StepDone) and event.step == steps:
            run.close()  # type: ignore[attr-defined]
            return


def column(path: Path, name: str) -> list[str]:
    with path.open() as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_crash_between_checkpoints_costs_only_the_time_since(tiny: TrainSettings, tmp_path: Path) -> None:
    run = training_events(tiny)
    for event in run:
        if isinstance(event, StepDone) and event.step == 5:
            break  # past the checkpoint of epoch 1, and no goodbye: the next run reads that one
    checkpoint = tiny.output.with_suffix(".train") / "checkpoint.pt"
    as_it_was = checkpoint.read_bytes()
    run.close()
    checkpoint.write_bytes(as_it_was)
    first = next(iter(training_events(tiny)))
    assert isinstance(first, TrainingStarted)
    assert first.resumed == 3


def test_other_settings_do_not_resume(tiny: TrainSettings) -> None:
    stop_after(training_events(tiny), 1)
    with pytest.raises(SettingsError, match=r"lr = 0\.1, not 0\.2.*--fresh"):
        train(changed(tiny, lr=0.2))
    first = next(iter(training_events(changed(tiny, lr=0.2, fresh=True))))
    assert isinstance(first, TrainingStarted)
    assert first.resumed == 0


def test_weights_that_are_there_are_never_lost(tiny: TrainSettings) -> None:
    tiny.output.parent.mkdir()
    tiny.output.write_bytes(b"the work of a week")
    with pytest.raises(MediaError, match=r"tiny\.safetensors: already exists.*--overwrite"):
        train(tiny)
    assert tiny.output.read_bytes() == b"the work of a week"
    train(changed(tiny, overwrite=True))
    finished = tiny.output.read_bytes()
    assert finished != b"the work of a week"
    with pytest.raises(MediaError, match="--overwrite"):
        train(changed(tiny, fresh=True))
    train(tiny)  # it is finished, and its own
    assert tiny.output.read_bytes() == finished


def test_a_run_killed_between_its_first_weights_and_their_checkpoint_goes_on(
    tiny: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):

        def killed(*_: object) -> None:
            raise InterruptedError

        patch.setattr("dreamvid.train.loop.write_curve", killed)
        train(tiny)
    assert tiny.output.exists()
    assert train(tiny).output == tiny.output


def test_weights_are_not_written_over_what_they_are_made_from(tiny: TrainSettings, tmp_path: Path) -> None:
    train(tiny)
    again = changed(tiny, output=tmp_path / "link.safetensors", finetune=tiny.output, overwrite=True)
    again.output.symlink_to(tiny.output)
    before = tiny.output.read_bytes()
    with pytest.raises(MediaError, match=r"link\.safetensors"):
        train(again)
    assert tiny.output.read_bytes() == before


def test_other_pictures_do_not_resume(tiny: TrainSettings) -> None:
    stop_after(training_events(tiny), 1)
    next(tiny.data[0].rglob("*.png")).unlink()
    with pytest.raises(SettingsError, match="pictures have changed"):
        train(tiny)


def test_the_seed_decides_the_weights(tiny: TrainSettings, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        output = tmp_path / f"{name}.safetensors"
        train(changed(tiny, epochs=1, seed=seed, output=output))
        return load_file(output)["fc.weight"]

    first = weights("a", 1)
    torch.rand(3)  # the global generator has no say
    assert torch.equal(weights("b", 1), first)
    assert not torch.equal(weights("c", 2), first)


def test_validation_only_looks_on(tiny: TrainSettings, tmp_path: Path) -> None:
    watched = changed(tiny, val_split=0, val=write_textures(tmp_path / "val", count=2, seed=70), ema=0.9)
    alone = changed(tiny, val_split=0, output=tmp_path / "alone.safetensors", ema=0.9)
    assert train(watched).val_top1 >= 0
    train(alone)
    weights, reference = load_file(watched.output), load_file(alone.output)
    assert all(torch.equal(weights[name], reference[name]) for name in reference)


def test_training_leaves_the_global_generator_alone(tiny: TrainSettings) -> None:
    before = torch.get_rng_state()
    train(changed(tiny, epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_weights_say_what_they_are(tiny: TrainSettings) -> None:
    finished = train(changed(tiny, name="textures, three"))
    metadata = metadata_of(finished.output)
    assert metadata["architecture"] == "dreamnet"
    assert json.loads(metadata["classes"]) == ["across", "along", "slanted"]
    assert [float(value) for value in metadata["mean"].split(",")] == [0.485, 0.456, 0.406]
    assert [float(value) for value in metadata["std"].split(",")] == [0.229, 0.224, 0.225]
    assert metadata["resolution"] == "32"
    assert metadata["dataset"] == "textures, three"
    assert float(metadata["top1"]) == pytest.approx(finished.val_top1, abs=1e-4)
    recipe = json.loads(metadata["recipe"])
    assert recipe["lr"] == 0.1
    assert recipe["optimizer"] == "sgd"
    assert not {"data", "output"} & set(recipe), "paths of this machine are nobody's business"


def test_the_weights_load_into_the_network_and_score_the_same(tiny: TrainSettings) -> None:
    settings = changed(tiny, epochs=8)
    finished = train(settings)
    state = load_file(finished.output)
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    network = DreamNet.matching(state)
    missing = network.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in missing.missing_keys)
    scorer = Normalized(network, Interface(CLASSES)).eval()
    from dreamvid.train.data import PictureStore
    from dreamvid.train.pictures import choose_pictures

    chosen = choose_pictures(settings.data, val_split=settings.val_split, seed=settings.seed)
    store = PictureStore(chosen.val, chosen.classes, 32)
    images, labels = next(store.batches(torch.arange(len(store)), 100))
    with torch.no_grad():
        right = (scorer(images / 255)[0].argmax(1) == labels).float().mean()
    assert float(right) == pytest.approx(finished.val_top1)


def test_the_curve_is_a_table_and_a_picture(tiny: TrainSettings) -> None:
    train(changed(tiny, val_split=0))
    folder = tiny.output.with_suffix(".train")
    assert column(folder / "curve.csv", "epoch") == ["1", "2"]
    assert all(math.isnan(float(value)) for value in column(folder / "curve.csv", "val_top1"))
    drawn = cv2.imread(str(folder / "curve.png"))
    assert drawn is not None
    assert drawn.std() > 5


def test_epochs_are_kept_only_if_wanted(tiny: TrainSettings) -> None:
    train(changed(tiny, keep_epochs=True))
    folder = tiny.output.with_suffix(".train")
    assert [path.name for path in sorted(folder.glob("*.safetensors"))] == [
        "epoch-001.safetensors",
        "epoch-002.safetensors",
    ]
    assert metadata_of(folder / "epoch-001.safetensors")["epoch"] == "1"
    plain = folder / "plain file"
    plain.touch()
    assert (folder / "epoch-001.safetensors").stat().st_mode == plain.stat().st_mode  # whoever may read others


def test_unreadable_pictures_are_counted_and_a_class_of_them_is_an_error(tiny: TrainSettings) -> None:
    (tiny.data[0] / "along" / "001.png").write_bytes(b"broken")
    assert train(tiny).skipped == 1
    for path in (tiny.data[0] / "along").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(MediaError, match="no picture of class 'along'"):
        train(changed(tiny, fresh=True, overwrite=True))


def test_pictures_come_from_zip_files_as_well(tiny: TrainSettings, tmp_path: Path) -> None:
    archive = zip_folder(tiny.data[0], tmp_path / "t.zip")
    train(tiny)
    zipped = changed(tiny, data=[archive], output=tmp_path / "zipped.safetensors")
    train(zipped)
    assert torch.equal(load_file(tiny.output)["fc.weight"], load_file(zipped.output)["fc.weight"])


def test_the_attack_stays_within_its_budget_and_raises_the_loss(tiny: TrainSettings) -> None:
    from dreamvid.train.loop import _Run
    from dreamvid.train.pictures import choose_pictures
    from dreamvid.train.plan import generator_for

    run = _Run(tiny.resolved(), choose_pictures(tiny.data, seed=tiny.seed), None)
    run.learner.eval()
    images, labels = next(run.data.batches(torch.arange(16), 16))
    x = images / 255
    attacked = run._attacked(x, labels, 4 / 255, generator_for(0, "augment"))
    assert (attacked - x).abs().max() <= 4 / 255 + 1e-6
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    with torch.no_grad():
        assert run._loss(attacked, labels)[1] > run._loss(x, labels)[1]


def test_finetuning_begins_where_the_weights_are(tiny: TrainSettings, tmp_path: Path) -> None:
    train(changed(tiny, epochs=12, lr=0.05))
    start = load_file(tiny.output)
    further = changed(tiny, finetune=tiny.output, output=tmp_path / "more.safetensors", epochs=1, lr=1e-9, ema=0)
    finished = train(further)
    weights = load_file(finished.output)
    learnt = [name for name in start if "running" not in name]
    assert all(torch.equal(weights[name], start[name]) for name in learnt), "same classes: the last layer stays, too"
    recipe = json.loads(metadata_of(finished.output)["recipe"])
    assert recipe["finetune"] == "tiny.safetensors", "its name, but not where it lies"


def test_finetuning_for_other_classes_has_a_new_last_layer(tiny: TrainSettings, tmp_path: Path) -> None:
    train(tiny)
    (tiny.data[0] / "slanted").rename(tiny.data[0] / "askew")
    fewer = changed(tiny, output=tmp_path / "more.safetensors", epochs=1, lr=1e-9, ema=0)
    given = {"finetune": tiny.output, "width": 0.5, "middle": 0.75}
    fewer = TrainSettings(**{k: v for k, v in fewer.model_dump().items() if k not in given}, finetune=tiny.output)
    weights, start = load_file(train(fewer).output), load_file(tiny.output)
    assert not torch.allclose(weights["fc.weight"], start["fc.weight"], atol=1e-3)
    assert torch.equal(weights["inception5b.branch1.conv.weight"], start["inception5b.branch1.conv.weight"])
    metadata = metadata_of(fewer.output)
    assert json.loads(metadata["classes"]) == ["across", "along", "askew"]
    assert float(metadata["width"]) == 0.125, "the size is that of the weights where nobody asks for another"


def test_a_finetuned_run_resumes_as_it_was(tiny: TrainSettings, tmp_path: Path) -> None:
    train(tiny)
    settings = changed(tiny, finetune=tiny.output, output=tmp_path / "broken.safetensors")
    unbroken = changed(settings, output=tmp_path / "unbroken.safetensors")
    train(unbroken)
    stop_after(training_events(settings), 4)
    train(settings)
    weights, reference = load_file(settings.output), load_file(unbroken.output)
    assert all(torch.equal(weights[name], reference[name]) for name in reference)


def test_the_published_weights_are_finetuned(tiny: TrainSettings) -> None:
    few = TrainSettings(
        data=tiny.data, output=tiny.output, resolution=32, epochs=1, batch_size=8, lr=1e-9, ema=0,
        finetune=Path("pretrained"), device="cpu", precision="fp32",
    )  # fmt: skip
    train(few)
    published, weights = load_network("dreamnet").module.state_dict(), load_file(tiny.output)
    assert torch.equal(weights["conv1.conv.weight"].float(), published["conv1.conv.weight"])
    assert load_network(weights=tiny.output).class_names == CLASSES


def test_a_network_keeps_the_input_that_it_knows(tiny: TrainSettings, tmp_path: Path) -> None:
    network = load_network("googlenet", random_seed=1)
    torch.save(network.module.state_dict(), tmp_path / "google.pth")
    settings = TrainSettings(
        data=tiny.data, output=tiny.output, model="googlenet", resolution=32, epochs=1, batch_size=8, lr=1e-9, ema=0,
        finetune=tmp_path / "google.pth", device="cpu", precision="fp32",
    )  # fmt: skip
    train(settings)
    assert metadata_of(tiny.output)["mean"] == "0.5,0.5,0.5"
    loaded = load_network(weights=tiny.output)
    assert loaded.mean == loaded.std == (0.5, 0.5, 0.5)
    first = "conv1.conv.weight"
    assert torch.allclose(loaded.module.state_dict()[first], network.module.state_dict()[first], atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"finetune": "missing.safetensors"}, ModelError, "no weights file missing.safetensors"),
        ({"finetune": "pretrained", "width": 1.0}, SettingsError, r"--width 1\.0: .* 0\.5; leave it out"),
        ({"finetune": "pretrained", "middle": 0.5}, SettingsError, "--middle"),
    ],
)
def test_weights_that_cannot_be_begun_from(
    fields: dict[str, object], error: type[Exception], message: str, tiny: TrainSettings
) -> None:
    sizes = {"width", "middle"}
    values = {name: value for name, value in tiny.model_dump().items() if name not in sizes}
    with pytest.raises(error, match=message):
        train(TrainSettings.model_validate({**values, **fields}))


def test_finetuning_takes_shorter_steps(tiny: TrainSettings) -> None:
    usual = changed(tiny, lr=None).resolved().lr
    assert usual is not None
    assert changed(tiny, lr=None, finetune="pretrained").resolved().lr == pytest.approx(0.6 * usual)
    assert changed(tiny, lr=0.3, finetune="pretrained").resolved().lr == 0.3


def test_a_loss_that_is_no_number_stops_the_run(tiny: TrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamvid.train.loop.random_colors", lambda x, *_, **__: x * float("nan"))
    with pytest.raises(ModelError, match="smaller --lr"):
        train(tiny)


def test_an_auxiliary_layer_must_exist_and_stays_out_of_the_weights(tiny: TrainSettings) -> None:
    with pytest.raises(ModelError, match=r"did you mean .*inception4d"):
        train(changed(tiny, auxiliary="inception4x"))
    train(changed(tiny, auxiliary="inception4d"))
    plain = DreamNet(0.125, 3).state_dict()
    assert set(load_file(tiny.output)) == {name for name in plain if "num_batches" not in name}


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_an_error(device: str, tiny: TrainSettings) -> None:
    with pytest.raises(SettingsError, match=device):
        train(changed(tiny, device=device))


NETWORKS = ["googlenet", "efficientnet_lite0"]
LARGE_NETWORKS = ["resnet50", "vgg11", "vgg16", "vgg19", "resnet101", "resnet152"]


@pytest.mark.parametrize("model", NETWORKS)
def test_networks_take_a_step(model: str, tiny: TrainSettings, tmp_path: Path) -> None:
    check_step(model, tiny, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("model", LARGE_NETWORKS)
def test_large_networks_take_a_step(model: str, tiny: TrainSettings, tmp_path: Path) -> None:
    check_step(model, tiny, tmp_path)


def check_step(model: str, tiny: TrainSettings, tmp_path: Path) -> None:
    data = write_textures(tmp_path / "few", count=2)
    settings = changed(tiny, model=model, data=[data], lr=None, epochs=1, batch_size=4, val_split=0, ema=0)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        untrained = new_network(settings.resolved(), CLASSES).state_dict()
    train(settings)
    trained = load_file(settings.output)
    assert {tensor.dtype for tensor in trained.values()} == {torch.float32}
    moved = [name for name in trained if "weight" in name and not torch.equal(trained[name], untrained[name])]
    assert len(moved) == sum("weight" in name for name in trained), "every weight has a gradient"
