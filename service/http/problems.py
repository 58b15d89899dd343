"""Errors become HTTP here and nowhere else: RFC 9457 problem details with a stable `code`."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from service.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    Refused,
    ServiceError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

STATUSES: dict[type[ServiceError], int] = {
    Refused: 400,
    InvalidRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    RangeNotSatisfiable: 416,
    TooManyRequests: 429,
    Unavailable: 503,
}
CODE = web.ResponseKey("code", str)
"""Where an answer carries its problem's code, for the log."""
CLIENT_GONE = "client_gone"
"""The code of an answer that nobody waits for any more."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every error with a problem; one that nobody foresaw with a 500 that tells nothing of the inside."""
    try:
        return await handler(request)
    except ServiceError as error:
        response = problem_of(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        code = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
        response = problem(error.status, code, f"{request.method} {request.path}: {error.reason}.", headers)
    except ConnectionError:
        # The client is gone; there is nobody to answer.
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        response = problem(500, "internal_error", "The service failed at this request, which is not to blame for it.")
    if "Expect" in request.headers:
        # A client that still waits for `100 Continue` may or may not send its body now; only a close makes that clear.
        response.force_close()
    return response


def problem_of(error: ServiceError) -> web.Response:
    """The answer to one of the service's own errors."""
    headers = {}
    if isinstance(error, Unavailable | TooManyRequests) and error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = error.challenge
    elif isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    return problem(STATUSES[type(error)], error.code, error.detail, headers)


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """A problem document; `more` are further members of it."""
    # Bytes of a header that are no text arrive as lone surrogates, which cannot be sent.
    detail = detail.encode(errors="replace").decode()
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    response = web.Response(
        status=status,
        text=json.dumps(body | more, ensure_ascii=False),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
    response[CODE] = code
    return response


def as_bytes(response: web.Response) -> bytes:
    """An answer to a client whose request nobody has read, and nobody will."""
    body = response.text or ""
    headers = {**response.headers, "Content-Length": str(len(body.encode())), "Connection": "close"}
    lines = (f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in headers.items()))
    return "\r\n".join((*lines, "", body)).encode()
