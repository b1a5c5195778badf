"""Whoever tries passwords waits, longer each time, and is written down."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import OrderedDict

from dreamvid.errors import DreamvidError

_log = logging.getLogger("dreamvid.studio")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before an attempt that follows failed ones, doubled with each
_PACE = 0.25  # seconds between any two attempts, wherever they come from, while some fail
_FORGIVEN = 900.0  # seconds after the last failure
_MOST_WAITING, _MOST_WAITING_EACH = 40, 3
_MOST_ADDRESSES = 10_000


class TooManyAttemptsError(DreamvidError):
    """Others of this address, or too many altogether, are waiting already."""


class Attempts:
    """Attempts to come in, by the address they come from. Only for one event loop.

    An address that has failed waits 0.5, 1, 2 … 30 seconds before its next attempt. Addresses can be made up, so that
    all attempts together are slowed as well: a quarter of a second apart while there are failures.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._next = 0.0  # when the next attempt may be made, whoever makes it
        self._failed = -_FORGIVEN  # when one failed last

    async def wait(self, address: str) -> None:
        """Wait for the address's turn. Raises `TooManyAttemptsError`."""
        where = _network(address)
        if self._waiting.get(where, 0) >= _MOST_WAITING_EACH or sum(self._waiting.values()) >= _MOST_WAITING:
            raise TooManyAttemptsError("too many password attempts; wait a minute and try again")
        now = time.monotonic()
        count, failed = self._failures.get(where, (0, now))
        own = 0.0 if not count else min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(count - 1, 10)) + failed
        if now - self._failed < _FORGIVEN:
            self._next = max(now, self._next + _PACE)
            own = max(own, self._next)
        self._waiting[where] = self._waiting.get(where, 0) + 1
        try:
            await asyncio.sleep(max(0.0, own - now))
        finally:
            self._waiting[where] -= 1
            if not self._waiting[where]:
                del self._waiting[where]

    def failed(self, address: str) -> None:
        """The password was wrong."""
        where, now = _network(address), time.monotonic()
        count, before = self._failures.pop(where, (0, now))
        count = 1 if now - before > _FORGIVEN else count + 1
        self._failures[where] = count, now
        self._failed = now
        while len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)
        _log.warning("wrong password from %s, the %s in a row", address, _ordinal(count))

    def came_in(self, address: str) -> None:
        """The password was right."""
        self._failures.pop(_network(address), None)
        _log.info("%s logged in", address)


def _network(address: str) -> str:
    """What one person has: an address, or of IPv6 the 64 bits that people are given all addresses of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False)) if found.version == 6 else address


def _ordinal(count: int) -> str:
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
