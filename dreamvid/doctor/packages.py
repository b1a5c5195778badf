"""Packages: versions of what dreamvid needs and whether it loads, and the extras."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version

from dreamvid.doctor.findings import Fact, Findings

BRINGS = {
    "editing": "timelines and EDLs: shots as OTIO, and dreams of the clips of an edit",
    "farm": "one film on many machines: dreamvid farm",
    "midi": "scores that the picture follows: --midi",
    "ocio": "color spaces of other programs, and ACES: --ocio",
    "networks": "two larger EfficientNet-Lite networks that need no download",
    "studio": "the web page: dreamvid studio",
}
"""What each extra of `pyproject.toml` brings."""

_LOADED_ELSEWHERE = ("torch", "efficientnet")  # looked at with torch; data alone
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?\s*\(?(?:>=([\d.]+))?[^;]*;?(.*)")


def examine_packages(findings: Findings) -> list[Fact]:
    """The version of each package that dreamvid needs."""
    found = {}
    for name, least in requirements(None):
        here = _version(name)
        found[name] = here
        if here is None:
            findings.broken.append(f"{name} is not installed; install it with: pip install '{name}>={least or 0}'")
        elif least and _numbers(here) < _numbers(least):
            findings.broken.append(
                f"{name} {here} is older than dreamvid needs; update it with: pip install '{name}>={least}'"
            )
        elif (fault := _load_fault(name)) is not None:
            findings.broken.append(
                f"{name} is installed, but does not load ({fault}); reinstall it with: pip install --force-reinstall "
                + name
            )
    return [Fact("versions", ", ".join(f"{name} {here or 'missing'}" for name, here in found.items()), found)]


def examine_extras(_: Findings) -> list[Fact]:
    """By extra: whether it is installed, and what it brings."""
    facts = []
    for extra in distribution("dreamvid").metadata.get_all("Provides-Extra") or ():
        wanted = [name for name, _ in requirements(extra)]
        lacking = not wanted or any(_version(name) is None for name in wanted)
        brings = BRINGS.get(extra, ", ".join(wanted))
        state = f"not installed: pip install 'dreamvid[{extra}]'" if lacking else "installed"
        if not wanted:
            state = "not available for this Python"
        facts.append(Fact(extra, f"{state} ({brings})", not lacking))
    return facts


def requirements(extra: str | None) -> list[tuple[str, str]]:
    """What dreamvid itself (None), or an extra of it, requires: names, and the lowest version, "" for any."""
    found = []
    for line in distribution("dreamvid").requires or ():
        match = _REQUIREMENT.match(line)
        if match is None:
            continue
        name, least, marker = match.groups()
        below = re.search(r"python_version\s*<\s*['\"](\d+)\.(\d+)", marker)
        if below is not None and sys.version_info[:2] >= (int(below[1]), int(below[2])):
            continue
        of = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if (of[1] if of else None) == extra:
            found.append((name, least or ""))
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _load_fault(name: str) -> str | None:
    """Why the modules of a package cannot be imported, as where a library of the system is missing; None: they can."""
    if name.startswith(_LOADED_ELSEWHERE):
        return None
    for module, owners in _owners().items():
        if name in owners and module.isidentifier() and not module.startswith("_"):
            try:
                importlib.import_module(module)
            except Exception as error:  # compiled modules raise anything
                return f"{type(error).__name__}: {error}"
    return None


@functools.cache
def _owners() -> Mapping[str, list[str]]:
    return packages_distributions()


def _numbers(text: str) -> tuple[int, ...]:
    """`2.15.0+cpu` as (2, 15, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[+a-z]", text)[0]))
