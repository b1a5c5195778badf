"""The rooms of the package: who may import whom, and how large they may grow."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "dreamvid"
FLOORS = (
    {"cli"},
    {"studio", "farm", "api", "doctor"},
    {"zoom", "explore", "visualize", "timeline", "train"},
    {"render"},
    {"output", "shots", "dream", "motion", "models", "audio", "graphics", "media", "space", "color"},
    {"images"},
    {"config", "schedule"},
    {"runtime"},
    {"errors"},
)
"""From the top down: a room imports from its own floor, or from below."""
OUTSIDE = {"", "__main__"}  # the public names, and the way in
MOST_SHARE = 1 / 8  # of all lines, in one room
MOST_MODULES_OF_RENDER = 15


def modules() -> dict[str, Path]:
    """The modules by name, without the package's."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules that a module imports, wherever in it; not what only type checkers see."""
    tree = ast.parse(path.read_text())
    unseen = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for inner in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in unseen:
            package, _, module = node.module.partition(".")
            if package == "dreamvid":
                for alias in node.names:
                    name = f"{module}.{alias.name}" if module else alias.name
                    yield name if name in known else module


def room(module: str) -> str:
    return module.partition(".")[0]


def rooms_imported() -> dict[str, dict[str, list[str]]]:
    """By room: the other rooms that it imports from, and where."""
    known = modules()
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for module, path in known.items():
        for other in imports(path, known):
            if room(module) != room(other) and room(module) not in OUTSIDE:
                found[room(module)][room(other)].append(f"{module} -> {other}")
    return found


def test_no_room_imports_from_above() -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    upward = [
        arrow
        for name, others in rooms_imported().items()
        for other, arrows in others.items()
        if other not in floor or floor[name] > floor[other]
        for arrow in arrows
    ]
    assert upward == []


def test_no_rooms_import_each_other() -> None:
    found = rooms_imported()
    reached: dict[str, set[str]] = {name: set(others) for name, others in found.items()}
    for middle in reached:
        for others in reached.values():
            if middle in others:
                others |= reached[middle]
    assert [name for name, others in reached.items() if name in others] == []


def test_no_room_is_too_large() -> None:
    lines = Counter[str]()
    for module, path in modules().items():
        lines[room(module)] += len(path.read_text().splitlines())
    most = MOST_SHARE * lines.total()
    assert {name: count for name, count in lines.items() if count > most} == {}
    render = [module for module in modules() if module.startswith("render.")]
    assert len(render) <= MOST_MODULES_OF_RENDER, render
