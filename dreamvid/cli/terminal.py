"""The surroundings of the command line: streams that close or hold few characters, signals, the working folder."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

_GONE = frozenset({errno.EPIPE, errno.EBADF, errno.EIO})


class LastingStream:
    """A text stream that may lose its reader: from then on what is written is dropped.

    A film is not lost because nobody reads its progress any more. Characters that the stream's encoding does not have
    are written as escapes. All else is the stream's own.

    Attributes:
        failure: why something was dropped that somebody may still wait for, as on a full disk; None: nothing was.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write, or drop."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        if error.errno not in _GONE:
            self.failure = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError):  # what is still in the buffer goes there as well
            os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def settle_streams() -> None:
    """Let standard output and standard error last; one that was closed before the start goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end of the process
        setattr(sys, name, LastingStream(stream))


def take_signals() -> None:
    """Take a polite kill, the end of the terminal, or Ctrl-Break, like Ctrl-C; but not what is ignored (`nohup`)."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # the second is not on Windows, the third only there
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def working_folder_is_there() -> bool:
    """Whether the folder that relative paths begin at still exists."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True
