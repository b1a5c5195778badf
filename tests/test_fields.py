"""What is known about a setting stands on its field: types that mypy holds to, and no table of names elsewhere."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dreamvid.config.fields import facts_of, takes_schedule
from dreamvid.config.settings import CameraSettings, FrameSettings, MotionSettings, Settings, ZoomSettings, key_of
from dreamvid.errors import SettingsError
from dreamvid.farm.settings import FarmSettings
from dreamvid.schedule import Moment, Schedule
from dreamvid.visualize.settings import VisualizeSettings

ROOT = Path(__file__).parent.parent
MODELS = (Settings, ZoomSettings, FarmSettings, VisualizeSettings)

GIVEN = [
    "half: float = settings.strength",
    "twice = settings.strength * 2",
    "steps = range(settings.octaves)",
    "x: float = zoom.pan_x",
    "names = [layer.name for layer in settings.layer or ()]",
]
OF_A_MOMENT = [
    "half: float = settings.at(now).strength",
    "twice = settings.at(now).strength * 2",
    "steps = range(settings.at(now).octaves)",
    "x: float = zoom.at(now).pan_x",
    "names = [layer.name for layer in settings.at(now).layer or ()]",
]


def errors_in(lines: list[str], file: Path, head: str, arguments: str) -> set[int]:
    """The numbers of the lines, from 0, in which mypy finds an error."""
    pytest.importorskip("mypy")  # is for those who develop
    functions = [f"def f{number}({arguments}) -> None:\n    {line}\n" for number, line in enumerate(lines)]
    file.write_text(head + "".join(functions))
    # Its cache is that of `uv run mypy`: what was checked there takes no time here.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not said.stderr, said.stderr
    # By its name: what the cache holds of an equal file says that one's folder.
    assert all(Path(line.split(":")[0]).name == file.name for line in said.stdout.splitlines()), said.stdout
    errors = [line.split(":") for line in said.stdout.splitlines() if ": error:" in line]
    return {(int(where) - head.count("\n") - 1) // 2 for _, where, *_ in errors}


@pytest.mark.slow
def test_mypy_rejects_a_schedule_that_is_read_as_a_number(tmp_path: Path) -> None:
    head = "from dreamvid.schedule import Moment\nfrom dreamvid.config.settings import Settings, ZoomSettings\n"
    arguments = "settings: Settings, zoom: ZoomSettings, now: Moment"
    assert errors_in([*GIVEN, *OF_A_MOMENT], tmp_path / "snippet.py", head, arguments) == set(range(len(GIVEN)))


@pytest.mark.slow  # torch is checked, too
def test_mypy_knows_what_a_planner_plans_with(tmp_path: Path) -> None:
    head = "".join(
        f"from dreamvid.{module} import {names}\n"
        for module, names in (
            ("render.targets", "make_look"),
            ("render.plan", "Planner"),
            ("config.settings", "Settings, ZoomSettings"),
        )
    )
    arguments = "film: Planner[Settings], zoom: Planner[ZoomSettings]"
    lines = [
        "half: float = film.settings.strength",
        "look = make_look(zoom.settings, [])",
        "x: float = film.at(0).settings.pan_x",
        "share: float = zoom.at(0).settings.blend",
        "half: float = film.at(0).settings.strength",
        "look = make_look(zoom.at(0).settings, [])",
        "x: float = zoom.at(0).settings.pan_x",
        "share: float = film.at(0).settings.blend",
    ]
    assert errors_in(lines, tmp_path / "plans.py", head, arguments) == {0, 1, 2, 3}


def test_a_schedule_stands_in_its_field_until_it_is_asked_for_a_moment() -> None:
    settings = Settings(strength="0.5 + t", layer=["0s:(a), 4s:(b)", "c"])
    assert isinstance(settings.strength, Schedule)
    assert settings.schedules == {"strength": settings.strength}
    now = settings.at(Moment.of_frame(24, 24))
    assert now.strength == 1.5
    assert [layer.weight for layer in now.layer or ()] == [0.75, 0.25, 1.0]
    assert settings.without_schedules().strength == Settings().strength
    assert [layer.weight for layer in settings.without_schedules().layer or ()] == [1, 1, 1]
    assert FrameSettings.model_fields.keys() == Settings.model_fields.keys()


def test_settings_are_checked_in_one_line_wherever_they_are_made() -> None:
    for values in ({"strength": 20}, {"strenght": 1}, {"mask": ""}, {"jitter": "1 +"}):
        with pytest.raises(SettingsError) as caught:
            Settings(**values)
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError, match="no setting 'strenght'; did you mean strength"):
        Settings(strenght=1)
    with pytest.raises(SettingsError, match=r"--fps: "):
        ZoomSettings(fps=0)
    with pytest.raises(TypeError, match="has no strenght"):
        Settings().replace(strenght=1)


def test_a_stretch_of_a_film_is_rendered_without_range_and_cuts() -> None:
    given = Settings(start="1", end="2", frames=3, shots="2", cuts="list.csv", rate=12, strength="t")
    assert given.without_selection() == Settings(rate=12, strength="t").replace(
        start=None, end=None, frames=None, shots=None, cuts="none"
    )


def test_what_a_film_and_a_zoom_both_have_is_alike() -> None:
    """But for default and help, for whom it is, and whether older recipes lack it."""
    shared = MotionSettings.model_fields.keys() & CameraSettings.model_fields.keys()
    assert shared == {"warm_iterations", "every", "loop"}
    for name in shared:
        film, zoom = MotionSettings.model_fields[name], CameraSettings.model_fields[name]
        facts = [replace(facts_of(info), not_for=(), omit_default=False) for info in (film, zoom)]
        assert (film.metadata, facts[0], film.annotation) == (zoom.metadata, facts[1], zoom.annotation)


def test_a_setting_from_outside_is_known_everywhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.outside_setting", str(tmp_path)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not said.returncode, said.stderr
    found = json.loads(said.stdout)
    for name in ("dream", "zoom", "farm", "explore"):
        assert found[f"options of {name}"] == ["--grain", "--hues", "--nice", "--shade"]
    assert found["help"]
    assert found["at 2 s"] == 2.5
    assert found["recipe"] == {"shade": "0.5 + t", "hues": ["red", "blue"], "nice": "3"}
    assert found["files"] == ["g.png"]
    assert found["controls"] == {"shade": "slider", "hues": "many", "grain": "file"}
    assert found["slider"] == [0, 2]
    assert not found["nice has a control"]
    assert found["command"] == ["clip.mp4", "--shade", "1.5", "--hues", "red"]
    assert found["like"] == {"shade": "0.5 + t", "hues": ["red", "blue"], "nice": None}
    assert found["like, of a zoom"] == "0.5 + t"
    assert "shade" in found["refused"]
    assert found["resumed with another priority"] > 0


# Tables of names.

SETTINGS_MODULES = ("config/*.py", "*/settings.py")
NO_TABLES = {
    "dreamvid/audio/curves.py": "units of a curve's times",
    "dreamvid/cli/models.py": "headings of a printed table",
    "dreamvid/cli/shots.py": "headings of a printed table",
    "dreamvid/doctor/packages.py": "extras of the package, and what they bring",
    "dreamvid/dream/graphs.py": "fields of `Look`, which a replayed step takes no notice of",
    "dreamvid/output/sidecar.py": "keys of the sidecar",
    "dreamvid/shots/shotlist.py": "headings of a table of shots",
    "dreamvid/render/runner.py": "keys of the journal's facts: what became of `auto`",
}


def tables_in(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Collections with the names of two settings or more: their lines and the names."""
    names = {spelling for model in MODELS for name in model.model_fields for spelling in (name, key_of(name))}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        parts = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else []
        parts = [key for key in node.keys if key] if isinstance(node, ast.Dict) else parts
        words = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if len(names.intersection(words)) > 1:
            yield node.lineno, words


def test_no_table_of_settings_stands_outside_their_modules() -> None:
    package = ROOT / "dreamvid"
    own = {file for pattern in SETTINGS_MODULES for file in package.glob(pattern)}
    found = {
        str(file.relative_to(ROOT)): tables
        for file in sorted(package.rglob("*.py"))
        if file not in own and (tables := list(tables_in(file)))
    }
    assert {path: found[path] for path in found.keys() - NO_TABLES.keys()} == {}, "ask dreamvid/config/fields.py"
    assert NO_TABLES.keys() <= found.keys(), "allowed for nothing"


def test_what_varies_is_what_the_reference_says() -> None:
    varying = {
        name for model in (Settings, ZoomSettings) for name, info in model.model_fields.items() if takes_schedule(info)
    }
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    marked = {
        line.split("`")[1].split()[0] for line in page.splitlines() if line.startswith("| `--") and "**~**" in line
    }
    assert marked == {f"--{key_of(name)}" for name in varying}
