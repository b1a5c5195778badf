from __future__ import annotations

from dreamvid.config.settings import make_settings
from dreamvid.models import MODELS


def test_a_networks_look_stands_in_for_what_nobody_has_set() -> None:
    look = {"spectrum": 1.5, "jitter": 8}
    assert make_settings({}).for_model(look).spectrum == 1.5
    chosen = make_settings({"spectrum": 0.2}).for_model(look)
    assert (chosen.spectrum, chosen.jitter) == (0.2, 8)


def test_every_look_names_settings_that_are_there() -> None:
    for spec in MODELS.values():
        make_settings(spec.look)
