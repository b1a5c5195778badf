from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dreamvid.errors import SettingsError
from dreamvid.train.plan import Plan, generator_for, learning_rate
from dreamvid.train.settings import MODEL_DEFAULTS, TrainSettings


def plan(**changes: object) -> Plan:
    settings = TrainSettings.model_validate(
        {"data": [Path("x")], "epochs": 10, "batch_size": 10, "lr": 0.4, **changes}
    )
    return Plan.of(settings.resolved(), 105)


def test_one_cycle_rises_and_falls_and_cosine_only_falls() -> None:
    cycle = [learning_rate(i / 100, "onecycle") for i in range(101)]
    peak = cycle.index(max(cycle))
    assert cycle[peak] == pytest.approx(1)
    assert cycle[: peak + 1] == sorted(cycle[: peak + 1])
    assert cycle[peak:] == sorted(cycle[peak:], reverse=True)
    assert 0 < peak < 30
    assert cycle[-1] < 0.01 < cycle[0] < 0.2
    cosine = [learning_rate(i / 100, "cosine") for i in range(101)]
    assert cosine[0] == 1
    assert cosine == sorted(cosine, reverse=True)


def test_every_step_belongs_to_its_epoch_and_the_odd_pictures_wait() -> None:
    whole = plan()
    assert whole.steps_per_epoch == 10
    assert whole.total_steps == 100
    assert [whole.step(i).epoch for i in (0, 9, 10, 99)] == [0, 0, 1, 9]
    assert [whole.step(i).place for i in (0, 9, 10)] == [0, 9, 0]


def test_fewer_pictures_than_a_batch_still_make_a_step() -> None:
    settings = TrainSettings(data=[Path("x")], batch_size=64).resolved()
    assert Plan.of(settings, 5).steps_per_epoch == 1


def test_pictures_grow_to_the_resolution() -> None:
    growing = plan(growth="0.25:32,0.65:48", resolution=64)
    assert [growing.step(10 * epoch).size for epoch in range(10)] == [32] * 3 + [48] * 4 + [64] * 3


def test_the_robust_phase_follows_with_its_own_cycle_at_full_size() -> None:
    robust = plan(robust=0.5, robust_epochs=2, robust_lr=0.05, growth={0.5: 32}, resolution=64)
    steps = [robust.step(i) for i in range(robust.total_steps)]
    assert [step.robust for step in steps] == [False] * 100 + [True] * 20
    assert {step.size for step in steps if step.robust} == {64}
    assert max(step.lr for step in steps if step.robust) == pytest.approx(0.05, rel=0.05)
    assert steps[-1].lr < 0.005


def test_no_budget_means_no_robust_phase() -> None:
    assert plan(robust_epochs=5).total_epochs == 10


def test_random_streams_differ_by_seed_purpose_and_step() -> None:
    keys = [(seed, stream, i) for seed in (0, 1) for stream in ("order", "augment", "dropout") for i in (0, 1, 7)]
    draws = {tuple(torch.randperm(1000, generator=generator_for(*key))[:8].tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_defaults_follow_the_network() -> None:
    def resolved(**fields: object) -> TrainSettings:
        return TrainSettings.model_validate({"data": [Path("rooms")], **fields}).resolved()

    assert resolved(model="resnet50").optimizer == "adam"
    assert {resolved(model=name).optimizer for name in ("vgg11", "googlenet", "dreamnet")} == {"sgd"}
    assert resolved(model="vgg16").resolution == 224
    assert resolved(model="vgg16", lr=0.3, optimizer="adam", resolution=96).lr == 0.3
    assert resolved(model="vgg16", optimizer="adam").optimizer == "adam"
    assert resolved().name == "rooms"
    assert set(MODEL_DEFAULTS) >= {"vgg11", "vgg16", "vgg19", "resnet50", "resnet101", "resnet152"}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"growth": {1.5: 32}}, "growth"),
        ({"growth": "half"}, "FRACTION:PIXELS"),
        ({"val": Path("v"), "val_list": Path("l")}, "val_list"),
        ({"train_list": Path("l"), "val_split": 0}, "train_list"),
        ({"epochs": 0}, "nothing to do"),
        ({"model": "alexnet"}, "dreamnet"),
        ({"lr": 0}, "lr"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, object], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        TrainSettings.model_validate({"data": [Path("x")], **fields})
