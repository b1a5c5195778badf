from __future__ import annotations

from dreamvid.models import MODELS, load_network
from dreamvid.settings import make_settings


def test_a_single_layers_look_applies_to_it_alone() -> None:
    spec = MODELS["dreamnet"]
    early = spec.look_for(["inception3a"])["step"]
    assert early < 1.5
    assert "step" not in spec.look_for(["inception3a", "inception4d"])
    assert make_settings({}).for_model(spec.look_for(["inception3a"])).step == early
    assert make_settings({"step": 3}).for_model(spec.look_for(["inception3a"])).step == 3


def test_every_look_names_layers_and_settings_that_are_there() -> None:
    for spec in MODELS.values():
        make_settings(spec.look)
        if spec.layer_looks:
            network = load_network(spec.name)
            for layer, look in spec.layer_looks.items():
                assert network.resolve(layer) == layer
                make_settings(look)
