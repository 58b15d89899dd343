"""What stands between the service and AWS in these tests, and fails when a test wants it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.settings import Settings
from tests import local_aws
from tests.backstage import until

LOOPBACK = "127.0.0.1"
NOTHING_THERE = f"http://{LOOPBACK}:9"


def elsewhere(settings: Settings, part: str, url: str) -> Settings:
    """The settings with another place for `s3`, `sqs` or `dynamodb`."""
    change: dict[str, Any] = {f"endpoint_{part}": url}
    return replace(settings, **change)


@asynccontextmanager
async def aws_on(port: int, tmp_path: Path) -> AsyncIterator[None]:
    """A local AWS on that port, empty, as long as the context."""
    running = local_aws.running(port, tmp_path / "log")
    await asyncio.to_thread(running.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


class Relay:
    """A TCP relay to one server. `tries` counts the connections that came while it was not whole, `made` all.

    `fetched` counts the bytes that came from the server.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.tries = 0
        self.made = 0
        self.fetched = 0
        self._target = urlsplit(target)
        self._fault: str | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def cut(self) -> None:
        """From now on every connection is reset, those that exist included."""
        self._fault = "cut"
        self.reset()

    def hang(self) -> None:
        """From now on nothing is answered any more."""
        self._fault = "hang"
        self.reset()

    def mend(self) -> None:
        """Work as at first."""
        self._fault = None
        self.reset()

    def reset(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.made += 1
        try:
            if self._fault:
                self.tries += 1
                while self._fault == "hang" and await reader.read(65536):
                    pass
                return
            up_reader, up_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
            self._writers.add(up_writer)
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer, self._count))
            self._writers.discard(up_writer)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    def _count(self, data: bytes) -> None:
        self.fetched += len(data)

    async def close(self) -> None:
        """Break all connections and wait for their ends."""
        self.reset()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None] | None = None
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            if seen:
                seen(data)
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relay_to(target: str) -> AsyncIterator[Relay]:
    """A relay on a port of its own."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.connected, LOOPBACK, 0)
    relay.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        await relay.close()
        await server.wait_closed()


class Sqs:
    """SQS, except that the test decides what becomes of `SendMessageBatch`: it answers 200 in any case, as SQS does."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.doomed: str | None = None
        """Messages with this text in them are not taken."""
        self.batches: list[list[str]] = []
        self._target = target
        self._session = session
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """Let sends wait."""
        self._free.clear()

    def release(self) -> None:
        """Let them go on."""
        self._free.set()

    async def arrived(self, messages: int = 1) -> None:
        """Wait until so many messages have been sent, whether they wait or not."""

        async def enough() -> bool:
            return sum(map(len, self.batches)) >= messages

        await until(enough)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        if request.headers.get("X-Amz-Target") != "AmazonSQS.SendMessageBatch":
            return await self._forward(request, body)
        call = json.loads(body)
        entries = call["Entries"]
        self.batches.append([entry["MessageBody"] for entry in entries])
        await self._free.wait()
        doomed = [entry for entry in entries if self.doomed and self.doomed in entry["MessageBody"]]
        call["Entries"] = [entry for entry in entries if entry not in doomed]
        result: dict[str, Any] = {"Successful": []}
        if call["Entries"]:
            answer = await self._forward(request, json.dumps(call).encode())
            assert isinstance(answer.body, bytes)
            result = json.loads(answer.body)
        failed = {"SenderFault": False, "Code": "InternalError", "Message": "A test wants it so."}
        result["Failed"] = [{"Id": entry["Id"], **failed} for entry in doomed]
        return web.json_response(result, content_type="application/x-amz-json-1.0")

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: text for name, text in request.headers.items() if name not in ("Host", "Content-Length")}
        async with self._session.post(self._target + request.path, data=body, headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


@asynccontextmanager
async def sqs_before(target: str) -> AsyncIterator[Sqs]:
    """Such an SQS on a port of its own, in front of the real one."""
    app = web.Application()
    async with aiohttp.ClientSession() as session:
        sqs = Sqs(target, session)
        app.router.add_post("/{path:.*}", sqs.handle)
        async with TestServer(app, host=LOOPBACK) as server:
            sqs.url = str(server.make_url("")).rstrip("/")
            try:
                yield sqs
            finally:
                sqs.release()
