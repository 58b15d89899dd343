"""One HTTP connection, from bytes to requests: none is taken for two, and none takes for ever to come."""

import asyncio
import logging

from aiohttp import StreamReader, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo
from aiohttp.web_request import BaseRequest

from service.errors import Refused
from service.http.crowd import Crowd
from service.http.framing import Unsound, fault
from service.http.parting import Parting
from service.http.patience import FRAMING_BYTES, Heads
from service.http.problems import CLIENT_GONE, CODE, problem
from service.http.safety import make_safe
from service.settings import Settings

log = logging.getLogger(__name__)


class Connection(Parting):
    """Answers also when the body ends early or its framing breaks, where aiohttp closes or goes on waiting."""

    __slots__ = ("_heads", "_wired")

    def __init__(self, manager: web.Server, settings: Settings, crowd: Crowd, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(manager, settings, crowd, loop)
        self._heads = Heads(loop, settings.header_seconds, settings.header_bytes, self._late)
        # How many bytes of the newest body came, framing included.
        self._wired = 0

    def data_received(self, data: bytes) -> None:
        """Take the next bytes; what is not HTTP ends the body that it stands in, or is answered by itself."""
        if self._parting or self._close or self._force_close:
            self._ignore(len(data))
            return
        known, inside = self._request_count, self._in_body
        super().data_received(data)
        if new := self._request_count - known:
            self._heads.end()
            self._look_at(new)
        elif inside:
            self._wired += len(data)
            self._look_at_body(len(data))
        elif data and not self._heads.more(len(data)):
            self._refuse("The headers have too many bytes.")
        # Requests that come while another one is answered wait in the system's buffers. The next one after an answer is
        # none of them, though it often comes before aiohttp waits for it: the answer is out a turn of the loop earlier.
        if len(self._messages) > (not self._request_in_progress) and not self._buffer_paused:
            self._pause_reading_for_buffer()

    @property
    def _in_body(self) -> bool:
        return self._body is not None and not self._body.is_eof()

    def _look_at(self, new: int) -> None:
        """The newest requests: this many."""
        for place in range(len(self._messages) - new, len(self._messages)):
            message, body = self._messages[place]
            if isinstance(message, _ErrInfo):
                if self._end_body("malformed_body", "The framing of the body is broken."):
                    self._messages.pop()
                    self.close()
                self._part()
                return
            self._body, self._wired, self._spare = body, 0, self._settings.linger_bytes
            if (detail := fault(message, self._settings.header_bytes)) is not None:
                while len(self._messages) > place:
                    self._messages.pop()
                self._body = None
                self._refuse(detail)
                return
            if message.upgrade:
                # To another protocol, which is not done; the parser may lose what follows.
                self._messages[place] = message._replace(should_close=True), body

    def _look_at_body(self, count: int) -> None:
        """So many bytes of it, or of its framing, have come."""
        assert self._body is not None
        if self._wired > FRAMING_BYTES + 2 * self._body.total_bytes and self._end_body(
            "malformed_body", "The body has more bytes of framing than of content."
        ):
            self.close()
            self._part()
        elif not self._request_in_progress:
            # The rest of a refused one, or of one whose handler is about to start.
            self._ignore(count)

    def _refuse(self, detail: str) -> None:
        """Answer what has come with this, as soon as it is its turn, and end the connection."""
        self._messages.append((_ErrInfo(status=400, exc=Unsound(detail), message=detail), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._part()

    def _late(self) -> None:
        if self.idle:
            self.force_close()
        else:
            self._heads.more(0)  # they have begun behind a request that is still being answered

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more, so a body that is not whole by now never will be."""
        goes_on = super().eof_received()
        if goes_on:
            self._end_body("incomplete_body", "The body ended before the length that was declared for it.")
        return goes_on

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, and with it the reason to read the rest of a refused body."""
        super().connection_lost(exc)
        self._heads.end()
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
        if isinstance(exc, Unsound):
            detail = str(exc)
        response = problem(status, "malformed_request" if status < 500 else "internal_error", detail)
        make_safe(response.headers)
        if gone:
            response[CODE] = CLIENT_GONE
        response.force_close()
        return response
