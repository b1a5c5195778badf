from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys
from pathlib import Path

import dreamvid

SAMPLES = Path(__file__).parents[1] / "samples"


def test_every_public_name_is_the_thing_and_not_a_module_of_that_name() -> None:
    """In a fresh interpreter, after everything is loaded: a subpackage hides a lazy name that it shares."""
    script = (
        "import types, dreamvid\n"
        "for _ in range(2):\n"
        "    modules = [n for n in dreamvid.__all__ if isinstance(getattr(dreamvid, n), types.ModuleType)]\n"
        "    assert not modules, modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_knows_its_version_and_says_that_it_is_typed() -> None:
    assert dreamvid.__version__ == importlib.metadata.version("dreamvid")
    assert importlib.resources.files(dreamvid).joinpath("py.typed").is_file()


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, dreamvid\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'importlib.metadata'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=False,
                          cwd=SAMPLES.parent)
    assert done.returncode == 0, done.stderr


def test_a_film_is_rendered_from_python_as_the_readme_says(tmp_path: Path) -> None:
    settings = dreamvid.Settings(model="dreamnet", layer="inception3a", octaves=2, iterations=1, frames=2, max_size=96)
    job = dreamvid.Job(SAMPLES / "journey.mp4", tmp_path / "out.mp4", settings)
    events = list(dreamvid.render_job(job))
    assert events[-1] == dreamvid.Finished(tmp_path / "out.mp4", 2, events[-1].seconds)
    assert (tmp_path / "out.mp4").is_file()
