"""Downloads of weights go through torch.hub, which has no time-out of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def silence_limit(seconds: float) -> Iterator[None]:
    """Limit how long sockets opened meanwhile may be silent; behind a firewall it would be minutes.

    This is Python's process-wide default: nothing else should open sockets meanwhile.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
