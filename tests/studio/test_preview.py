"""Previews come in stages, give way to newer ones, and end where the dream itself does."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.dream.target import Target
from dreamvid.models import load_network
from dreamvid.render import targets
from dreamvid.runtime.events import Notice
from dreamvid.studio import preview
from dreamvid.studio.preview import Previewer
from tests.tiny import TinyExtractor, noise

SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"
QUICK = {"model": "dreamnet", "layer": "conv2", "octaves": "2", "iterations": "2"}


@pytest.fixture(scope="module")
def previewer() -> Previewer:
    return Previewer("cpu")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "DRAFT_SIDE", 64)
    monkeypatch.setattr(preview, "SHOWN_SIDE", 96)


def test_octaves_end_in_the_dream() -> None:
    look = Look(targets=(Target(),), octaves=3, iterations=(2,), jitter=2)
    dreamer, picture = DreamCore(TinyExtractor(), look), noise(48, 64)
    stages = list(dreamer.dream_by_octaves(picture))
    assert [stage.shape for stage in stages] == [picture.shape] * 3
    assert torch.equal(stages[-1], dreamer.dream(picture))
    assert not torch.equal(stages[0], stages[1])


def test_loading_tells_what_it_does_and_happens_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "fetch_network", lambda *_, **__: iter([Notice("a moment")]))
    monkeypatch.setattr(targets, "load_fetched_network", lambda *_, **__: load_network("dreamnet"))
    fresh, settings = Previewer("cpu"), make_settings(QUICK)
    assert list(fresh.load(settings)) == [Notice("a moment")]
    assert list(fresh.load(settings)) == []
    assert fresh.model(settings) == "dreamnet"


@pytest.mark.usefixtures("small")
def test_drafts_come_before_the_dream(previewer: Previewer) -> None:
    settings = make_settings(QUICK)
    look_at = partial(previewer.look_at, SAMPLE, settings, 40, Fraction(24000, 1001))
    shown = list(previewer.show(look_at, settings))
    assert [one.stage for one in shown] == ["draft", "draft", "preview", "preview", "preview"]
    assert [one.is_final for one in shown] == [False] * 4 + [True]
    assert {one.after.shape for one in shown} == {one.before.shape for one in shown} == {(54, 96, 3)}
    assert np.array_equal(shown[-1].after, list(previewer.show(look_at, settings))[-1].after)
    assert not np.array_equal(shown[-1].after, shown[-1].before)


@pytest.mark.usefixtures("small")
def test_a_preview_that_nobody_wants_any_more_ends(previewer: Previewer) -> None:
    settings = make_settings(QUICK)
    wanted = iter([True, True, False])
    look_at = partial(previewer.look_at, SAMPLE, settings, 40, None)
    shown = list(previewer.show(look_at, settings, lambda: next(wanted, False)))
    assert len(shown) == 1


@pytest.mark.usefixtures("small")
def test_strength_zero_shows_the_frame(previewer: Previewer) -> None:
    settings = make_settings(QUICK, {"strength": "0"})
    look_at = partial(previewer.look_at, SAMPLE, settings, 0, None)
    *_, last = previewer.show(look_at, settings)
    assert np.array_equal(last.before, last.after)


def test_small_pictures_are_dreamed_in_as_many_octaves_as_they_have_room_for(previewer: Previewer) -> None:
    settings = make_settings(QUICK, {"octaves": "9", "octave-scale": "2"})
    still = previewer.look_at(SAMPLE, settings, 0, None, 64)
    assert previewer.cell(still, settings).shape == (36, 64, 3)


def test_channels_are_ranked_as_layers_of_their_own(previewer: Previewer) -> None:
    settings = make_settings(QUICK)
    still = previewer.look_at(SAMPLE, settings, 40, None, 96)
    ranked = previewer.rank_channels(still, settings, 4)
    assert len({target.channels for target in ranked}) == 4
    assert {target.name for target in ranked} == {"conv2"}
