"""A program from outside: it adds four settings, each in one place, and prints where it finds them.

`python -m tests.outside_setting FOLDER`. It has to be a process of its own, as the models are made when they are first
imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from dreamvid.config import groups, job
from dreamvid.config.fields import setting
from dreamvid.config.scheduled import Varies

SAMPLES = Path(__file__).parent.parent / "samples"


class LookSettings(groups.LookSettings):
    shade: Varies[float] = setting(0.0, "Darken the dream", "X", ge=0, le=10, slider=(0, 2))
    hues: tuple[str, ...] | None = setting(None, "Dream in these hues", "HUE", repeatable=True)
    grain: Path | None = setting(None, "Take the grain of this picture", "FILE", is_input_file=True)


class RunSettings(job.RunSettings):
    nice: int = setting(0, "Priority of the process", "N", ge=0, le=19)


def main(folder: Path) -> dict[str, Any]:
    groups.LookSettings, job.RunSettings = LookSettings, RunSettings  # type: ignore[misc]
    import typer.main

    from dreamvid.cli.main import app
    from dreamvid.config.fields import input_files
    from dreamvid.config.settings import Settings, ZoomSettings, make_settings, read_settings_file
    from dreamvid.output.recipe import read_look, write_recipe
    from dreamvid.schedule import Moment
    from dreamvid.studio.command import command_words
    from dreamvid.studio.controls import list_controls

    found: dict[str, Any] = {}
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in ("dream", "zoom", "farm", "explore"):
        flags = {flag for parameter in commands[name].params for flag in parameter.opts}
        found[f"options of {name}"] = sorted(flags & {"--shade", "--hues", "--grain", "--nice"})
    found["help"] = "Darken the dream" in CliRunner().invoke(app, ["dream", "--help"], env={"COLUMNS": "200"}).output

    file = folder / "look.yaml"
    file.write_text(yaml.safe_dump({"shade": "0.5 + t", "hues": ["red", "blue"], "nice": 3}))
    settings = make_settings(read_settings_file(file))
    found["at 2 s"] = settings.at(Moment.of_frame(48, 24)).shade
    found["recipe"] = {key: write_recipe(settings)[key] for key in ("shade", "hues", "nice")}
    found["files"] = [str(path) for path in input_files(make_settings({"grain": "g.png"})).values()]

    controls = {control.name: control for control in list_controls()}
    found["controls"] = {name: controls[name].kind for name in ("shade", "hues", "grain")}
    found["slider"] = [controls["shade"].low, controls["shade"].high]
    found["nice has a control"] = "nice" in controls
    found["command"] = command_words("clip.mp4", {"shade": 1.5, "hues": ["red"]})

    sidecar = folder / "made.json"
    sidecar.write_text(json.dumps({"recipe": write_recipe(settings)}))
    found["like"] = {key: read_look(sidecar, Settings).get(key) for key in ("shade", "hues", "nice")}
    found["like, of a zoom"] = read_look(sidecar, ZoomSettings).get("shade")
    return found | resume(folder)


def resume(folder: Path) -> dict[str, Any]:
    """What becomes of an interrupted render with another value."""
    from dreamvid.config.settings import make_settings
    from dreamvid.errors import SettingsError
    from dreamvid.output import recorder
    from dreamvid.render import Job, Started, render_job
    from tests.output.stopping import stop_after

    recorder.segment_length = lambda *_, **__: 2
    target = folder / "out.mp4"
    look = {"model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1}
    part = {"max_size": 64, "frames": 8, "save_every": 0, "threads": 1, "precision": "fp32", "audio": "none"}

    def job(**values: Any) -> Job:
        return Job(SAMPLES / "known_flow.mp4", target, make_settings(look, part, {"shade": 1, **values}))

    stop_after(job(), 6)
    try:
        next(event for event in render_job(job(shade=2)) if isinstance(event, Started))
        refused = ""
    except SettingsError as error:
        refused = str(error)
    events = list(render_job(job(nice=5)))
    resumed = next(event.resumed for event in events if isinstance(event, Started))
    return {"refused": refused, "resumed with another priority": resumed}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
