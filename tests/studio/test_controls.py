"""Controls are the settings, and the shown command line is what they are set to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.cli.main import run
from dreamvid.config.settings import GROUPS, RunSettings, Settings, make_settings
from dreamvid.output.recipe import write_recipe
from dreamvid.studio.command import command_words, essential, show_command
from dreamvid.studio.controls import Control, list_controls

CONTROLS = {control.key: control for control in list_controls()}

SOME = {
    "layer": ["inception4c:0.5", "inception3a@1,2"],
    "class": ["school bus:2"],
    "channels": "3,10-12",
    "strength": "0:(0.2), 48:(1.0)",
    "octaves": 3,
    "octave-sizes": "60,120,full",
    "iterations": "10,5",
    "spectrum": 1.25,
    "keep-color": True,
    "sidecar": False,
    "offset": -1.5,
    "shots": "2-3",
    "start": "1:02.5",
    "size": "64x36",
    "rate": "24000/1001",
    "bit-depth": "8",
    "cuts": "none",
    "model": "dreamnet",
}


def parsed(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the command line makes of some words."""
    import dreamvid.cli.progress
    import dreamvid.render

    jobs: list[Any] = []
    monkeypatch.setattr(dreamvid.render, "render_job", jobs.append)
    monkeypatch.setattr(dreamvid.cli.progress, "show", lambda *_: None)
    assert run(words) == 0
    return jobs[0].settings


def typed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: CONTROLS[key].text(value) for key, value in values.items()}


def test_every_setting_but_those_of_the_machine_has_a_control() -> None:
    wanted = [name for _, group in GROUPS if group is not RunSettings for name in group.model_fields]
    assert [control.name for control in CONTROLS.values()] == wanted


def test_the_kind_of_a_control_is_the_fields_type() -> None:
    kinds = {"max-size": "number", "crf": "number", "seed": "number", "strength": "slider", "step": "number",
             "codec": "choice", "cuts": "choice", "guide": "file", "class": "many", "sidecar": "switch", "size": "text",
             "iterations": "text"}  # fmt: skip
    assert {key: CONTROLS[key].kind for key in kinds} == kinds
    assert {key for key, control in CONTROLS.items() if control.brings_look} == {"model", "layer"}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=lambda control: control.key)
def test_a_control_that_is_not_touched_says_nothing(control: Control) -> None:
    shown = control.shown(write_recipe(Settings()))
    text = control.text(shown)
    assert essential({} if text is None else {control.key: text}).keys() <= {"spectrum"}  # networks have opinions of it


@pytest.mark.parametrize("control", [one for one in CONTROLS.values() if one.kind == "slider"], ids=lambda one: one.key)
def test_both_ends_of_a_slider_are_in_bounds(control: Control) -> None:
    for end in (control.low, control.high):
        settings = make_settings({control.key: control.text(end)})
        assert control.shown(write_recipe(settings)) == end


def test_what_a_slider_cannot_show_leaves_it_where_it_was() -> None:
    assert CONTROLS["strength"].shown({"strength": "0:(1), 9:(2)"}) == 1.0
    assert CONTROLS["strength"].shown({"strength": "9.5"}) == 1.0


def test_the_command_line_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = typed(SOME)
    words = shlex.split(show_command("my clip.mp4", values, {}))
    assert words[:2] == ["dreamvid", "my clip.mp4"]
    assert write_recipe(parsed(words[1:], monkeypatch)) == write_recipe(make_settings(values))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(sorted(SOME)), max_size=5))
def test_only_what_differs_from_the_defaults_is_shown(chosen: set[str]) -> None:
    words = command_words("clip.mp4", typed({key: SOME[key] for key in chosen}))
    flags = {word.removeprefix("--no-").removeprefix("--").partition("=")[0] for word in words if word[:2] == "--"}
    assert flags == chosen
    assert command_words("clip.mp4", {"strength": "1.0", "octaves": "auto", "keep-color": False}) == ["clip.mp4"]


def test_a_step_that_is_set_holds_for_layers_with_a_step_of_their_own() -> None:
    assert command_words("clip.mp4", {"step": "1.5"}) == ["clip.mp4", "--step", "1.5"]


def test_files_are_called_what_their_owner_calls_them() -> None:
    shown = show_command("clip.mp4", {"guide": "/x/leopard 1.jpg"}, {"/x/leopard 1.jpg": "leopard 1.jpg"})
    assert shown == "dreamvid clip.mp4 --guide 'leopard 1.jpg'"
    assert command_words("-x.mp4", {"guide": "/x/a.jpg"}) == ["./-x.mp4", "--guide", str(Path("/x/a.jpg"))]
