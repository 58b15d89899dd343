"""What the tests drive the service with: HTTP over real sockets, and the worker until the queue is empty."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from service.http.server import serving
from service.settings import Settings
from service.storage import Storage
from worker.consumer import Consumer
from worker.decoder import Decoders


@dataclass(frozen=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def own_headers(self) -> dict[str, str]:
        """The headers that two answers alike have in common."""
        return {name: text for name, text in self.headers.items() if name.title() not in ("Date", "X-Request-Id")}

    @property
    def code(self) -> str:
        """The problem's code."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        return str(self.json["code"])


class Client:
    """One user of a running service."""

    def __init__(self, session: aiohttp.ClientSession, url: str, user: str) -> None:
        self.session = session
        self.url = url
        self.user = user

    def as_user(self, user: str) -> "Client":
        """Another user of the same service."""
        return Client(self.session, self.url, user)

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """One request, redirects not followed."""
        async with self.session.request(
            method,
            self.url + path,
            headers={"X-User-Id": self.user, **(headers or {})},
            allow_redirects=False,
            **more,
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **headers: str) -> Answer:
        """GET; header names with underscores for hyphens."""
        return await self.ask("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})

    async def upload(
        self, data: Any, content_type: str = "image/jpeg", path: str = "/v1/images", **headers: str
    ) -> Answer:
        """POST a raw body."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.ask("POST", path, data=data, headers={"Content-Type": content_type, **named})

    async def raw(self, request: bytes, *, half_close: bool = False, timeout: float = 60) -> bytes:
        """Send bytes as they are on a connection of its own and read until the server closes it."""
        address = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(request)
            await writer.drain()
            if half_close:
                writer.write_eof()
            async with asyncio.timeout(timeout):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def client_of(settings: Settings, user: str) -> AsyncIterator[Client]:
    """A service of its own with these settings, listening on a free port, and a client of it."""
    async with serving(settings) as url, aiohttp.ClientSession() as session:
        yield Client(session, url, user)


async def drain(settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """Let a worker run until the queue is empty."""
    await Consumer(settings, storage, decoders, asyncio.Event()).run(burst=True)
