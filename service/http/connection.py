"""One HTTP connection, with what aiohttp's own does not do: every client gets to read its answer."""

import asyncio
import logging

from aiohttp import StreamReader, web
from aiohttp.web_protocol import _ErrInfo
from aiohttp.web_request import BaseRequest

from service.errors import Refused
from service.http.problems import CLIENT_GONE, CODE, problem
from service.http.safety import make_safe

log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """Answers also when the body ends early or its framing breaks, where aiohttp closes or goes on waiting."""

    __slots__ = ("_body", "_ended")

    _body: StreamReader | None
    """The body of the newest request; only that one can still be incomplete."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._body = None
        self._ended = False
        super().connection_made(transport)

    @property
    def idle(self) -> bool:
        """Whether it waits for a request; not while one is answered, nor while the rest of a refused body is read."""
        return self._waiter is not None and not self._messages

    def data_received(self, data: bytes) -> None:
        """Take the next bytes; what is not HTTP ends the body that it stands in, or is answered by itself."""
        super().data_received(data)
        if not self._messages:
            return
        message, body = self._messages[-1]
        if not isinstance(message, _ErrInfo):
            self._body = body
        elif self._end_body("malformed_body", "The framing of the body is broken."):
            self._messages.pop()
            self.close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more: it still gets the answers to what it has sent."""
        if self.idle:
            return None
        self._end_body("incomplete_body", "The body ended before the length that was declared for it.")
        self._ended = True
        return True

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; the last one to a client that sends no more ends the connection."""
        if self._ended and not self._messages:
            self.close()
        return await super().finish_response(request, resp, start_time)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, and with it the reason to read the rest of a refused body."""
        super().connection_lost(exc)
        if self._body is not None and not self._body.is_eof():
            # Later, as a handler may be about to start, for which this must not look like the end of a whole body.
            self._loop.call_soon(self._end_late, self._body, ConnectionResetError("Connection lost"))

    def _end_body(self, code: str, detail: str) -> bool:
        """Let whoever reads the body know that it never becomes whole; false when it already is."""
        body = self._body
        if body is None or body.is_eof():
            return False
        if self._messages or self._request_in_progress:
            body.set_exception(Refused(code, detail))
            body.feed_eof()
        else:
            # Its handler is about to start; or it was refused, and aiohttp reads the rest, which knows no `Refused`.
            self._loop.call_soon(self._end_late, body, Refused(code, detail))
        return True

    def _end_late(self, body: StreamReader, error: Exception) -> None:
        if body.is_eof():
            return
        if self._request_in_progress:
            body.set_exception(error)
        body.feed_eof()

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is not HTTP gets a problem too; the middleware never sees it."""
        gone = isinstance(exc, ConnectionError)
        if status >= 500 and not gone:
            log.error("%s %s failed", request.method, request.path, exc_info=exc)
        detail = "The request is not sound HTTP." if status < 500 else "The service failed at this request."
        response = problem(status, "malformed_request" if status < 500 else "internal_error", detail)
        make_safe(response.headers)
        if gone:
            response[CODE] = CLIENT_GONE
        response.force_close()
        return response
