"""One span for each request, which goes on with the trace of a client that is in one; only while traces are collected.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
"""

import asyncio

from aiohttp import hdrs, web

from service import logs, traces
from service.http.problems import CLIENT_GONE, CODE, Handler

LONGEST_PATH = 200
OTHER = "_OTHER"
"""What stands for a method that is none of HTTP's: clients make up others."""


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let all that is done for a request be part of its span. Queries and headers are not in it."""
    method = request.method if request.method in hdrs.METH_ALL else OTHER
    resource = request.match_info.route.resource
    route = resource.canonical if resource else ""
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        # A path that is none of ours can be anything, also what somebody took for a place to put a token.
        "url.path": logs.without_secrets(request.path[:LONGEST_PATH].encode(errors="replace").decode()),
        "url.scheme": request.scheme,
        **({"http.route": route} if route else {}),
    }
    headers = request.headers
    parent = traces.read(headers.getall("traceparent", ()), headers.getall("tracestate", ()))
    name = f"{'HTTP' if method is OTHER else method} {route}".rstrip()
    raised: BaseException | None = None
    response: web.StreamResponse | None = None
    with traces.span(name, attributes, kind="server", parent=parent) as span:
        logs.note(**span.ids)
        if image_id := request.match_info.get("image_id"):
            span.note(traces.IMAGE_ID, image_id[:LONGEST_PATH].encode(errors="replace").decode())
        try:
            response = await handler(request)
        except web.HTTPException as redirect:
            response = raised = redirect
        except (ConnectionError, asyncio.CancelledError) as gone:
            raised = gone
            span.fail(CLIENT_GONE, ours=False)
        span.note("http.request.body.size", request.content.total_bytes)
        if response is not None:
            span.note("http.response.status_code", response.status)
            if code := response.get(CODE):
                span.fail(code, ours=response.status >= 500)
    if raised is not None:
        raise raised
    assert response is not None
    return response
