"""Which request a line of the log is about, and one line for each request."""

import logging
import re
import secrets

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.web_request import BaseRequest

from service import logs
from service.http.problems import CLIENT_GONE, CODE, Handler

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What is taken over from a client's or gateway's `X-Request-Id`."""
IDS = web.RequestKey("ids", dict[str, str])
QUIET = {"/healthz", "/readyz", "/metrics"}
"""Asked for every few seconds; logged when they fail, or with LOG_LEVEL=DEBUG."""
LONGEST_PATH = 200
GONE = 499
"""What stands for the status of an answer to a client that has gone, as in the logs of nginx."""

log = logging.getLogger(__name__)


@web.middleware
async def identified(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let all that is logged meanwhile carry the request's id, which the client gets back in `X-Request-Id`."""
    given = request.headers.get("X-Request-Id", "")
    request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    with logs.about(request_id=request_id) as ids:
        request[IDS] = ids
        return await handler(request)


def request_id_of(request: web.Request) -> str | None:
    """The request's id, unless it was none for a handler."""
    ids = request.get(IDS)
    return ids["request_id"] if ids else None


class AccessLog(AbstractAccessLogger):
    """A line for each answer; the query, which holds what people say of their images, is not in it."""

    @property
    def enabled(self) -> bool:
        """Whether any line would be logged."""
        return self.logger.isEnabledFor(logging.ERROR)

    def log(self, request: BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log one answer, `time` seconds after its request."""
        path, code = request.path[:LONGEST_PATH], response.get(CODE)
        status = GONE if code == CLIENT_GONE else response.status
        level = logging.INFO if status < 500 else logging.WARNING
        if status < 500 and path in QUIET:
            level = logging.DEBUG
        if not self.logger.isEnabledFor(level):
            return
        fields = {
            "status": status,
            "ms": round(time * 1000, 1),
            "received": request.content.total_bytes,
            "sent": response.body_length,
            "remote": request.remote,
            **request.get(IDS, {}),
        }
        if code:
            fields["code"] = code
        # Surrogates stand for bytes of the path that are no text.
        said = f"{request.method} {path} {status}".encode(errors="backslashreplace").decode()
        # Without looking for who asks for the line: that is here, for each request.
        record = self.logger.makeRecord(self.logger.name, level, __file__, 0, said, (), None, extra=fields)
        self.logger.handle(record)
