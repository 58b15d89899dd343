"""What stands between the service and DynamoDB: loses answers, and says that other transactions are in the way."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

CHANGING = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"}


class Dynamo:
    """DynamoDB, but the next `conflicts` writes are not done, and the next `lose` are done and answered with 500.

    With `forgetful` it does not know again what it has done under a ClientRequestToken. `calls` has all it was asked.
    """

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.lose = 0
        self.conflicts = 0
        self.forgetful = False
        self.lost = 0
        self.refused = 0
        self.calls: list[str] = []
        self._target = target
        self._session = session

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        call = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.calls.append(call)
        if call in CHANGING and self.conflicts:
            self.conflicts -= 1
            self.refused += 1
            return _conflict(call, len(json.loads(body).get("TransactItems", ())))
        if self.forgetful and call == "TransactWriteItems":
            body = json.dumps({**json.loads(body), "ClientRequestToken": uuid.uuid4().hex}).encode()
        headers = {name: text for name, text in request.headers.items() if name not in ("Host", "Content-Length")}
        async with self._session.post(self._target + request.path, data=body, headers=headers) as answer:
            content = await answer.read()
        if call in CHANGING and self.lose and answer.status == 200:
            self.lose -= 1
            self.lost += 1
            return web.json_response({"__type": "InternalServerError"}, status=500)
        return web.Response(status=answer.status, body=content, content_type="application/x-amz-json-1.0")


def _conflict(call: str, items: int) -> web.Response:
    said: dict[str, object] = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"}
    if call == "TransactWriteItems":
        reasons = [{"Code": "None"} for _ in range(items - 1)]
        said = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": [*reasons, {"Code": "TransactionConflict", "Message": "Transaction is ongoing."}],
        }
    return web.json_response(said, status=400, content_type="application/x-amz-json-1.0")


@asynccontextmanager
async def dynamo_before(target: str) -> AsyncIterator[Dynamo]:
    """Such a DynamoDB on a port of its own, in front of the real one."""
    app = web.Application(client_max_size=2**24)
    async with aiohttp.ClientSession() as session:
        dynamo = Dynamo(target, session)
        app.router.add_post("/{path:.*}", dynamo.handle)
        async with TestServer(app, host="127.0.0.1") as server:
            dynamo.url = str(server.make_url("")).rstrip("/")
            yield dynamo
