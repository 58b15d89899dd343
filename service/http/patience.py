"""How long a connection waits for its client, and how much it takes from it, where nothing comes of it."""

import asyncio
from collections.abc import Callable

FRAMING_BYTES = 512 * 1024
"""Of chunked bodies, beside as many bytes as they have content: what may lie in buffers is less than that."""
STALL_SECONDS = 3.0
"""Who takes nothing of an answer for so long gives way when there is no room for others."""


class Heads:
    """The headers of the next request. From their first byte to their last their time and their bytes are limited."""

    __slots__ = ("_bytes", "_late", "_loop", "_most", "_seconds", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, most: int, late: Callable[[], None]) -> None:
        self._loop, self._seconds, self._most, self._late = loop, seconds, most, late
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def more(self, count: int) -> bool:
        """So many bytes have come, and they are not whole; false if these are too many."""
        self._bytes += count
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._over)
        return self._bytes <= self._most

    def _over(self) -> None:
        self._timer = None
        self._late()

    def end(self) -> None:
        """They are whole, or not waited for any more."""
        self._bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Taking:
    """Whether a client takes what is sent to it. If not, the connection is cut, and what waits for it is free."""

    __slots__ = ("_left", "_loop", "_rate", "_seconds", "_since", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, rate: float) -> None:
        self._loop, self._seconds, self._rate = loop, seconds, rate
        self._left, self._since = 0, 0.0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, transport: asyncio.WriteTransport) -> None:
        """Expect that in every `seconds` so many bytes are taken as the rate says, until `end`."""
        self.end()
        self._left, self._since = transport.get_write_buffer_size(), self._loop.time()
        self._timer = self._loop.call_later(self._seconds, self._look, transport)

    def stalls(self, transport: asyncio.WriteTransport) -> bool:
        """Whether it has taken nothing at all, and that for a while."""
        if self._timer is None or self._loop.time() - self._since < STALL_SECONDS:
            return False
        return transport.get_write_buffer_size() >= self._left

    def _look(self, transport: asyncio.WriteTransport) -> None:
        taken = self._left - transport.get_write_buffer_size()
        if taken < max(1, self._rate * self._seconds):
            transport.abort()
        else:
            self.watch(transport)

    def end(self) -> None:
        """There is nothing to take."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Rate:
    """A body on its way: it may take `idle` seconds, and one more for each `rate` bytes that have come.

    This is how Apache's mod_reqtimeout counts (`body=20,MinRate=500`).
    """

    __slots__ = ("_idle", "_loop", "_rate", "_waited")

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: float, rate: float) -> None:
        self._loop, self._idle, self._rate = loop, idle, rate
        self._waited = 0.0

    def left(self, received: int) -> float:
        """Seconds that the next bytes may take."""
        return max(0.0, min(self._idle, self._idle + received / self._rate - self._waited))

    def waited(self, since: float) -> None:
        """Nothing was there to read from that time (of the loop) until now."""
        self._waited += self._loop.time() - since
