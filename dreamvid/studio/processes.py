"""Renders as processes of their own: they may be ended at any time, and what goes wrong in one stays there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dreamvid.runtime.processes import apart, ask_to_stop

_LAST_LINES, _LONGEST_LINE = 20, 2000
_PATIENCE = 20.0  # seconds for a render to put its state away before it is killed


def start_render(words: Sequence[str], target: Path) -> subprocess.Popen[str]:
    """Start `dreamvid` with `words`, writing to `target`; its events come as lines of JSON. Raises `OSError`."""
    words = [*words, "-o", str(target), "--progress", "json"]
    return subprocess.Popen(
        [sys.executable, "-m", "dreamvid.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **apart(),  # Ctrl-C is for the studio, which then stops its renders in its own way
    )


def stop(process: subprocess.Popen[str], patience: float = _PATIENCE) -> None:
    """End a process politely, and at last by force."""
    if process.poll() is None:
        ask_to_stop(process)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def keep_last(lines: IO[str], kept: list[str]) -> None:
    """Read all lines, and keep the last that are not blank."""
    for line in lines:
        if line.strip():
            kept.append(line.strip()[:_LONGEST_LINE])
            del kept[:-_LAST_LINES]


def complaint(lines: Sequence[str], code: int) -> str:
    """What a render that ended with `code` said last, or else that it ended."""
    return lines[-1].removeprefix("dreamvid: ") if lines else f"it exited with code {code}"
