"""Whether two machines run the same dreamvid."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def code_version() -> str:
    """The version, and a mark of the code itself: `0.1.0 (3f9a01c2)`. The same text, the same frames."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return f"{version('dreamvid')} ({digest.hexdigest()[:8]})"
