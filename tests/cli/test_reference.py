from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_lists_the_options_as_they_are() -> None:
    maker = runpy.run_path(str(DOCS / "make_reference.py"))
    written = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert written == maker["make_reference"](), "stale: run `uv run python docs/make_reference.py`"
