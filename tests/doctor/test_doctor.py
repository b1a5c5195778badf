"""`dreamvid doctor` on machines that lack something, and what it may not tell."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from dreamvid.cli.main import run
from dreamvid.doctor import compute, examination, files, films, machine, packages, privacy
from dreamvid.doctor.findings import Fact, Findings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, user and host whose names may not be told."""
    place = tmp_path / "Mathilda"
    place.mkdir()
    monkeypatch.setattr(Path, "home", lambda: place)
    monkeypatch.setattr(getpass, "getuser", lambda: "mathilda")
    monkeypatch.setattr(platform, "node", lambda: "Tower7.example.org")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/elsewhere")
    privacy._names.cache_clear()
    compute.torch_fault.cache_clear()
    yield place
    privacy._names.cache_clear()
    compute.torch_fault.cache_clear()


def test_a_working_installation_is_told_on_one_page(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor"])
    page = capsys.readouterr().out
    assert code == (0 if "nothing is broken" in page else 1)
    for word in ("torch", "ffmpeg", "h264", "efficientnet_lite0 (19 MB)", "free", "pip install", "threads", "GFLOP/s"):
        assert word in page
    assert all(len(line) <= 160 for line in page.splitlines())
    assert len(page.splitlines()) < 90


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["broken", "slow", *examination.PARTS]
    assert found["weights"]["here"]["efficientnet_lite0"] == pytest.approx(19, abs=1)
    assert found["space"]["current folder"]["free"] > 0
    assert "h264" in found["ffmpeg"]["encodes"]


def test_nobody_is_named(home: Path) -> None:
    findings = Findings(
        {"x": [Fact("a", f"{home}/films/secret.mp4 of Mathilda on tower7", {"deep": [str(home / ".cache")]})]},
        ["MATHILDA@Tower7.example.org: damaged", "/mnt/Secret/x.so: 3 MB/s; see https://a.b/c"],
    )
    for told in (findings.as_text(), json.dumps(findings.as_data())):
        assert "mathilda" not in told.lower()
        assert "tower7" not in told.lower()
        assert "Secret" not in told
    assert findings.as_text().endswith("see https://a.b/c\n\nnothing is slower than it has to be")
    assert findings.as_data()["x"]["a"]["deep"] == [str(Path("~", ".cache"))]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("{home}/.cache/torch", "~/.cache/torch"),
        ("{home}/Client X/ffmpeg", "~/.../ffmpeg"),
        ("/mnt/client-x/bin/ffmpeg", ".../ffmpeg"),
        ("/usr/bin/ffmpeg", "/usr/bin/ffmpeg"),
        (f"{sys.prefix}/bin/ffmpeg", "ENV/bin/ffmpeg"),
    ],
)
def test_paths_tell_no_more_than_programs_choose(path: str, shown: str, home: Path) -> None:
    assert privacy.public_path(path.format(home=home)) == shown


def test_secrets_of_the_environment_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMVID_PASSWORD", "hunter2")
    monkeypatch.setenv("https_proxy", "http://me:hunter2@proxy")
    told = str(machine.examine_environment(Findings()))
    assert "hunter2" not in told
    assert "HTTPS_PROXY" in told


_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from dreamvid.cli.main import main
main(["doctor", "--json"])
"""


def test_it_works_without_torch() -> None:
    words = [sys.executable, "-c", _WITHOUT_TORCH]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert "torch does not load" in found["broken"][0]
    assert found["ffmpeg"]["encodes"]
    assert found["extras"]


def test_a_missing_ffmpeg_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    findings = Findings()
    assert films.examine_ffmpeg(findings) == [Fact("ffmpeg", "not found", False)]
    assert findings.broken == ["imageio-ffmpeg is not installed; install it with: pip install imageio-ffmpeg"]


def test_a_torch_that_kills_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compute.torch_fault.cache_clear()
    monkeypatch.delitem(sys.modules, "torch")
    killed = SimpleNamespace(returncode=-4, stderr=b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    findings = Findings()
    compute.examine_torch(findings)
    compute.torch_fault.cache_clear()
    assert "code -4" in findings.broken[0]
    assert "pip install" in findings.broken[0]


def test_a_torchvision_for_another_torch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    findings = Findings()
    assert compute.examine_torch(findings)[0].data
    assert findings.broken[0].startswith("torchvision does not fit this torch")


def test_a_broken_ffmpeg_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "Client X" / "nothing"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/elsewhere")
    findings = Findings()
    assert films.examine_ffmpeg(findings) == [Fact("ffmpeg", "does not run", False)]
    assert "IMAGEIO_FFMPEG_EXE" in findings.broken[0]
    assert "Client" not in findings.broken[0]


def test_damaged_weights_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth").write_bytes(b"cut off")
    findings = Findings()
    facts = {fact.name: fact.data for fact in files.examine_weights(findings)}
    assert facts["damaged"] == {"alexnet": pytest.approx(233, abs=1)}
    assert "alexnet are damaged" in findings.broken[0]


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    findings = Findings()
    files.examine_space(findings)
    assert "current folder is not writable (Permission denied)" in findings.broken[0]


def test_old_and_missing_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"numpy": "1.26.4", "av": None}
    monkeypatch.setattr(packages, "requirements", lambda _: [("numpy", "2.1"), ("av", "18.0"), ("torch", "2.7")])
    monkeypatch.setattr(packages, "_load_fault", lambda _: None)
    monkeypatch.setattr(packages, "_version", lambda name: here.get(name, "2.15.0+cpu"))
    findings = Findings()
    packages.examine_packages(findings)
    assert [line.split()[0] for line in findings.broken] == ["numpy", "av"]


def test_a_package_that_does_not_load_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    findings = Findings()
    packages.examine_packages(findings)
    assert len(findings.broken) == 1
    assert findings.broken[0].startswith("opencv-python-headless is installed, but does not load")


@pytest.mark.parametrize(("below", "state"), [("3.2", "not available for this Python"), ("3.99", "not installed")])
def test_an_extra_that_this_python_cannot_have(below: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"no-such-package>=1.0; (python_version < '{below}') and extra == 'editing'"
    package = SimpleNamespace(requires=[line], metadata=SimpleNamespace(get_all=lambda _: ["editing"]))
    monkeypatch.setattr(packages, "distribution", lambda _: package)
    fact = packages.examine_extras(Findings())[0]
    assert fact.text.startswith(state)
    assert fact.data is False


def test_every_extra_says_what_it_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(packages.BRINGS) == set(project["optional-dependencies"])


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 1.5), ("max 100000", None), (None, None)])
def test_the_limit_of_a_container_is_read(limit: str | None, cores: float | None, tmp_path: Path) -> None:
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)
    assert machine.container_cores(tmp_path) == cores


def test_one_thread_of_many_cores_is_called_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "usable_cores", lambda: 8)
    monkeypatch.setattr(compute, "container_cores", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    findings = Findings()
    compute._judge(findings, "cpu", "fp32", 1, 50.0)
    told = "\n".join(findings.slow)
    assert "one thread of 8 (OMP_NUM_THREADS says so); use --threads 8" in told
    assert "bf16" in told


def test_a_part_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Findings) -> list[Fact]:
        raise RuntimeError("it hurts")

    parts = {"first": fail, "second": lambda _: [Fact("a", "b")]}
    monkeypatch.setattr(examination, "PARTS", parts)
    findings = examination.examine()
    assert findings.broken == ["first could not be examined (RuntimeError: it hurts)"]
    assert findings.sections["second"] == [Fact("a", "b")]
