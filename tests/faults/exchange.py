"""One request that stands between a client and AWS, to be forwarded, broken, or kept waiting."""

import asyncio
import json
import re

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.faults.calls import Call

HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive"}


class Exchange:
    """One request, and what can become of it. `over` is set when nobody is to be kept waiting any more."""

    def __init__(
        self,
        request: web.Request,
        call: Call,
        body: bytes | None,
        target: str,
        session: aiohttp.ClientSession,
        over: asyncio.Event,
    ) -> None:
        self.request = request
        self.call = call
        self._body = body
        self._target = target
        self._session = session
        self._over = over

    async def read(self, most: int | None = None) -> bytes:
        """The body, or its first bytes; after those, no more can be done than to break off."""
        if self._body is None:
            self._body = await (self.request.read() if most is None else self.request.content.read(most))
        return self._body

    def replace_body(self, body: bytes) -> None:
        """Ask AWS for something else."""
        self._body = body

    async def forward(self) -> web.Response:
        """AWS's answer."""
        headers = CIMultiDict(self.request.headers)
        for name in ("Host", "Content-Length"):
            headers.popall(name, None)
        for name in HOP_BY_HOP:
            headers.popall(name, None)
        url = self._target + self.request.raw_path
        body = await self.read()
        async with self._session.request(
            self.request.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            kept = CIMultiDict((name, text) for name, text in answer.headers.items() if name.lower() not in HOP_BY_HOP)
            content = await answer.read()
        if self.request.method != "HEAD":
            kept["Content-Length"] = str(len(content))
        return web.Response(status=answer.status, headers=kept, body=content)

    async def end(self) -> None:
        """Wait until nobody is to be kept waiting any more, or the client is gone."""
        while not self._over.is_set() and self.request.transport is not None:
            try:
                await asyncio.wait_for(self._over.wait(), 0.1)
            except TimeoutError:
                continue

    def abort(self, begun: web.StreamResponse | None = None) -> web.StreamResponse:
        """Break the connection."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return begun or web.Response()

    @staticmethod
    def content_of(answer: web.Response) -> bytes:
        """The bytes of an answer."""
        assert isinstance(answer.body, bytes)
        return answer.body

    def entries(self) -> list[str] | None:
        """The ids of a batch's entries; None when this is no batch."""
        if self.call.name == "DeleteObjects":
            return re.findall("<Key>(.*?)</Key>", (self._body or b"").decode())
        if self.call.part == "sqs" and "Batch" in self.call.name:
            return [entry["Id"] for entry in json.loads(self._body or b"")["Entries"]]
        return None
