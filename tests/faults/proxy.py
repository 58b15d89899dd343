"""A proxy between service or worker and AWS that knows each call by its name and breaks those that a test names."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.settings import Settings
from tests.faults.between import LOOPBACK
from tests.faults.calls import Call, call_of
from tests.faults.exchange import Exchange
from tests.faults.kinds import KINDS, TRAP, Fault

PARTS = ("s3", "sqs", "dynamodb", "sns")
LARGEST_BODY = 16 * 1024 * 1024


@dataclass
class Rule:
    """Breaks calls. `met` counts those that it has broken, after it has let `skip` of them pass."""

    call: str
    fault: Fault
    user: str | None = None
    skip: int = 0
    met: int = 0
    over: bool = False

    def breaks(self, call: Call) -> bool:
        """Whether this call is one of those."""
        if self.over or str(call) != self.call or not (self.user is None or self.user in call.users):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.met += 1
        return True


class Proxy:
    """The proxy. `seen` are the calls of each user, `trapped` the users whose calls followed a redirect."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.seen: dict[str, list[str]] = {}
        self.all: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.trapped: set[str] = set()
        self.choose: Callable[[Call], str | None] | None = None
        """Says which kind of fault a call meets that no rule is about."""
        self.received: Callable[[Exchange], Awaitable[web.StreamResponse]] | None = None
        """Answers `ReceiveMessage` otherwise than SQS would."""
        self._rules: list[Rule] = []
        self._over: dict[int, asyncio.Event] = {}
        self._target = target
        self._session = session
        self._closing = asyncio.Event()

    @contextmanager
    def breaking(self, call: str, kind: str | Fault, user: str | None = None, skip: int = 0) -> Iterator[Rule]:
        """While in it, that call (of that user) meets that fault; the first `skip` do not."""
        rule = Rule(call, KINDS[kind] if isinstance(kind, str) else kind, user, skip)
        self._rules.append(rule)
        self._over[id(rule)] = asyncio.Event()
        try:
            yield rule
        finally:
            rule.over = True
            self._rules.remove(rule)
            self._over.pop(id(rule)).set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.path == TRAP:
            self.trapped.add(request.query_string)
            return web.Response(text="{}", content_type="application/json")
        # The bytes of an object are left unread, so that a connection can break in their middle.
        body = await request.read() if request.method == "POST" else None
        call = call_of(request, body or b"")
        self.all[str(call)] += 1
        for user in call.users:
            self.seen.setdefault(user, []).append(str(call))
        rule = next((rule for rule in self._rules if rule.breaks(call)), None)
        over = self._over[id(rule)] if rule else self._closing
        exchange = Exchange(request, call, body, self._target, self._session, over)
        if rule:
            return await rule.fault(exchange)
        if self.choose and (kind := self.choose(call)):
            self.injected[kind] += 1
            return await KINDS[kind](exchange)
        if self.received and call.name == "ReceiveMessage":
            return await self.received(exchange)
        return await exchange.forward()

    async def safely(self, request: web.Request) -> web.StreamResponse:
        """As `handle`, for clients that may be gone."""
        with suppress(ConnectionError, aiohttp.ClientError):
            return await self.handle(request)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def release(self) -> None:
        """Let all go that is kept waiting by no rule; later ones wait again."""
        self._closing.set()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let all go that is kept waiting."""
        self._closing.set()
        for over in self._over.values():
            over.set()


@asynccontextmanager
async def proxy_to(target: str) -> AsyncIterator[Proxy]:
    """A proxy on a port of its own."""
    app = web.Application(client_max_size=LARGEST_BODY)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        proxy = Proxy(target, session)
        app.router.add_route("*", "/{path:.*}", proxy.safely)
        async with TestServer(app, host=LOOPBACK) as server:
            proxy.url = str(server.make_url("")).rstrip("/")
            try:
                yield proxy
            finally:
                proxy.close()


def through(settings: Settings, proxy: Proxy, parts: tuple[str, ...] = PARTS) -> Settings:
    """The settings with the proxy before these parts of AWS."""
    return replace(settings, **{f"endpoint_{part}": proxy.url for part in parts})  # type: ignore[arg-type]
