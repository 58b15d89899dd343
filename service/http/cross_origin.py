"""CORS (Fetch standard, section 3.3): pages of which other origins may call this service. None, without `CORS_ORIGINS`.

Ours, as libraries for it work by route: they leave problems, and paths that do not exist, without the headers by which
a page can read what went wrong. There are no cookies here, so no page is ever told that it may send them along.
"""

from aiohttp import web

from service.http.keys import SETTINGS
from service.http.problems import Handler

ALLOWED = (
    *("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"),
    *("prefer", "range", "x-api-key"),
)
EXPOSED = (
    *("content-disposition", "content-range", "etag", "location", "preference-applied", "ratelimit"),
    *("ratelimit-policy", "retry-after", "www-authenticate"),
)
MAX_AGE_SECONDS = 3600


def open_to_pages(app: web.Application) -> None:
    """Let pages of the origins in `CORS_ORIGINS` call `app`, and read its answers."""
    if app[SETTINGS].cors_origins:
        app.middlewares.append(_preflight)
        app.on_response_prepare.append(_share)


@web.middleware
async def _preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers browsers that ask beforehand, which they do without the user's credentials."""
    refusal = request.match_info.http_exception
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or not _known(request) or not isinstance(refusal, web.HTTPMethodNotAllowed):
        return await handler(request)
    allowed = ALLOWED if request.app[SETTINGS].auth_mode != "header" else (*ALLOWED, "x-user-id")
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ", ".join(sorted(refusal.allowed_methods)),
            "Access-Control-Allow-Headers": ", ".join(allowed),
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        },
    )


async def _share(request: web.Request, response: web.StreamResponse) -> None:
    # Also when no page asks: a cache must not hand to a page what another client was told.
    response.headers.add("Vary", "Origin")
    if _known(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)


def _known(request: web.Request) -> bool:
    return request.headers.get("Origin") in request.app[SETTINGS].cors_origins.split(",")
