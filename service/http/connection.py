"""One HTTP connection, with two things that aiohttp's own does not do."""

from aiohttp import web

from service.http.body import IncompleteBody


class Connection(web.RequestHandler):
    """Answers clients that have ended their side of the connection.

    By default the transport closes at the client's FIN, and a client that sent fewer bytes than it declared, or all of
    them followed by a FIN, never reads its answer.
    """

    __slots__ = ()

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
