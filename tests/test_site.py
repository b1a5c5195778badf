"""The documentation site: it builds without a warning, asks no other host for anything, and says what GitHub shows."""

from __future__ import annotations

import importlib.util
import logging
import re
from pathlib import Path
from types import ModuleType

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `mkdocs build --strict` builds it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    warnings = logging.Handler(logging.WARNING)
    told: list[str] = []
    warnings.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("mkdocs").addHandler(warnings)
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    finally:
        logging.getLogger("mkdocs").removeHandler(warnings)
    assert told == []
    return folder


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")]
    for page in [*pages, Path("CONTRIBUTING"), Path("CHANGELOG")]:
        assert (site / ("" if page.name == "index" else page) / "index.html").exists(), page


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)="((?:https?:)?//[^"]*)"', text)
        assert not fetched, page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:|@import", sheet.read_text(encoding="utf-8")), sheet


def test_pictures_beside_the_docs_are_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        for source in re.findall(r'<img[^>]*src="([^":]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / source).resolve().exists() or (site / source.lstrip("/")).exists(), (page, source)


def test_code_under_a_list_stays_code(site: Path) -> None:
    """CONTRIBUTING is written for GitHub, with code three columns and more inside a numbered list."""
    text = (site / "CONTRIBUTING" / "index.html").read_text(encoding="utf-8")
    code = " ".join(re.sub(r"<[^>]+>", "", part) for part in re.findall(r"<code.*?</code>", text, re.DOTALL))
    assert "class ShiftFlow(FlowMethod)" in code


def test_lists_are_indented_for_python_markdown(hooks: ModuleType) -> None:
    given = "1. One\n   more\n\n       code\n\n2. Two\n- Dash\n  goes on\n  - Below\n\nText\n\n    code\n"
    wanted = "1. One\n    more\n\n        code\n\n2. Two\n- Dash\n    goes on\n    - Below\n\nText\n\n    code\n"
    assert hooks.indent_lists(given) == wanted
