"""Server-sent events as they come over the wire: the framing of HTTP/1.1, and that of the events in it, by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.driver import Answer
from tests.wire import Wire, bare_head

SECONDS = 120.0
"""After that, what a test waits for will not come any more."""


@dataclass(frozen=True)
class Event:
    """One event; of a comment only `heartbeat` is true, of what has no data only what it has."""

    name: str | None = None
    id: str | None = None
    data: Any = None
    retry: int | None = None
    heartbeat: bool = False


class Stream:
    """A stream that is open: its answer's head, and what comes behind it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self._reader = reader
        self.writer = writer
        self.answer = answer
        self._text = ""

    async def block(self) -> Event | None:
        """The next block of lines, also of a comment; None at the end of the stream, as HTTP/1.1 marks it."""
        async with asyncio.timeout(SECONDS):
            while "\n\n" not in self._text:
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                self._text += (await self._reader.readexactly(size)).decode()
                assert await self._reader.readexactly(2) == b"\r\n"
                if not size:
                    assert not self._text, "the stream ended in the middle of an event"
                    return None
        block, _, self._text = self._text.partition("\n\n")
        return _read(block)

    async def status(self) -> Event | None:
        """The next event `status`; None at the end of the stream."""
        while (event := await self.block()) is not None:
            if event.name is not None:
                return event
        return None

    async def rest(self) -> bytes:
        """What comes until the service closes the connection."""
        async with asyncio.timeout(SECONDS):
            return await self._reader.read()


def _read(block: str) -> Event:
    if block == ":":
        return Event(heartbeat=True)
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    assert set(fields) in ({"retry"}, {"event", "id", "data"}), block
    data = json.loads(fields["data"]) if "data" in fields else None
    retry = int(fields["retry"]) if "retry" in fields else None
    return Event(fields.get("event"), fields.get("id"), data, retry)


@asynccontextmanager
async def streaming(url: str, user: str, path: str, last: str | None = None, *more: str) -> AsyncIterator[Stream]:
    """The events of the image at that path, on a connection of its own."""
    headers = [f"X-User-Id: {user}", *more] + ([f"Last-Event-ID: {last}"] if last is not None else [])
    address = urlsplit(url)
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        wire = Wire(reader, writer)
        await wire.send(bare_head(*headers, target=f"{path}/events", method="GET"))
        async with asyncio.timeout(SECONDS):
            answer = await wire.answer()
        yield Stream(reader, writer, answer)
    finally:
        writer.close()
