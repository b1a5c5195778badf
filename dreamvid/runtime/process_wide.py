"""What cannot be changed for one thread alone: one thread at a time, and put back by the last who needs it."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

ALONE = threading.RLock()
"""Held while something is changed for the whole process, for as short a time as can be."""
_SILENCE = threading.RLock()
"""The same for warnings, by themselves: a large picture may take seconds to be read."""


@contextlib.contextmanager
def ignored_warnings(message: str = "", category: type[Warning] = Warning) -> Iterator[None]:
    """Be silent about warnings that begin with the regular expression `message`.

    `warnings.catch_warnings` swaps the filters of the whole process: of two threads in it at once, the one that leaves
    last leaves the other's filters behind for good.
    """
    with _SILENCE, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield
