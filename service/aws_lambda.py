"""The HTTP service as a Lambda function: the same application, spoken to over a Unix socket within the container.

Routes, checks and errors are the same by construction; what an event says in other words becomes HTTP here, and what is
answered becomes what the sender of the event expects.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from service import logs, traces
from service.container import Container
from service.errors import InvalidRequest, Unavailable
from service.folders import own_folder
from service.gateway.requests import NotHttp, Request, read
from service.gateway.responses import Response, write
from service.http.connection import Connection
from service.http.keys import CLOSING, STORAGE
from service.http.problems import problem_of
from service.http.server import listening
from service.settings import Settings

log = logging.getLogger(__name__)

GATEWAY_BYTES = "4600000"
"""Images of this size and more do not pass a Lambda function, whose events have at most 6 MiB: as base64 this one has
5.9 MiB, which leaves room for the headers and the gateway's own words.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
FINISH_SECONDS = 3.0
"""How long before its time is over an invocation ends a request that only waits."""
NOT_THE_CLIENTS = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade"}
"""Headers that belonged to the client's own connection, which ended at the gateway."""
OURS = {"x-user-id", "x-forwarded-prefix"}
"""Headers that only whoever stands before the application may set, and that is this module."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the invocations of one container share."""

    settings: Settings
    app: web.Application
    session: aiohttp.ClientSession

    async def answer(self, event: Any, seconds: float) -> dict[str, Any]:
        """Let the application answer an event; nothing of it is under way any more when this returns."""
        closing = self.app[CLOSING]
        hurry = asyncio.get_running_loop().call_later(max(0, seconds - FINISH_SECONDS), closing.set)
        try:
            request = read(event, base_path=self.settings.base_path, user_claim=self.settings.user_claim)
            response = await self._response(request)
        except (NotHttp, ValueError) as error:
            # A ValueError is of the HTTP client: a method or a header that cannot be sent.
            log.warning("cannot serve an event: %s", error)
            response = _as_response(problem_of(InvalidRequest("malformed_request", "The event is no sound request.")))
        except aiohttp.ClientError as error:
            # Not what it says: that can have the request's address in it, query and all, and its headers.
            log.warning("an answer broke off: %s", type(error).__name__)
            response = _as_response(problem_of(Unavailable("service_unavailable", "The answer broke off; try again.")))
        finally:
            hurry.cancel()
            closing.clear()
            await self.app[STORAGE].finish()
            await traces.flush()
        return write(response, event)

    async def _response(self, request: Request) -> Response:
        async with self.session.request(
            request.method,
            URL(f"http://service{request.target}", encoded=True),
            headers=self._headers(request),
            data=BytesIO(request.body) if request.body else None,
            allow_redirects=False,
        ) as answer:
            return Response(answer.status, list(answer.headers.items()), await answer.read())

    def _headers(self, request: Request) -> CIMultiDict[str]:
        headers = CIMultiDict[str]()
        for name, value in request.headers:
            if name not in NOT_THE_CLIENTS and name not in OURS:
                headers.add(name, value)
        if request.prefix:
            headers["X-Forwarded-Prefix"] = request.prefix
        if self.settings.auth_mode != "header":
            return headers  # the user's own key or token is among them
        users = [request.user] if request.user else []
        if request.user is None and self.settings.trust_user_header:
            users = [value for name, value in request.headers if name == "x-user-id"]
        for user in users:
            headers.add("X-User-Id", user)
        return headers


@asynccontextmanager
async def _open() -> AsyncIterator[Service]:
    settings = Settings.from_env(
        os.environ | {"DIRECT_UPLOAD_FROM": os.environ.get("DIRECT_UPLOAD_FROM") or GATEWAY_BYTES}
    )
    logs.set_up(settings)
    with own_folder("cloud-images-fn-") as folder:
        path = str(folder / "socket")

        async def listen(connection: Callable[[], Connection]) -> list[asyncio.Server]:
            return [await asyncio.get_running_loop().create_unix_server(connection, path)]

        async with (
            listening(settings, listen) as (app, _),
            aiohttp.ClientSession(
                # A connection of its own for each invocation, which no freezing can leave half open.
                connector=aiohttp.UnixConnector(path, force_close=True),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers={"Accept", "Accept-Encoding", "Content-Type", "User-Agent"},
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
        ):
            yield Service(settings, app, session)


_container = Container(_open)
# Before the first event comes: Lambda gives a container that starts more CPU than one that answers.
_container.open()


def _as_response(made: web.Response) -> Response:
    return Response(made.status, list(made.headers.items()), (made.text or "").encode())


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answers an event of an HTTP API, a REST API, a Function URL or a load balancer.

    An event that carries no request is answered with a problem, and does no harm.
    """
    seconds = context.get_remaining_time_in_millis() / 1000
    return _container.run(lambda service: service.answer(event, seconds))
