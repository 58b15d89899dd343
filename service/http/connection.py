"""One HTTP connection, with what aiohttp's own does not do."""

from aiohttp import web
from aiohttp.web_request import BaseRequest

from service.http.body import IncompleteBody
from service.http.problems import problem


class Connection(web.RequestHandler):
    """Answers clients that have ended their side of the connection.

    By default the transport closes at the client's FIN, and a client that sent fewer bytes than it declared, or all of
    them followed by a FIN, never reads its answer.
    """

    __slots__ = ()

    @property
    def idle(self) -> bool:
        """Whether it waits for a request; not while one is answered, nor while the rest of a refused body is read."""
        return self._waiter is not None and not self._messages

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is not HTTP gets a problem too; the middleware never sees it."""
        detail = "The request is not sound HTTP." if status < 500 else "The service failed at this request."
        response = problem(status, "malformed_request" if status < 500 else "internal_error", detail)
        response.force_close()
        return response

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the transport open while a request is to be answered; a body that is not whole ends here."""
        bodies = [payload for _, payload in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        elif not bodies and not self._request_in_progress:
            return None
        for body in bodies:
            if not body.is_eof():
                body.set_exception(IncompleteBody())
                body.feed_eof()
        self.close()
        return True
