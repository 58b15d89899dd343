"""One request and its answer: who is asking, for how long to wait, and what a refusal means."""

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from service.remote.content import Content
from service.remote.errors import KINDS, ImagesError, Problem, Unreachable
from service.remote.retries import seconds_of

Progress = Callable[[int], object]
"""Is told of bytes, each time how many more they are; fewer than none when they have to be sent again."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
MOST_AT_ONCE = 64
"""Requests, and so connections, of one client; more wait for their turn."""
SLOWEST = 4096
"""Bytes a second: slower than that counts as stalled, as what is handed over may still lie in buffers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body.

        :raises ImagesError: it is no JSON object, so it is not this service that answers.
        """
        with suppress(ValueError):
            found = json.loads(self.body)
            if isinstance(found, dict):
                return found
        raise ImagesError("What answers there is not this service: its answer is no JSON object.")


class Transport:
    """Speaks to one service as one user; `headers` say which, and go nowhere else."""

    def __init__(self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

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
        url = self.url(path).with_query(query) if query else self.url(path)
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
        body = _Body(content, progress) if content else None
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
            raise unreachable(self._url, error) from error

    @asynccontextmanager
    async def open(self, path: str, query: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer to be read piece by piece; a redirect is followed, but not with what says who is asking.

        :raises ImagesError: as `ask` does.
        """
        async with self._turns:
            try:
                answer = await self._opened(path, query)
                try:
                    if answer.status != 200:
                        refuse(Answer(answer.status, answer.headers, await answer.read()))
                    yield answer
                finally:
                    answer.close()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise unreachable(self._url, error) from error

    async def _opened(self, path: str, query: Mapping[str, str]) -> aiohttp.ClientResponse:
        stalls = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        answer = await self._request("GET", self.url(path).with_query(query), self._headers, timeout=stalls)
        if answer.status not in (302, 307):
            return answer
        answer.close()
        elsewhere = URL(answer.headers.get("Location", ""), encoded=True)
        return await self._request("GET", elsewhere, {}, timeout=stalls)

    async def _request(self, method: str, url: URL, headers: Mapping[str, str], **more: Any) -> aiohttp.ClientResponse:
        return await self._session.request(method, url, headers=headers, allow_redirects=False, **more)


class _Body:
    """Content on its way: whether all of it has been handed over, and what went wrong on our side."""

    def __init__(self, content: Content, progress: Progress | None) -> None:
        self._content = content
        self._progress = progress
        self._sent = 0
        self.step: Callable[[], object] = lambda: None
        self.whole = False
        self.error: OSError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._content.chunks():
                yield chunk
                self.step()
                self._report(len(chunk))
            self.whole = True
        except OSError as error:
            self.error = error
            raise

    def take_back(self) -> None:
        """It was in vain."""
        self._report(-self._sent)

    def _report(self, count: int) -> None:
        self._sent += count
        if self._progress and count:
            self._progress(count)


def refuse(answer: Answer) -> Answer:
    """The answer, if it is none of a refusal.

    :raises Problem: it is.
    """
    if 200 <= answer.status < 300:
        return answer
    said: dict[str, Any] = {}
    with suppress(ValueError):
        found = json.loads(answer.body)
        said = found if isinstance(found, dict) else {}
    detail = said.get("detail") or said.get("message") or said.get("Message")
    if not detail and (location := answer.headers.get("Location")):
        detail = f"It redirects to {location}; is the service there?"
    raise KINDS.get(answer.status, Problem)(
        answer.status,
        str(said.get("code") or f"http_{answer.status}"),
        str(detail or f"The answer is {answer.status}, without a reason."),
        retry_after=seconds_of(answer.headers.get("Retry-After")),
        image_id=said.get("image_id"),
    )


def unreachable(url: URL, error: Exception) -> ImagesError:
    """What an error of the connection means."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ImagesError(f"{url} cannot be trusted: {error}")
    if isinstance(error, aiohttp.ClientSSLError):
        return ImagesError(f"{url} does not speak https as this machine does; is it http? ({error})")
    if isinstance(error, aiohttp.ClientConnectorError):
        number, said = error.errno or 0, error.os_error.strerror
        why = os.strerror(number) if number in errno.errorcode else said or str(error.os_error)
        return Unreachable(f"{url} does not answer: {why}.")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{url} does not answer in time.")
    return Unreachable(f"The connection to {url} broke: {str(error) or type(error).__name__}.")
