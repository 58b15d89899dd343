"""What may happen to one request to SQS: each time the message is in the queue, or the caller knows that it is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.errors import Unavailable
from service.settings import Settings
from service.storage import open_storage
from service.storage.queue import Queue
from tests.faults.between import LOOPBACK

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUEUE_PATH = "/000000000000/image-uploads"


def said(status: int, **members: Any) -> Answering:
    """An answer in SQS's notation."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(members, status=status, content_type="application/x-amz-json-1.0")

    return answer


async def no_json(_request: web.Request) -> web.StreamResponse:
    """What a proxy in between says."""
    return web.Response(text="<html>Please log in</html>", content_type="text/html")


async def nothing(request: web.Request) -> web.StreamResponse:
    """The connection breaks instead of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    """The connection breaks in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"Successful"')
    assert request.transport is not None
    request.transport.abort()
    return response


TAKEN = said(200, Successful=[{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "-"}], Failed=[])
THROTTLED = said(400, __type="com.amazonaws.sqs#RequestThrottled", message="Slow down.")
DENIED = said(403, __type="com.amazonaws.sqs#AccessDeniedException", message="Not you.")
BROKEN = said(500, __type="com.amazonaws.sqs#InternalError", message="Sorry.")
GONE = said(400, __type="com.amazonaws.sqs#QueueDoesNotExist", message="There is none.")
PASSING = {"broken": BROKEN, "throttled": THROTTLED, "no_json": no_json, "nothing": nothing, "half": half}


class Script:
    """An SQS that answers sends with one thing after the other; the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answering] = [TAKEN]
        self.sent: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.headers["X-Amz-Target"] == "AmazonSQS.GetQueueUrl":
            return await said(200, QueueUrl=f"http://elsewhere{QUEUE_PATH}")(request)
        self.sent.append(json.loads(await request.read()))
        self.headers.append(dict(request.headers))
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)


@asynccontextmanager
async def queue_at(url: str, settings: Settings) -> AsyncIterator[Queue]:
    """The queue as service and worker have it."""
    async with open_storage(replace(settings, endpoint_sqs=url)) as storage:
        yield storage.queue


@pytest.fixture
async def script(settings: Settings) -> AsyncIterator[tuple[Script, Queue]]:
    """Such an SQS, and a queue there."""
    script = Script()
    app = web.Application()
    app.router.add_post("/{path:.*}", script.handle)
    async with TestServer(app, host=LOOPBACK) as server, queue_at(str(server.make_url("")), settings) as queue:
        yield script, queue


async def test_what_is_sent(script: tuple[Script, Queue]) -> None:
    """One entry, to the endpoint that the user has named, with the queue's own path."""
    sqs, queue = script
    await queue.send("message")
    (call,) = sqs.sent
    assert call["QueueUrl"].endswith(QUEUE_PATH)
    assert "elsewhere" not in call["QueueUrl"]
    assert call["Entries"] == [{"Id": "0", "MessageBody": "message"}]
    assert sqs.headers[0]["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_what_may_work_the_next_time_is_tried_again(script: tuple[Script, Queue], fault: Answering) -> None:
    """Twice wrong, then right: the caller notices nothing."""
    sqs, queue = script
    sqs.answers = [fault, fault, TAKEN]
    await queue.send("message")
    assert len(sqs.sent) == 3
    assert sqs.sent[0] == sqs.sent[2]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_what_never_works_is_said(script: tuple[Script, Queue], fault: Answering) -> None:
    """After three tries."""
    sqs, queue = script
    sqs.answers = [fault]
    with pytest.raises(Unavailable) as caught:
        await queue.send("message")
    assert caught.value.code == "sqs_unavailable"
    assert len(sqs.sent) == 3


@pytest.mark.parametrize(("refusal", "why"), [(DENIED, "Not you."), (GONE, "There is none.")], ids=["denied", "gone"])
async def test_a_refusal_is_not_argued_with(
    script: tuple[Script, Queue], refusal: Answering, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said at once, and the log says why."""
    sqs, queue = script
    sqs.answers = [refusal]
    with pytest.raises(Unavailable):
        await queue.send("message")
    assert len(sqs.sent) == 1
    assert why in caplog.text


async def test_neither_an_answer_nor_an_entry_in_it(script: tuple[Script, Queue]) -> None:
    """An empty 200 has taken nothing."""
    sqs, queue = script
    sqs.answers = [said(200)]
    with pytest.raises(Unavailable):
        await queue.send("message")


@pytest.mark.parametrize("odd", [{"Successful": None, "Failed": None}, {"Successful": [{}]}], ids=["null", "empty"])
async def test_an_answer_of_another_shape(script: tuple[Script, Queue], odd: dict[str, Any]) -> None:
    """It has taken nothing either; and it brings nothing."""
    sqs, queue = script
    sqs.answers = [said(200, **odd)]
    with pytest.raises(Unavailable):
        await queue.send("message")
    sqs.answers = [said(200, Messages=None)]
    assert await queue.receive(1, 0) == []


async def test_a_redirect_is_not_followed(script: tuple[Script, Queue]) -> None:
    """Neither the token nor the message go elsewhere, and what is said there does not count."""
    sqs, queue = script

    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    sqs.answers = [elsewhere, TAKEN]
    with pytest.raises(Unavailable):
        await queue.send("message")
    assert len(sqs.sent) == 1


async def test_many_at_once_share_requests(script: tuple[Script, Queue]) -> None:
    """And each has its own verdict."""
    sqs, queue = script

    async def odd_ones(request: web.Request) -> web.StreamResponse:
        entries = json.loads(await request.read())["Entries"]
        odd = [entry["Id"] for entry in entries if int(entry["MessageBody"]) % 2]
        failed = [{"Id": entry["Id"], "Code": "x"} for entry in entries if entry["Id"] not in odd]
        return web.json_response({"Successful": [{"Id": one} for one in odd], "Failed": failed})

    sqs.answers = [odd_ones]
    verdicts = await asyncio.gather(*(queue.send(str(number)) for number in range(40)), return_exceptions=True)
    assert [verdict is None for verdict in verdicts] == [bool(number % 2) for number in range(40)]
    assert len(sqs.sent) < 20
