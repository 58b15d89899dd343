"""One request and its answer: who is asking, by which way, and for how long to wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from service.remote.content import Content
from service.remote.proxies import way_to
from service.remote.replies import Answer, elsewhere, refuse, unreachable
from service.remote.requests import checked_query
from service.remote.sending import Progress, Sending

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
MOST_AT_ONCE = 64
"""Requests, and so connections, of one client; more wait for their turn."""
SLOWEST = 4096
"""Bytes a second: slower than that counts as stalled, as what is handed over may still lie in buffers."""


class Transport:
    """Speaks to one service as one user; `headers` say which, and go nowhere else."""

    def __init__(self, url: URL, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    def open_session(self) -> None:
        """Be ready for requests; inside a loop, after it was closed also in another one."""
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        # How long an answer may take is each request's own matter.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))

    async def close_session(self) -> None:
        """Give the connections back."""
        assert self._session is not None
        await self._session.close()

    def url(self, path: str) -> URL:
        """The address of a path of the API; the service may live below a prefix."""
        return self._url.with_path(self._url.path.rstrip("/") + path)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        content: Content | None = None,
        seconds: float = ANSWER_SECONDS,
        progress: Progress | None = None,
    ) -> Answer:
        """One request with a JSON `body` or with `content`; at most `seconds` may pass without a step forward.

        :raises Problem: the answer is a refusal.
        :raises Unreachable: there is none.
        :raises OSError: the content cannot be read.
        """
        named = {**self._headers, **(headers or {})}
        data = None
        if body is not None:
            named["Content-Type"], data = "application/json", json.dumps(body).encode()
            content = Content(len(data), b"", data)
        url = self.url(path).with_query(checked_query(query)) if query else self.url(path)
        return refuse(await self.send(method, url, named, content, seconds, progress))

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        content: Content | None,
        seconds: float = ANSWER_SECONDS,
        progress: Progress | None = None,
    ) -> Answer:
        """One request to any address with just these headers; the answer, whatever its status."""
        body = Sending(content, progress) if content else None
        named = {**headers, "Content-Length": str(content.size)} if content else dict(headers)
        patience = seconds + (content.size / SLOWEST if content else 0.0)
        try:
            # Whose turn it is not yet has not been kept waiting by the service.
            async with self._turns, asyncio.timeout(patience) as limit:
                if body:
                    body.step = lambda: limit.reschedule(asyncio.get_running_loop().time() + patience)
                answer = await self._request(method, url, named, data=body.chunks() if body else None)
                try:
                    return Answer(answer.status, answer.headers, await answer.read())
                finally:
                    # An answer that came before all was sent is the last one on its connection.
                    answer.close() if body and not body.whole else answer.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body:
                body.take_back()
                if body.error:
                    raise body.error from None
            raise unreachable(self._named(url), error) from error

    @asynccontextmanager
    async def open(self, path: str, query: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer to be read piece by piece; a redirect is followed, but not with what says who is asking.

        :raises ImagesError: as `ask` does.
        """
        url, headers = self.url(path).with_query(query), self._headers
        stalls = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        async with self._turns:
            try:
                answer = await self._request("GET", url, headers, timeout=stalls)
                if answer.status in (302, 307):
                    answer.close()
                    url, headers = elsewhere(answer.headers.get("Location", "")), {}
                    answer = await self._request("GET", url, headers, timeout=stalls)
                try:
                    if answer.status != 200:
                        refuse(Answer(answer.status, answer.headers, await answer.read()))
                    yield answer
                finally:
                    answer.close()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise unreachable(self._named(url), error) from error

    def _named(self, url: URL) -> URL:
        """What a user knows it as: the service as it was given, S3 without keys and signatures."""
        return url.origin() if url.absolute and url.origin() != self._url.origin() else self._url

    async def _request(self, method: str, url: URL, headers: Mapping[str, str], **more: Any) -> aiohttp.ClientResponse:
        assert self._session is not None, "inside `async with` only"
        return await self._session.request(method, url, allow_redirects=False, **way_to(url, headers), **more)
