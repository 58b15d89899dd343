"""Both handlers under AWS's own client of the Lambda runtime, as it runs in every container of Lambda."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from service.settings import Settings
from tests.backstage import backstage_of, environment_of
from tests.functions import SERVICE, WORKER
from tests.pictures import jpeg
from tests.serverless.event_source import EventSource
from tests.serverless.events import Asked
from tests.serverless.senders import HTTP_API

SECONDS = 60


class RuntimeApi:
    """The side of Lambda that hands out events and takes the answers.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    def __init__(self) -> None:
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    async def invoke(self, event: Any) -> Any:
        """What the handler answers to an event; for an error its description."""
        self._events.put_nowait(json.dumps(event))
        async with asyncio.timeout(SECONDS):
            return await self._answers.get()

    async def next(self, request: web.Request) -> web.Response:
        """The next invocation, as soon as there is one."""
        event = await self._events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        }
        # Without a charset: the client looks for exactly this type.
        return web.Response(body=event.encode(), content_type="application/json", headers=headers)

    async def answer(self, request: web.Request) -> web.Response:
        """An answer, or an error."""
        self._answers.put_nowait(await request.json())
        return web.json_response({"status": "OK"}, status=202)


@asynccontextmanager
async def running(module: str, settings: Settings) -> AsyncIterator[tuple[RuntimeApi, Process]]:
    """A container with this handler."""
    api, app = RuntimeApi(), web.Application()
    invocations = "/2018-06-01/runtime/invocation"
    app.add_routes(
        [
            web.get(f"{invocations}/next", api.next),
            web.post(f"{invocations}/{{id}}/{{kind:response|error}}", api.answer),
            web.post("/2018-06-01/runtime/init/error", api.answer),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    environment = environment_of(settings) | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runner.addresses[0][1]}"}
    command = [sys.executable, "-m", "awslambdaric", f"{module}.handler"]
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        yield api, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await runner.cleanup()


async def test_from_an_event_to_an_image(settings: Settings) -> None:
    """An upload through one container, its message through another; and an event that is none."""
    async with (
        backstage_of(settings) as backstage,
        running(SERVICE, settings) as (service, _),
        running(WORKER, settings) as (worker, _),
    ):
        upload = Asked("POST", "/v1/images", headers=(("content-type", "image/jpeg"),), body=jpeg().data)
        posted = await service.invoke(HTTP_API.event(upload, "alice"))
        assert posted["statusCode"] == 202, posted
        assert (await service.invoke({"health": True}))["statusCode"] == 400
        assert await worker.invoke({"health": True}) == {"batchItemFailures": []}
        records = await EventSource(settings, backstage).wait_for(2)  # the other one says that notifications are on
        assert await worker.invoke({"Records": records}) == {"batchItemFailures": []}
        asked = Asked("GET", posted["headers"]["location"])
        assert json.loads((await service.invoke(HTTP_API.event(asked, "alice")))["body"])["status"] == "ready"


async def test_sigterm_ends_a_container_that_waits(settings: Settings) -> None:
    """Lambda sends it when it takes a container away."""
    async with running(SERVICE, settings) as (service, process):
        assert (await service.invoke({"health": True}))["statusCode"] == 400
        process.terminate()
        async with asyncio.timeout(SECONDS):
            await process.wait()
