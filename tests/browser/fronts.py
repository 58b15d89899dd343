"""What stands between a browser and the service: a prefix before the path, Lambda's gateway, a bad line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from tests.functions import Function
from tests.serverless.events import Asked
from tests.serverless.senders import HTTP_API, received

CHUNK = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}
LARGEST = 10 * 1024 * 1024


@asynccontextmanager
async def behind_prefix(url: str, prefix: str) -> AsyncIterator[str]:
    """A reverse proxy that takes `prefix` off the path and says so in `X-Forwarded-Prefix`; yields its URL."""

    async def forward(request: web.Request) -> web.StreamResponse:
        path = request.raw_path.removeprefix(prefix)
        headers = {name: text for name, text in request.headers.items() if name.lower() not in HOP_BY_HOP}
        headers |= {"X-Forwarded-Prefix": prefix, "Host": request.host}
        body = request.content if request.can_read_body else None
        async with session.request(
            request.method, url + path, headers=headers, data=body, allow_redirects=False
        ) as answer:
            kept = {name: text for name, text in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response

    app = web.Application()
    app.router.add_route("*", prefix + "{rest:.*}", forward)
    async with aiohttp.ClientSession(auto_decompress=False) as session, listening(app) as base:
        yield base + prefix


@asynccontextmanager
async def as_gateway(function: Function) -> AsyncIterator[str]:
    """An HTTP API before a function, one event at a time; asks nobody who they are. Yields its URL."""

    async def invoke(request: web.Request) -> web.Response:
        asked = Asked(
            request.method, request.path, request.query_string, tuple(request.headers.items()), await request.read()
        )
        event = HTTP_API.make(asked)
        async with one_at_a_time:
            answer = received(event, await function.invoke(event))
        headers = {name: text for name, text in answer.headers.items() if name.lower() != "content-length"}
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    one_at_a_time = asyncio.Lock()
    app = web.Application(client_max_size=LARGEST)
    app.router.add_route("*", "/{rest:.*}", invoke)
    async with listening(app) as base:
        yield base


class Line:
    """A connection to a service that can break or hang, as a mobile phone's does."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._ends: set[asyncio.StreamWriter] = set()
        self._wires: set[_Wire] = set()
        self._hanging = False
        self.broken = False
        self.url = ""

    def cut(self) -> None:
        """All connections end here and now, and there are no others."""
        self.broken = True
        self._end()

    def lead_to(self, target: str) -> None:
        """All connections end here and now; others lead to the service of that URL."""
        self._target = urlsplit(target)
        self._end()

    def _end(self) -> None:
        for end in self._ends:
            end.transport.abort()
        for wire in self._wires:
            wire.open.set()

    def hang(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self._hanging = True
        for wire in self._wires:
            wire.open.clear()

    def resume(self) -> None:
        """Connections are good again, except those that were in use meanwhile: they stay as they are."""
        self._hanging = False
        for wire in self._wires:
            if not wire.stuck:
                wire.open.set()

    @property
    def stuck(self) -> int:
        """How many connections something was sent by that has not come through."""
        return sum(wire.stuck for wire in self._wires)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the browser's."""
        ends, wire = {writer}, _Wire()
        if not self._hanging:
            wire.open.set()
        self._wires.add(wire)
        try:
            if not self.broken:
                there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
                ends.add(back)
                self._ends |= ends
                await asyncio.gather(_pump(reader, back, wire), _pump(there, writer, wire))
        finally:
            self._ends -= ends
            self._wires.discard(wire)
            for end in ends:
                end.close()


class _Wire:
    """One connection: whether anything comes through, and whether something did not."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.stuck = False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: _Wire) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            wire.stuck = wire.stuck or not wire.open.is_set()
            await wire.open.wait()
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to the service of that URL; it has a URL of its own."""
    line = Line(url)
    server = await asyncio.start_server(line.relay, "127.0.0.1", 0)
    try:
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield line
    finally:
        server.close()
        line.cut()


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """An application on a port of its own; yields its URL."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
