"""HTTP/1.1 by hand, for requests that no proper client sends; and forms as bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from multidict import CIMultiDict

from tests.driver import Answer, Client

SECONDS = 20
"""After that a server that does not answer fails the test."""
BOUNDARY = "----------------boundary 7".replace(" ", "")
FORM = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()


class Wire:
    """One connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(b"".join(pieces))
        await self.writer.drain()

    def half_close(self) -> None:
        """End this side of the connection; the other may still answer."""
        self.writer.write_eof()

    def cut(self) -> None:
        """Be gone at once, as a phone in a tunnel is."""
        self.writer.transport.abort()

    async def answer(self) -> Answer:
        """The next answer; `100 Continue` counts as one, without a body."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n").split("\r\n")
        headers = CIMultiDict(line.split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    async def closed(self) -> bool:
        """Whether the server has said all that it will; waits for that."""
        return await self.reader.read() == b""


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[Wire]:
    """A connection of its own; everything done with it is bounded in time."""
    address = urlsplit(client.url)
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()


async def exchange(client: Client, *pieces: bytes, half_close: bool = False) -> Answer:
    """Send bytes, and read one answer."""
    async with connected(client) as wire:
        await wire.send(*pieces)
        if half_close:
            wire.half_close()
        return await wire.answer()


def head(client: Client, *lines: str, target: str = "/v1/images", method: str = "POST") -> bytes:
    """A request up to its body, by this user; `lines` are further headers."""
    return bare_head(f"X-User-Id: {client.user}", *lines, target=target, method=method)


def bare_head(*lines: str, target: str = "/v1/images", method: str = "POST") -> bytes:
    """A request up to its body, with these headers and no others; characters up to U+00FF are sent as one byte."""
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: images.test", *lines, "", "")).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a body in `Transfer-Encoding: chunked`; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def problem(answer: Answer) -> tuple[int, str]:
    """Status and code of a problem, which must be a whole one."""
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    assert document["title"]
    assert document["detail"]
    return answer.status, answer.code


def part(content: bytes, *headers: str | bytes) -> bytes:
    """A part of a form, with these headers."""
    lines = [line if isinstance(line, bytes) else line.encode() for line in headers]
    return b"\r\n".join((f"--{BOUNDARY}".encode(), *lines, b"", content, b""))


def file_part(content: bytes, content_type: str | None = "image/png", filename: str | None = None) -> bytes:
    """The part named `file`; `filename` is the parameter as it stands in the header."""
    named = f"; {filename}" if filename else ""
    typed = [f"Content-Type: {content_type}"] if content_type else []
    return part(content, f'Content-Disposition: form-data; name="file"{named}', *typed)


def word_part(name: str, text: str | bytes) -> bytes:
    """A part that is no file."""
    content = text if isinstance(text, bytes) else text.encode()
    return part(content, f'Content-Disposition: form-data; name="{name}"')


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join((*parts, END))


async def trickle(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """A body whose length is not declared."""
    for piece in pieces:
        yield piece


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


WAYS = ("raw", "chunked", "multipart")


async def send(client: Client, way: str, data: bytes, content_type: str) -> Answer:
    """Upload these bytes, declared as that type, in one of the three ways."""
    if way == "multipart":
        return await client.upload(form(file_part(data, content_type)), FORM)
    body = trickle(pieces_of(data, 65_536)) if way == "chunked" else data
    return await client.upload(body, content_type)
