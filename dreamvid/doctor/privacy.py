"""What of a machine a page for strangers may show: no names of people, machines, or folders of theirs."""

from __future__ import annotations

import functools
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

_SHORTEST_NAME = 3  # of a user or a host: shorter ones are in too many words
_COMMON_NAMES = frozenset({"root", "user", "admin", "runner", "localhost", "linux", "windows", "darwin", "python"})
"""Names that tell nothing of anybody, and that other words contain."""
_SYSTEM = ("/usr", "/bin", "/opt", "/lib", "/nix/store", "/snap", "/Library", "/System", "C:\\Windows")


_PATH = re.compile(r"(?<![\w:/\\.~])(?:[A-Za-z]:)?[/\\][^\s:;,'\"()<>|*?]+")
"""What looks like a whole path in a sentence, as far as its first space."""


def public_path(path: Path | str) -> str:
    """A path as strangers may see it: below the home `~`, below the environment that runs `ENV`, below the temporary
    folder `TEMP`; whole where only the system's software is; otherwise the last part alone."""
    text = os.fspath(path)
    for root, word in _roots():
        if text == root or text.startswith(root + os.sep):
            if word == "~":  # folders there have names that people gave them
                below = Path(text).relative_to(root).parts
                shown = below if _is_hidden(below) or not below else ("...", below[-1])
                return str(Path("~", *shown))
            return word + text[len(root) :]
    if text.startswith(_SYSTEM):
        return text
    return str(Path("...", Path(text).name))


def without_names(text: str) -> str:
    """`text` with its paths as `public_path` gives them, and without the names of the user and the host."""
    text = _PATH.sub(lambda found: public_path(found[0]), text)
    for root, word in _roots():
        text = re.sub(rf"{re.escape(root)}(?![\w.-])", lambda _, word=word: word, text)  # type: ignore[misc]
    for name, word in _names():
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", word, text, flags=re.IGNORECASE)
    return text


def _is_hidden(parts: tuple[str, ...]) -> bool:
    """Whether a path below the home is a program's: `.cache/torch`, `AppData/Local`, `Library/Caches`."""
    return bool(parts) and (parts[0].startswith(".") or parts[0] in ("AppData", "Library"))


def _roots() -> list[tuple[str, str]]:
    """Folders and the words for them, the longest first."""
    known = [(sys.prefix, "ENV"), (sys.base_prefix, "PYTHON"), (tempfile.gettempdir(), "TEMP")]
    home = _home()
    if home is not None:
        known.append((home, "~"))
    return sorted(((root, word) for root, word in known if len(root) > 1), key=lambda pair: -len(pair[0]))


def _home() -> str | None:
    try:
        return str(Path.home())
    except RuntimeError:  # a user without one
        return None


@functools.cache
def _names() -> tuple[tuple[str, str], ...]:
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in containers
        user = ""
    home = _home()
    host = platform.node()
    people = {user, Path(home).name if home else ""}
    machines = {host, host.partition(".")[0]}
    pairs = [(name, "USER") for name in people] + [(name, "HOST") for name in machines]
    kept = [pair for pair in pairs if len(pair[0]) >= _SHORTEST_NAME and pair[0].lower() not in _COMMON_NAMES]
    return tuple(sorted(kept, key=lambda pair: -len(pair[0])))
