"""A real HTTP server that answers what a test says, one answer after another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """A request that came: when (of the loop's clock), and what."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Odd:
    """The server. The last of `answers` is given again and again."""

    url: str = ""
    answers: list[Handler] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        at, number = asyncio.get_running_loop().time(), len(self.asked)
        asked = Asked(at, request.method, request.path_qs, dict(request.headers), b"")
        self.asked.append(asked)
        asked.body = await request.read()
        return await self.answers[min(number, len(self.answers) - 1)](request)


def says(status: int, body: object = None, **headers: str) -> Handler:
    """An answer; header names with underscores for hyphens."""

    async def handle(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.json_response(body or {}, status=status, headers=named)

    return handle


def problem(status: int, code: str, **headers: str) -> Handler:
    """A refusal as the service words it."""
    return says(status, {"status": status, "code": code, "detail": f"It is {code}."}, **headers)


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """No answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def speaks_no_http(request: web.Request) -> web.StreamResponse:
    """The alert that a server of https sends to those who speak http."""
    assert request.transport is not None
    request.transport.write(b"\x15\x03\x01\x00\x02\x02\x46")
    request.transport.close()
    return web.Response()


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """Half an answer."""
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"x" * 500)
    return await hangs_up(request)


@asynccontextmanager
async def odd(*answers: Handler) -> AsyncIterator[Odd]:
    """Such a server on a free port."""
    made = Odd(answers=list(answers))
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made
