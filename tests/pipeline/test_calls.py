"""How many calls to AWS an upload takes, which is what it costs: docs/capacity.md counts with these."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

from service.settings import Settings
from service.storage import open_storage
from tests.driver import client_of, drain
from tests.load.capacity import NOW
from tests.pictures import jpeg
from worker.decoder import Decoders

S3_CALLS = {"PUT": "puts", "GET": "gets", "HEAD": "gets"}
OTHER_CALLS = {
    "TransactWriteItems": "writes",
    "GetItem": "reads",
    "SendMessageBatch": "sends",
    "DeleteMessageBatch": "removals",
}
UNITS_OF_AN_ITEM = 2
"""Write units for each item of a transaction, of up to 1 KB."""
HOP_BY_HOP = {"transfer-encoding", "connection"}
NOT_COUNTED = {"ReceiveMessage", "GetQueueUrl", "GetQueueAttributes", "ChangeMessageVisibilityBatch"}


@pytest.fixture
async def counted(settings: Settings) -> AsyncIterator[tuple[Settings, Counter[str]]]:
    """Settings that lead to AWS by way of a counter, and what it has counted."""
    calls: Counter[str] = Counter()

    async def pass_on(request: web.Request) -> web.Response:
        body = await request.read()
        if target := request.headers.get("X-Amz-Target", "").rpartition(".")[2]:
            if target not in NOT_COUNTED:
                items = json.loads(body).get("TransactItems")
                calls[OTHER_CALLS.get(target, target)] += UNITS_OF_AN_ITEM * len(items) if items else 1
        else:
            calls["deletes" if "delete" in request.query else S3_CALLS[request.method]] += 1
        headers = CIMultiDict(request.headers)
        headers.popall("Host")
        url = f"{settings.endpoint_s3}{request.raw_path}"
        async with session.request(request.method, url, data=body, headers=headers) as answer:
            kept = {name: text for name, text in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", pass_on)
    async with aiohttp.ClientSession(auto_decompress=False) as session, TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        yield replace(settings, endpoint_s3=url, endpoint_sqs=url, endpoint_dynamodb=url), calls


async def test_an_upload_takes_as_many_calls_as_the_costs_are_computed_with(
    counted: tuple[Settings, Counter[str]], decoders: Decoders
) -> None:
    settings, calls = counted
    async with client_of(settings, "alice") as client, open_storage(settings) as storage:
        # An image of this user has made his total, and S3 has sent a test event when its notifications were set.
        await client.upload(jpeg().data)
        await drain(settings, storage, decoders)
        calls.clear()
        path = (await client.upload(jpeg().data)).headers["Location"]
        assert (await client.get(path)).json["status"] == "queued"
        await drain(settings, storage, decoders)
        assert (await client.get(path)).json["status"] == "ready"
    assert calls == {
        **{name: getattr(NOW, name) for name in ("puts", "gets", "deletes", "writes", "reads")},
        **{"sends": 1, "removals": 1},
    }
