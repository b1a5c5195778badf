from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.config.presets import describe_preset, list_presets, read_preset
from dreamvid.config.settings import (
    GROUPS,
    ZOOM_GROUPS,
    FrameSettings,
    Settings,
    ZoomSettings,
    build_settings,
    make_settings,
    read_settings_file,
)
from dreamvid.config.types import LayerTarget
from dreamvid.errors import SettingsError
from dreamvid.output.recipe import write_recipe
from dreamvid.schedule import Moment


def test_text_means_what_a_person_would_mean() -> None:
    settings = make_settings(
        {
            "layer": ["inception4d:0.7", "inception_4c/output", "inception4d:pre", "relu4_3:-1"],
            "iterations": "28,16, 6,2",
            "warm-iterations": "3",
            "start": "1:02.5",
            "end": "90s",
            "rate": "24000/1001",
            "size": "640x360",
            "octave_scale": "1.5",
        }
    )
    assert settings.layer == (
        LayerTarget("inception4d", 0.7),
        LayerTarget("inception_4c/output"),
        LayerTarget("inception4d:pre"),
        LayerTarget("relu4_3", -1.0),
    )
    assert settings.iterations == (28, 16, 6, 2)
    assert settings.warm_iterations == (3,)
    assert (settings.start, settings.end) == (Fraction(125, 2), Fraction(90))
    assert settings.rate == Fraction(24000, 1001)
    assert settings.size == (640, 360)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"octavs": 1}, r"no setting 'octavs'; did you mean octaves"),
        ({"octaves": "x"}, r"--octaves: '>>x<<', column 1: there is no 'x'"),
        ({"octaves": "2.5"}, r"--octaves: '2.5' is not auto or a number of octaves"),
        ({"strength": "0:(0), 48:(11)"}, r"--strength: 48:\(11\) is out of bounds; give at least 0 and at most 10"),
        ({"layer": "0s:(inception3b), 8s:()"}, r"--layer: .*expected a layer"),
        ({"octaves": 33}, r"--octaves: .*less than or equal to 32.*'33'"),
        ({"octave-scale": "1"}, r"--octave-scale: .*greater than 1"),
        ({"blend": "1.5"}, r"--blend: .*less than or equal to 1"),
        ({"step": "nan"}, r"--step: .*finite"),
        ({"iterations": "3,x"}, r"--iterations: '3,x' is not a whole number or a list"),
        ({"iterations": "-1"}, r"--iterations: "),
        ({"layer": "a:0"}, r"--layer: 'a:0' is not NAME or NAME:WEIGHT"),
        ({"flow": "fast"}, r"--flow: there is no optical flow method 'fast'; use dis, "),
        ({"start": "soon"}, r"--start: 'soon' is not a time"),
        ({"start": "-1"}, r"--start: '-1' is before"),
        ({"size": "640"}, r"--size: '640' is not WIDTHxHEIGHT"),
        ({"rate": "0"}, r"--rate: "),
        ({"tile": "32"}, r"--tile: '32' is not auto, none or a number of pixels of at least 64"),
        ({"tile": "big"}, r"--tile: 'big' is not auto, none or"),
        ({"memory": "0"}, r"--memory: .*greater than 0"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        make_settings(values)
    assert "\n" not in str(caught.value)


def test_later_values_win_and_a_models_look_comes_before_all() -> None:
    settings = make_settings({"octaves": 3, "step": 2}, {"step": 4}).for_model({"step": 9.0, "jitter": 8})
    assert (settings.octaves, settings.step, settings.jitter) == (3, 4.0, 8)


def test_a_file_holds_the_same_keys_as_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "look.yaml"
    file.write_text("about: mine\nlayer: [inception4c, 'inception5a:0.5']\noctave-scale: 1.6\niterations: [8, 4]\n")
    settings = make_settings(read_settings_file(file))
    assert settings.layer == (LayerTarget("inception4c"), LayerTarget("inception5a", 0.5))
    assert settings.octave_scale == 1.6
    assert settings.iterations == (8, 4)


@pytest.mark.parametrize("text", ["[1, 2", "- 1\n- 2\n", "!!python/object/apply:os.system ['true']\n"])
def test_a_broken_or_hostile_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"bad\.yaml"):
        read_settings_file(file)


def test_every_setting_belongs_to_one_group_and_has_help() -> None:
    grouped = [name for _, group in GROUPS for name in group.model_fields]
    assert sorted(grouped) == sorted(Settings.model_fields)
    assert all(Settings.model_fields[name].description for name in grouped)
    in_a_zoom = [name for _, group in ZOOM_GROUPS for name in group.model_fields]
    assert sorted(in_a_zoom) == sorted(ZoomSettings.model_fields)


NEEDED = {"voice": {"stem": ["vox=voice.wav"]}, "score": {"midi": ["score.mid"]}}
"""What some presets follow, as their descriptions say."""


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_can_be_used(name: str) -> None:
    command = describe_preset(list_presets()[name]).command
    needed = NEEDED.get(name, {})
    if needed:
        kind = ZoomSettings if command == "zoom" else Settings
        with pytest.raises(SettingsError, match=f"--{next(iter(needed))}"):
            build_settings(kind, read_preset(name, command or "dream"))
    if command == "zoom":
        build_settings(ZoomSettings, read_preset(name, "zoom"), needed)
        with pytest.raises(SettingsError, match=f"'{name}' is for `dreamvid zoom`"):
            read_preset(name, "dream")
    else:
        make_settings(read_preset(name, "dream"), needed)
        build_settings(ZoomSettings, read_preset(name, "zoom"), needed)


def test_the_defaults_validate() -> None:
    make_settings(Settings().model_dump())


def test_numbers_and_layers_may_change_over_time() -> None:
    settings = make_settings(
        {
            "strength": "0:(0), 48:(1)",
            "octaves": "2 + t",
            "spectrum": "5*t",
            "layer": ["0s:(inception3b:0.5), 4s:(inception4d@3)", "inception5a:2"],
        }
    )
    assert settings.varies
    assert settings.layers is not None
    assert [layer.name for layer in settings.layers] == ["inception3b", "inception4d", "inception5a"]
    second = settings.at(Moment.of_frame(24, 24))
    assert type(second) is FrameSettings
    assert (second.strength, second.octaves, second.spectrum) == (0.5, 3, 3.0)  # kept within its bounds
    assert second.layer == (
        LayerTarget("inception3b", 0.375),
        LayerTarget("inception4d", 0.25, (3,)),
        LayerTarget("inception5a", 2.0),
    )
    assert write_recipe(settings)["layer"] == ["0s:(inception3b:0.5), 4s:(inception4d@3)", "inception5a:2"]
    again = make_settings(write_recipe(settings))
    assert again.at(Moment.of_frame(31, 24)) == settings.at(Moment.of_frame(31, 24))


def test_a_schedule_that_never_changes_is_a_number() -> None:
    settings = make_settings({"step": "3/2"})
    assert not settings.varies
    assert settings.step == 1.5
    assert "step" in settings.model_fields_set


def test_a_models_look_yields_to_a_schedule() -> None:
    settings = make_settings({"step": "1 + t"}).for_model({"step": 9.0, "jitter": 8})
    assert settings.at(Moment.of_frame(0, 24)).step == 1.0
    assert settings.jitter == 8


def test_quality_changes_the_steps_that_nobody_set() -> None:
    normal = make_settings({}).for_model({"step": 0.8})
    draft = make_settings({"quality": "draft"}).for_model({"step": 0.8})
    high = make_settings({"quality": "high"}).for_model({"step": 0.8})
    assert sum(draft.warm_iterations) < sum(normal.warm_iterations) < sum(high.warm_iterations)
    assert sum(draft.iterations) < sum(normal.iterations) < sum(high.iterations)
    assert draft.step == normal.step == high.step == 0.8
    assert make_settings({"quality": "draft"}).for_model({}).step is None  # as long as the strength asks for
    chosen = make_settings({"quality": "draft", "iterations": 30, "step": 2}).for_model({"step": 0.8})
    assert (chosen.iterations, chosen.step) == ((30,), 2)
    assert chosen.warm_iterations == draft.warm_iterations
