"""What builds, installs and releases dreamvid: workflows, Dockerfiles and the scripts that they call."""

from __future__ import annotations

import os
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / ".ci" / name))


def jobs(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, Any] = content["jobs"]
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job.get("steps", ())]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_scripts_that_are_there(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content[True], "`on:`, which YAML takes for a truth"
    assert content["permissions"] == {"contents": "read"}
    called = {word for step in steps(path) for word in re.findall(r"\.ci/[\w-]+", step.get("run", ""))}
    assert called
    for name in called:
        assert os.access(ROOT / name, os.X_OK), name
    for job in jobs(path).values():
        assert "timeout-minutes" in job or "uses" in job
        assert set(job) & {"steps", "uses"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_have_a_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", name) for name in used)


def test_the_tests_run_on_every_system_and_python_that_is_promised() -> None:
    matrix = jobs(ROOT / ".github" / "workflows" / "tests.yml")["python"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = project["requires-python"].removeprefix(">=")
    promised = [line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r"Python :: 3\.\d", line)]
    assert matrix["python"] == promised
    assert promised[0] == lowest


def test_only_what_publishes_may_sign_and_nothing_has_a_token() -> None:
    path = ROOT / ".github" / "workflows" / "release.yml"
    signing = [name for name, job in jobs(path).items() if "id-token" in job.get("permissions", {})]
    assert signing == ["publish"]
    publish = jobs(path)["publish"]
    assert publish["environment"] == "pypi"
    assert set(publish["needs"]) == {"tests", "build"}
    assert not any("run" in step for step in publish["steps"])
    assert "secrets." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_is_sound(path: Path) -> None:
    docker = script("docker")
    assert docker["check"](docker["read"](path.read_text(encoding="utf-8"))) == []


def test_all_extras_of_dockerfiles_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for path in DOCKERFILES:
        for name in re.findall(r"\.\[([\w,]+)\]", path.read_text(encoding="utf-8")):
            assert set(name.split(",")) <= set(extras)


SOUND = 'FROM python:3.12-slim\nWORKDIR /x\nCOPY dreamvid dreamvid\nRUN pip install --no-cache-dir y\nCMD ["z"]\n'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("python:3.12-slim", "python", "needs a version"),
        ("python:3.12-slim", "python:latest", "needs a version"),
        ("/x", "x", "must be absolute"),
        ("COPY dreamvid", "COPY dreamvids", "there is no dreamvids"),
        ("COPY dreamvid", "COPY tests", ".dockerignore leaves out tests"),
        (" --no-cache-dir", "", "cache stays in the image"),
        ("install --no-cache-dir y", "install --no-cache-dir uv", "lowest version of uv"),
        ("pip install --no-cache-dir y", "apt-get update && apt-get install -y y", "remove the lists"),
        ('["z"]', "z", "brackets"),
        ('CMD ["z"]', "", "no CMD"),
        ("FROM", "RUN true\nFROM", "must be FROM"),
    ],
)
def test_the_check_of_dockerfiles_finds(old: str, new: str, complaint: str) -> None:
    docker = script("docker")
    assert docker["check"](docker["read"](SOUND)) == []
    said = docker["check"](docker["read"](SOUND.replace(old, new, 1)))
    assert complaint in "\n".join(said)


def test_continued_lines_and_wrong_words_of_dockerfiles() -> None:
    docker = script("docker")
    read = docker["read"]("# x\nFROM a:1\n\nRUN one && \\\n    # why\n    two\n")
    assert [(step.line, step.word, step.rest) for step in read] == [(2, "FROM", "a:1"), (4, "RUN", "one &&      two")]
    with pytest.raises(ValueError, match="line 1: RUM"):
        docker["read"]("RUM x")


PROJECT = '[project]\nversion = "1.2.3"\n'
CHANGES = "\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- A thing.\n\n## [1.2.2] - 2026-01-01\n"


def test_a_release_that_agrees_with_its_tag() -> None:
    release = script("release")
    assert release["faults"]("v1.2.3", PROJECT, CHANGES) == []
    assert release["section"](CHANGES, "1.2.3") == ("2026-01-31", "### Added\n\n- A thing.")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("1.2.3]", "1.2.4]", "no section"),
        (" - 2026-01-31", "", "needs a date"),
        ("2026-01-31", "2026-13-31", "needs a date"),
        ("- A thing.", "", "lists no change"),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- Late.\n", "still lists changes"),
    ],
)
def test_a_changelog_that_does_not_fit_is_found(old: str, new: str, complaint: str) -> None:
    assert complaint in "\n".join(script("release")["faults"]("v1.2.3", PROJECT, CHANGES.replace(old, new, 1)))


def test_a_tag_that_does_not_fit_is_found() -> None:
    assert "the tag is v1.2.4" in script("release")["faults"]("v1.2.4", PROJECT, CHANGES)[0]


def test_the_page_on_installation_says_what_is_tried() -> None:
    """The options by which `.ci/install` asks for torch without CUDA are those that the page tells."""
    install = script("install")
    place = install["Place"](Path(), "dreamvid", "python", True, None)
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    pip, uv = " ".join(place.pip_options), " ".join(place.uv_options)
    for line in (
        f"pip install dreamvid {pip}", f'pipx install dreamvid --pip-args="{pip}"', f"uv pip install {uv} dreamvid",
        f"uv tool install {uv} dreamvid", f"uvx {uv} dreamvid clip.mp4",
    ):  # fmt: skip
        assert f"    {line}\n" in page
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in project["optional-dependencies"]:
        assert f"| `{extra}` |" in page
