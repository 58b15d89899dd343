"""Streams of events through a function, which answers only when they have ended."""

import asyncio
import time

from service.settings import Settings
from service.storage import Storage
from tests.driver import drain
from tests.pictures import TINY
from tests.serverless.senders import Caller
from worker.decoder import Decoders

PNG = TINY["image/png"].data
FINISH_SECONDS = 3.0
"""How long before its end an invocation lets go of what only waits."""


async def test_a_stream_ends_before_its_invocation_does(
    caller: Caller, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """With what there is until then. Who comes again waits in the next invocation, and is told as soon as it is so."""
    path = (await caller.upload(PNG, "image/png")).headers["Location"]
    caller.seconds, begin = FINISH_SECONDS + 1, time.monotonic()
    answer = await caller.get(f"{path}/events")
    assert time.monotonic() - begin > 0.5
    assert caller.function.left > 0
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.body.decode().count("event: status\nid: queued-0\n") == 1
    caller.seconds = 29.0
    waiting = asyncio.create_task(caller.get(f"{path}/events", Last_Event_ID="queued-0"))
    await drain(settings, storage, decoders)
    answer = await waiting
    assert caller.function.left > 2 * FINISH_SECONDS * 1000, "it has not waited to its end"
    assert answer.body.decode().count("event: ") == answer.body.decode().count("event: status\nid: ready-1\n") == 1
    done = await caller.get(f"{path}/events", Last_Event_ID="ready-1")
    assert (done.status, done.body) == (204, b"")
