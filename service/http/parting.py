"""How a connection ends: never before its client could read the last answer, and never so late that it costs much."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import StreamReader, web
from aiohttp.web_request import BaseRequest

from service.errors import Unavailable
from service.http import access
from service.http.crowd import Crowd
from service.http.patience import Taking
from service.http.problems import as_bytes, problem_of
from service.http.safety import make_safe
from service.settings import Settings

PART_SECONDS = 5.0
"""How long a client that has its last answer may take to read it and to go, while what it still sends is ignored."""
FULL = Unavailable("service_unavailable", "The service has too many connections at this moment; try again.")


class Parting(web.RequestHandler):
    """aiohttp's own closes while a client is sending, and waits for ever for one that does not read.

    :param crowd: all connections of this process.
    """

    __slots__ = (
        *("_answered", "_body", "_crowd", "_ended", "_left", "_parting"),
        *("_settings", "_spare", "_taking", "_wire", "attention"),
    )

    def __init__(self, manager: web.Server, settings: Settings, crowd: Crowd, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=access.log if settings.access_log else None,  # type: ignore[arg-type]
            access_log_class=access.AccessLog,
            keepalive_timeout=settings.keep_alive_seconds,
            lingering_time=settings.linger_seconds,
            auto_decompress=False,
        )
        self._settings, self._crowd = settings, crowd
        self._taking = Taking(loop, settings.answer_idle_seconds, settings.min_bytes_per_second)
        # The body of the newest request; only that one can still be incomplete. And that of the newest answered one.
        self._body: StreamReader | None = None
        self._answered: StreamReader | None = None
        # How many more bytes are read of what nobody wants.
        self._spare = settings.linger_bytes
        # Whether the client sends no more; whether it is not listened to any more; set when it has left then.
        self._ended, self._parting = False, False
        self._left: asyncio.Future[None] | None = None
        self._wire: asyncio.Transport | None = None
        self.attention: Callable[[], None] | None = None
        """Is called when the client sends no more, and when it is gone; set by an answer that waits, while it does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._wire = wire = cast(asyncio.Transport, transport)
        if self._crowd.enter(self):
            super().connection_made(transport)
            return
        self._parting = True
        if self._crowd.turn_away(self):
            answer = problem_of(FULL)
            make_safe(answer.headers)
            wire.write(as_bytes(answer))
            wire.write_eof()
            self._loop.call_later(PART_SECONDS, wire.abort)
        else:
            wire.abort()

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, or only for a client that has had its last answer to go."""
        return (self._waiter is not None and not self._messages) or self._left is not None

    @property
    def dispensable(self) -> bool:
        """Whether it is idle, or has its answer and only the rest of a refused body is waited for, or stalls."""
        body = self._body
        return self.idle or self._stalls or (body is not None and body is self._answered and not body.is_eof())

    @property
    def _stalls(self) -> bool:
        return self._wire is not None and self._taking.stalls(self._wire)

    def give_way(self) -> None:
        """End it, as others need its place."""
        wire, stalls = self._wire, self._stalls
        self.force_close()
        if wire is not None and stalls:
            wire.abort()  # else it would be open until all is taken

    @property
    def idle_since(self) -> float:
        """The time of the loop at which it has connected, or had its newest answer."""
        return self._next_keepalive_close_time - self._keepalive_timeout

    async def start(self) -> None:
        """Answer requests until the connection ends; what the client has not taken by then is not kept for ever."""
        try:
            await super().start()
        finally:
            if self._wire is not None and self._wire.get_write_buffer_size():
                self._taking.watch(self._wire)

    def pause_writing(self) -> None:
        """More waits to be sent than need wait."""
        super().pause_writing()
        if self._wire is not None:
            self._taking.watch(self._wire)

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        self._taking.end()

    def _part(self) -> None:
        """Whatever else the client sends, it is no request."""
        self._parting = True
        # As a body may be that nobody will read.
        self.resume_reading(resume_parser=False)

    def _ignore(self, count: int) -> None:
        """So many bytes have come that nobody wants; they are read as the client may not read its answer before."""
        self._spare -= count
        if self._spare < 0 and self._wire is not None:
            self._leave()
            if self._request_in_progress or self._messages:
                self._wire.pause_reading()
            else:
                self.force_close()

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; the last one to a client that sends no more ends the connection."""
        if self._ended and not self._messages:
            self.close()
        finished = await super().finish_response(request, resp, start_time)
        self._answered = request.content
        if self._parting and not self._messages and not self._ended:
            await self._see_off()
        return finished

    async def _see_off(self) -> None:
        """Wait until the client has gone: bytes that are not read when a connection is closed would undo its answer."""
        if self._wire is None or self._wire.is_closing() or self._spare < 0:
            return
        self._left = self._loop.create_future()
        self._wire.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_SECONDS):
                await self._left

    def _leave(self) -> None:
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more: it still gets the answers to what it has sent."""
        self._leave()
        if self.idle or self._task_handler is None:
            return None
        self._ended = True
        self._call_attention()
        if not self._request_in_progress and not self._messages:
            # Its refusal is out, and the rest of its body was still being read.
            self.close()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self._crowd.leave(self)
        self._taking.end()
        self._leave()
        self._wire = None
        self._call_attention()

    def _call_attention(self) -> None:
        if self.attention is not None:
            self.attention()
