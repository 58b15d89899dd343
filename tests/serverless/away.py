"""Containers of which a part of AWS goes away, and what they do that needs all of AWS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.faults.between import LOOPBACK, Relay, elsewhere, relay_to
from tests.functions import SERVICE, Function, function
from tests.pictures import TINY, jpeg_progressive
from tests.serverless.senders import Caller

PNG = TINY["image/png"].data
OF_A_CONNECTION = ("Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Host")
SLOW_SECONDS = 0.3


@asynccontextmanager
async def relayed(settings: Settings) -> AsyncIterator[tuple[Function, Relay]]:
    """A container, and what stands between it and all of AWS."""
    async with relay_to(str(settings.endpoint_s3)) as relay:
        for part in ("s3", "sqs", "dynamodb"):
            settings = elsewhere(settings, part, relay.url)
        async with function(SERVICE, settings) as made:
            yield made, relay


async def all_of_aws(caller: Caller, storage: Storage) -> None:
    """Use S3, SQS and DynamoDB."""
    (image_id,) = await settle(storage, made := record(caller.user, content_type="image/png", size=len(PNG)))
    await storage.objects.put_image(made.receipt, "original", "image/png", PNG)
    answer = await caller.upload(jpeg_progressive().data)
    assert answer.status == 202, answer.body
    content = await caller.get(f"/v1/images/{image_id}/content")
    assert (content.status, content.body) == (200, PNG)


@asynccontextmanager
async def s3_that_breaks_off(size: int) -> AsyncIterator[str]:
    """Where all objects have so many bytes, of which only half ever come."""

    async def half(request: web.Request) -> web.StreamResponse:
        if "Range" in request.headers:  # a second attempt, at the other half
            raise web.HTTPServiceUnavailable
        headers = {"Content-Length": str(size), "ETag": '"x"', "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(bytes(size // 2))
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", half)
    async with TestServer(app, host=LOOPBACK) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def s3_that_deletes_slowly(target: str) -> AsyncIterator[str]:
    """Where S3 is, except that it takes its time to remove an object."""

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "DELETE" or "delete" in request.query:
            await asyncio.sleep(SLOW_SECONDS)
        headers = {name: text for name, text in request.headers.items() if name not in OF_A_CONNECTION}
        async with session.request(request.method, target + request.path_qs, data=body, headers=headers) as answer:
            headers = {name: text for name, text in answer.headers.items() if name.title() not in OF_A_CONNECTION}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    async with aiohttp.ClientSession() as session, TestServer(app, host=LOOPBACK) as server:
        yield str(server.make_url("")).rstrip("/")
