"""What the site (`mkdocs.yml`) needs so that pages written for GitHub work on it, too.

- Pages and pictures outside docs/ that pages link to become part of the site, and links to them are rewritten.
- Lists may be indented as on GitHub, where the text of "1. " begins in column 3; Python-Markdown wants column 4.
- Entries of the navigation whose page is not there are left out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_LINK = re.compile(r"(\]\()([^)#\s]+)(?=[)#])")
_ITEM = re.compile(r"( *)(\d+\. |[-*] )")
_INDENT = 4  # columns, of whatever belongs to a list's item in Python-Markdown


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave pages that are not there out of the navigation."""
    config.nav = [
        {title: [entry for entry in pages if _is_there(entry)]} for part in config.nav for title, pages in part.items()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to outside docs/, and what is linked to from there."""
    waiting = [Path(file.abs_src_path) for file in files.documentation_pages() if file.abs_src_path]
    waiting += [ROOT / entry for entry in _pages(config.nav) if not (DOCS / entry).exists()]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if DOCS not in path.parents:
            files.append(File.generated(config, site_path(path), abs_src_path=str(path)))
        if path.suffix == ".md":
            linked = {(path.parent / match[2]).resolve() for match in _LINK.finditer(path.read_text(encoding="utf-8"))}
            new = {target for target in linked - seen if target.is_file() and DOCS not in target.parents}
            seen |= new
            waiting += sorted(new)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links, and indent lists."""
    here = Path(page.file.abs_src_path or DOCS / page.file.src_uri).parent

    def rewritten(match: re.Match[str]) -> str:
        target = (here / match[2]).resolve()
        if "://" in match[2] or not target.exists():
            return match[0]
        return match[1] + os.path.relpath(site_path(target), Path(page.file.src_uri).parent).replace(os.sep, "/")

    return indent_lists(_LINK.sub(rewritten, markdown))


def site_path(path: Path) -> str:
    """Where a file of the repository is on the site: docs/ is its root, and other folders lie beside it."""
    return path.relative_to(DOCS if DOCS in path.parents else ROOT).as_posix()


def indent_lists(markdown: str) -> str:
    """Move what belongs to a list's item, as GitHub sees it, to where Python-Markdown expects it."""
    lines = []
    width = 0  # of the marker of the list that the line is in; 0 outside lists
    for line in markdown.splitlines():
        item = _ITEM.match(line)
        if item and not item[1]:
            width = len(item[2])
        elif line and not line.startswith(" " * max(1, width)):
            width = 0
        belongs = width and line.startswith(" " * width)
        lines.append(" " * (_INDENT - width) + line if belongs else line)
    return "\n".join(lines) + "\n"


def _pages(nav: list[Any]) -> list[str]:
    return [page for part in nav for pages in part.values() for entry in pages for page in [_page(entry)]]


def _page(entry: Any) -> str:
    return str(next(iter(entry.values())) if isinstance(entry, dict) else entry)


def _is_there(entry: Any) -> bool:
    return (DOCS / _page(entry)).exists() or (ROOT / _page(entry)).exists()
