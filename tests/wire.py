"""HTTP/1.1 by hand, for requests that no proper client sends, and for those that need to be sent bit by bit."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from multidict import CIMultiDict

from tests.driver import Answer, Client

SECONDS = 25
"""After that a service that does not answer fails the test."""
LONGEST_DETAIL = 500


class Wire:
    """One connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(b"".join(pieces))
        await self._writer.drain()

    def half_close(self) -> None:
        """End this side of the connection; the other may still answer."""
        self._writer.write_eof()

    def cut(self) -> None:
        """Be gone at once, with a reset instead of an orderly end."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def answer(self) -> Answer:
        """The next answer; `100 Continue` counts as one, without a body."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n").split("\r\n")
        headers: CIMultiDict[str] = CIMultiDict()
        for line in lines:
            headers.add(*line.split(": ", 1))
        body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    async def rest(self) -> bytes:
        """All that the service still sends until it closes the connection."""
        return await self._reader.read()


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[Wire]:
    """A connection of its own; all that is done with it is bounded in time."""
    address = urlsplit(client.url)
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()


async def exchange(client: Client, *pieces: bytes, half_close: bool = False) -> Answer:
    """Send bytes and read one answer."""
    async with connected(client) as wire:
        await wire.send(*pieces)
        if half_close:
            wire.half_close()
        return await wire.answer()


def head(client: Client, *headers: str, target: str = "/v1/images", method: str = "POST") -> bytes:
    """A request of this user up to its body."""
    return bare_head(f"X-User-Id: {client.user}", *headers, target=target, method=method)


def bare_head(*headers: str, target: str = "/v1/images", method: str = "POST") -> bytes:
    """A request up to its body with these headers and `Host`; characters up to U+00FF are sent as one byte each."""
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: localhost", *headers, "", "")).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a body in `Transfer-Encoding: chunked`; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def problem(answer: Answer) -> tuple[int, str]:
    """Status and code of an answer, which must be a whole problem that tells nothing of the inside."""
    document = answer.json if answer.headers["Content-Type"].startswith("application/problem+json") else {}
    assert document.get("status") == answer.status, answer
    assert document["title"]
    assert 0 < len(document["detail"]) <= LONGEST_DETAIL
    assert "error(" not in document["detail"].lower()
    return answer.status, document["code"]
