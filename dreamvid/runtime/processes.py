"""Programs that are started beside this one, on each system in its own way."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
from typing import Any


def apart() -> dict[str, Any]:
    """Arguments of `Popen` that keep a program from what the terminal sends: Ctrl-C is for its parent alone.

    A session of its own, or a process group where there are no sessions (Windows).
    """
    return {"start_new_session": True, "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


def ask_to_stop(process: subprocess.Popen[Any]) -> None:
    """Ask a dreamvid that was started `apart` to put its state away and leave.

    Windows knows no polite kill, but lets a process group have Ctrl-Break.
    """
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def user_name() -> str:
    """A name for the user of this process that no other user of the machine has."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name: Python's errors differ by version
        return str(os.getuid()) if hasattr(os, "getuid") else "user"
