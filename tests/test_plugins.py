"""What another package brings is found wherever the built-in things are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid import Started
from dreamvid.cli.main import run
from dreamvid.config.settings import make_settings
from dreamvid.errors import ModelError, SettingsError
from dreamvid.media import open_reader, open_writer, probe
from dreamvid.models import describe_layers
from dreamvid.render import Job, render_job
from dreamvid.runtime import registers
from dreamvid.runtime.registers import CODECS, DEPTHS, FLOWS, MODELS, OBJECTIVES
from dreamvid.studio.controls import list_controls
from tests.output.stopping import stop_after
from tests.plugged import install, install_broken

BROUGHT = {
    "model": ("stripes", MODELS),
    "codec": ("utvideo", CODECS),
    "flow": ("shift", FLOWS),
    "objective": ("peaks:power=3", OBJECTIVES),
}
QUICK = {"model": "dreamnet", "octaves": 1, "iterations": 1, "warm-iterations": 1, "step": 1, "save-every": 0}


def _forget() -> None:
    registers._all_entry_points.cache_clear()
    for register in (MODELS, CODECS, FLOWS, OBJECTIVES, DEPTHS):
        register._brought.clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "plugged"]:
        del sys.modules[name]


@pytest.fixture
def plugged(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = install(tmp_path_factory.mktemp("packages"))
    monkeypatch.syspath_prepend(folder)
    _forget()
    yield folder
    _forget()


@pytest.fixture
def torn(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = install_broken(tmp_path_factory.mktemp("packages"))
    monkeypatch.syspath_prepend(folder)
    _forget()
    yield folder
    _forget()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    with open_writer(path, width=64, height=48, rate=12) as writer:
        for index in range(8):
            writer.write(np.stack([np.roll(np.tile(ramp, (48, 1)), shift, 1) for shift in (index, 9, 20)], 2))
    return path


def rendered(clip: Path, target: Path, values: Mapping[str, Any]) -> str:
    """Render with `values`; tell the frames."""
    for _ in render_job(Job(clip, target, make_settings(values))):
        pass
    return frames(target)


def frames(path: Path) -> str:
    digest = hashlib.sha256()
    with open_reader(path) as reader:
        for frame in reader:
            digest.update(frame.tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("option", BROUGHT)
@pytest.mark.usefixtures("plugged")
def test_what_a_package_brings_is_found_everywhere(option: str, clip: Path, tmp_path: Path) -> None:
    value, register = BROUGHT[option]
    name = value.partition(":")[0]
    assert name in register.names()
    (control,) = [control for control in list_controls() if control.key == option]
    assert name in control.choices

    chosen = QUICK | {option: value}
    config, output = tmp_path / "look.yaml", tmp_path / "dream.mkv"
    config.write_text("".join(f"{key}: {item}\n" for key, item in chosen.items()))
    assert run([str(clip), "--config", str(config), "-o", str(output), "--progress", "none"]) == 0
    assert json.loads((tmp_path / "dream.mkv.json").read_text())["recipe"][option] == value
    if option == "codec":
        assert probe(output).pixel_format == "gbrp"
    else:  # it does something
        assert frames(output) != rendered(clip, tmp_path / "usual.mkv", QUICK)

    again = tmp_path / "again.mkv"
    stop_after(Job(clip, again, make_settings(chosen)), 5)
    (started,) = [event for event in render_job(Job(clip, again, make_settings(chosen))) if isinstance(event, Started)]
    assert started.resumed > 0
    assert started.model == ("stripes" if option == "model" else "dreamnet")
    assert frames(again) == frames(output)


@pytest.mark.usefixtures("plugged")
def test_a_depth_model_of_a_package_estimates_the_depth_of_films_and_zooms(clip: Path, tmp_path: Path) -> None:
    """What is above is far, and stays as it is; a zoom flies over the same floor."""
    assert "ramp" in DEPTHS.names()
    chosen = {"depth": "model:ramp", "strength": "1 if depth < 0.5 else 0", "codec": "ffv1"}
    output = tmp_path / "dream.mkv"
    assert run([str(clip), "-o", str(output), "--progress", "none", *words(QUICK | chosen)]) == 0
    with open_reader(output) as reader, open_reader(clip) as raw:
        change = np.abs(np.stack(list(reader)) - np.stack(list(raw)))
    assert float(change[:, :23].max()) < 1e-3 < float(change[:, 25:].mean())
    flights = []
    for name in ("ramp", "brightness"):
        flights.append(tmp_path / f"{name}.mkv")
        depth = {"depth": f"model:{name}", "duration": 0.1, "zoom": 2, "codec": "ffv1"}
        options = words({key: value for key, value in (QUICK | depth).items() if key != "save-every"})
        assert run(["zoom", str(clip), "-o", str(flights[-1]), "--progress", "none", *options]) == 0
    assert frames(flights[0]) != frames(flights[1])


@pytest.mark.usefixtures("plugged")
def test_a_network_of_a_package_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    out = capsys.readouterr().out
    assert "stripes " in out
    assert "stripes: MIT" in out
    assert run(["layers", "Stripes"]) == 0
    assert {"edges", "stripes"} <= {row.name for row in describe_layers("stripes")}
    assert "edges" in capsys.readouterr().out


def test_help_names_what_packages_bring(plugged: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(plugged), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "dreamvid", "--help"], env=environment, capture_output=True, text=True, check=True
    )
    words = " ".join(done.stdout.split())
    assert "Optical flow: dis, farneback, none, raft or shift;" in words
    assert "energy, strongest or peaks." in words
    assert "webp or utvideo." in words


@pytest.mark.usefixtures("plugged")
def test_options_of_an_objective_are_checked_before_the_first_frame(clip: Path, tmp_path: Path) -> None:
    faults = {
        "peaks:powr=3": "objective peaks has no option 'powr'; did you mean power?",
        "peaks:power=much": "objective peaks: power must be a number, not 'much'",
        "strongest:channels=0": "objective strongest: channels must be at least 1",
        "strongest:channels=2.5": "objective strongest: channels must be a whole number, not '2.5'",
        "energy:x=1": "objective energy has no option 'x'; it has none",
    }
    for text, line in faults.items():
        with pytest.raises(SettingsError) as caught:
            rendered(clip, tmp_path / "never.mp4", QUICK | {"objective": text})
        assert str(caught.value) == f"--objective: {line}"


@pytest.mark.usefixtures("torn")
def test_what_is_broken_is_named_and_in_nobodys_way(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for register, error, reason in [
        (MODELS, ModelError, "ModuleNotFoundError: No module named 'torn'"),
        (CODECS, SettingsError, "subclass of dreamvid.media.codecs:AnyCodec, not no codec at all"),
        (FLOWS, SettingsError, "AttributeError: module 'plugged' has no attribute 'GONE'"),
        (OBJECTIVES, SettingsError, "subclass of dreamvid.dream.objective:Objective, not <class 'plugged.ShiftFlow'>"),
        (DEPTHS, SettingsError, "subclass of dreamvid.space.depth_model:DepthModel, not <class 'plugged.ShiftFlow'>"),
    ]:
        assert "torn" in register.names()
        assert "torn" not in list(register)
        with pytest.raises(error) as caught:
            register.find("torn")
        line = str(caught.value)
        assert line.startswith(f"{register.what} torn of the package torn cannot be loaded (")
        assert reason in line
        assert line.endswith("); update or uninstall that package")
        assert line in register.faults()
    assert CODECS.faults()[-1].startswith("the package torn: its codec h264 is not used")
    assert run(["models"]) == 0
    out, err = capsys.readouterr()
    assert "googlenet" in out
    assert "stripes" in out
    assert "model torn of the package torn cannot be loaded" in err
    assert run([str(clip), "--model", "torn", "-o", str(tmp_path / "never.mp4")]) == ModelError.exit_code
    assert run([str(clip), "-o", str(tmp_path / "fine.mkv"), "--progress", "none", *words(QUICK)]) == 0


def words(values: Mapping[str, Any]) -> list[str]:
    return [word for key, value in values.items() for word in (f"--{key}", str(value))]


def test_a_name_that_is_not_there_gets_its_neighbors() -> None:
    with pytest.raises(SettingsError, match=r"there is no codec 'h246'; use apng, av1, .*; did you mean h265, h264"):
        make_settings({"codec": "h246"})
    with pytest.raises(SettingsError, match=r"--flow: .*did you mean farneback"):
        make_settings({"flow": "farnebck"})
    with pytest.raises(SettingsError, match="--codec: codec h264 takes no options"):
        make_settings({"codec": "h264:crf=3"})


def test_a_program_registers_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FLOWS, "_own", dict(FLOWS._own))

    @FLOWS.register("still")
    class Still(FLOWS.find("none")):  # type: ignore[misc]
        pass

    assert make_settings({"flow": "still"}).flow == "still"
    assert FLOWS["still"] is Still
    with pytest.raises(ValueError, match="two definitions of optical flow method still"):
        FLOWS.register("still")(Still)
    with pytest.raises(TypeError, match=r"a subclass of dreamvid.motion.flow:FlowMethod"):
        FLOWS.register("shy")(object())


def test_names_are_told_without_loading_anything() -> None:
    script = (
        "import sys; from dreamvid.runtime.registers import CODECS, FLOWS, OBJECTIVES\n"
        "names = [*CODECS.names(), *FLOWS.names(), *OBJECTIVES.names()]\n"
        "heavy = {'torch', 'numpy', 'cv2', 'dreamvid.media'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy or 'h264-nvenc' not in names else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
