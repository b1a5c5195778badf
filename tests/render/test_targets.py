from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch

from dreamvid.config.settings import ConditioningSettings, FrameSettings, LookSettings, make_settings
from dreamvid.dream import Target
from dreamvid.dream.gradient import image_gradient
from dreamvid.dream.objective import Reversed, Score
from dreamvid.dream.objectives.energy import Energy
from dreamvid.errors import ModelError, SettingsError
from dreamvid.models import Network, load_network
from dreamvid.render import targets
from dreamvid.render.plan import STILL
from dreamvid.render.preparation import prepare
from dreamvid.render.targets import auto_layers, make_dream_core, make_look, resolve_targets
from dreamvid.runtime.device import Machine
from tests.tiny import noise

CPU = Machine(torch.device("cpu"), "fp32")


def goals(**values: Any) -> list[tuple[str, str, Target]]:
    settings = make_settings({"model": "dreamnet", **values})
    return [(goal.network.spec.name, goal.tap, goal.target) for goal in resolve_targets(settings)]


def test_nothing_said_is_the_networks_own_layer() -> None:
    assert goals() == [("dreamnet", "inception4d", Target())]


def test_layers_have_weights_and_channels() -> None:
    assert goals(layer=["inception4c:0.5@3-5", "mixed4d"], channels="7,9") == [
        ("dreamnet", "inception4c", Target(0.5, (3, 4, 5))),
        ("dreamnet", "inception4d", Target(1.0, (7, 9))),
    ]


def test_a_class_alone_is_all_that_is_climbed_and_beside_layers_one_target_more() -> None:
    number = load_network("dreamnet").class_number("school bus")
    wanted = ("dreamnet", "logits", Target(0.5, (number,), objective=Score()))
    assert goals(class_=["school bus:0.5"]) == [wanted]
    assert goals(**{"class": ["school bus:0.5"], "layer": "inception4a"}) == [
        ("dreamnet", "inception4a", Target()),
        wanted,
    ]


def test_reverse_turns_every_target() -> None:
    turned = goals(layer="inception4a/pre", class_="3", reverse=True)
    assert [target.objective for _, _, target in turned] == [Reversed(Energy()), Reversed(Score())]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"layer": "inception4d@999"}, SettingsError, r"inception4d of dreamnet has \d+ channels, .* no channel 999"),
        ({"channels": "0-5000"}, SettingsError, r"no channel 5000"),
        ({"class_": "scool bus"}, ModelError, r"did you mean school bus"),
        ({"layer": "dreamnet/inception9"}, ModelError, r"dreamnet has no layer 'inception9'; did you mean"),
        ({"layer": "vgg61/relu4_3"}, ModelError, r"dreamnet has no layer"),
    ],
)
def test_what_is_not_there_is_one_clear_line(values: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        goals(**values)


def test_layers_of_several_networks_are_dreamed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, **_: Any) -> Network:
        return load_network(name, random_seed=None if name == "dreamnet" else 5)

    monkeypatch.setattr(targets, "fetch_network", lambda *_, **__: iter(()))
    monkeypatch.setattr(targets, "load_fetched_network", offline)
    settings = make_settings(
        {
            "model": "vgg16",  # not among the layers, so it is not loaded
            "layer": ["dreamnet/inception4c", "squeezenet1_1/fire3:0.5", "dreamnet/inception_3a/output"],
            "octaves": 1,
            "iterations": 1,
            "jitter": 0,
        }
    )
    found = resolve_targets(settings)
    assert [(goal.network.spec.name, goal.tap) for goal in found][:2] == [
        ("dreamnet", "inception4c"),
        ("dreamnet", "inception3a"),
    ]
    dreamer = make_dream_core(found, settings, CPU)
    picture = noise(64, 80)
    mixed = image_gradient(dreamer.extractor, picture, dreamer.look.targets, dreamer.look.spread)
    dreamnet, squeezenet = (goal.network for goal in (found[0], found[2]))
    expected = torch.zeros_like(picture)
    parts = [[(dreamnet, "inception4c", 1.0), (dreamnet, "inception3a", 1.0)], [(squeezenet, "fire3", 0.5)]]
    for part in parts:
        goals = [targets.TapTarget(network, tap, Target(weight)) for network, tap, weight in part]
        alone = make_dream_core(goals, settings, CPU)
        expected += image_gradient(alone.extractor, picture, alone.look.targets, alone.look.spread)
    assert torch.allclose(mixed, expected, rtol=1e-3, atol=1e-4)


def test_every_setting_of_the_look_reaches_the_dream_core() -> None:
    """Each is given a value that is not its default; a field that is forgotten keeps its own."""
    values = {
        "octaves": 3, "octave_scale": 1.7, "octave_sizes": (100, 0), "iterations": (4,), "step": 2.5,
        "step_decay": 0.5, "jitter": 7, "color_prior": 0.45, "spectrum": 0.3, "laplacian": 2, "smooth": 1.5,
        "tv": 0.25, "l2": 0.125, "keep_color": True, "spread": 0.75, "seed": 11,
    }  # fmt: skip
    elsewhere = {"strength", "mask", "quality"}  # in the plan of a frame, and in numbers of steps
    assert set(values) | elsewhere == set(LookSettings.model_fields) | set(ConditioningSettings.model_fields)
    look = make_look(FrameSettings(**values), [Target()])
    assert {name: getattr(look, name) for name in values} == values


def test_tile_and_memory_reach_the_dream_core() -> None:
    for values, tiles in (({"tile": "64"}, 4), ({"tile": "none"}, 1), ({"memory": 0.001}, 4), ({}, 1)):
        settings = make_settings({"model": "dreamnet", "layer": "conv1", **values})
        made = make_dream_core(resolve_targets(settings), settings, CPU)
        budget, size = made.shared.budget, (130, 128)
        assert len(budget.tiling(size, size, made._constraints, made._measure_bytes_per_pixel)) == tiles


def test_what_does_not_dream_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[weakref.ref[torch.nn.Module]] = []

    def watched(*_: Any, **__: Any) -> Network:
        found = load_network("dreamnet")
        loaded.append(weakref.ref(found.module))
        return found

    monkeypatch.setattr(targets, "load_fetched_network", watched)
    prepared = prepare(make_settings({"layer": "conv2"}), STILL, (64, 64), CPU, governed=False)
    gc.collect()
    (network,) = loaded
    assert network() is None
    assert prepared.weights["dreamnet"].name == "dreamnet.safetensors"


def test_a_network_may_dream_on_several_layers_where_nobody_says_which() -> None:
    found = resolve_targets(make_settings({"model": "efficientnet_lite0"}))
    assert [(goal.tap, goal.layer) for goal in found] == [("block10", 0), ("block13", 1)]
    (chosen,) = resolve_targets(make_settings({"model": "efficientnet_lite0", "layer": "block3"}))
    assert chosen.tap == "block3"


def test_googlenets_names_mean_layers_of_the_network_that_auto_has_found() -> None:
    network = load_network("efficientnet_lite0")
    settings = make_settings({"layer": ["inception_3b/3x3", "block10"]})
    found = resolve_targets(settings, {("auto", None): network})
    assert [goal.tap for goal in found] == ["block4", "block10"]
    said = [notice.text for notice in auto_layers(found, settings)]
    assert said == ["--layer inception_3b/3x3 is mapped to block4 of efficientnet_lite0, which is at the same depth"]
    with pytest.raises(ModelError, match="its layer at the same depth is block4"):
        resolve_targets(make_settings({"model": "efficientnet_lite0", "layer": "inception3b"}))
