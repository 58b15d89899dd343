"""The two Lambda functions: a trace goes through both, and is sent before an invocation ends: nothing runs after it."""

import asyncio
import time

from service.settings import Settings
from tests.backstage import backstage_of
from tests.functions import SERVICE, WORKER, function
from tests.pictures import jpeg
from tests.serverless.event_source import EventSource
from tests.serverless.senders import HTTP_API, Caller
from tests.traces.collector import collecting
from tests.traces.test_collector_away import LONG

SLACK_SECONDS = 25.0
INVOCATIONS = 100
"""If each of them waited, half a second each time, they would take twice as long as that."""
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_an_upload_is_one_trace(settings: Settings) -> None:
    """Without any waiting: what an invocation does has arrived when it has ended."""
    async with collecting() as collector, backstage_of(settings) as backstage:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        async with function(SERVICE, settings, **where) as service, function(WORKER, settings, **where) as worker:
            source = EventSource(settings, backstage)
            await source.purge()
            answer = await Caller(service, HTTP_API, "alice").upload(
                jpeg().data, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="vendor=value"
            )
            assert answer.status == 202, answer
            request = collector.of(TRACE)
            assert set(request) == {"POST /v1/images", "stage", "send message"}
            assert request["POST /v1/images"].parent == PARENT
            records = await source.wait_for(1)
            assert await source.deliver(worker, records) == []
            both = collector.of(TRACE)
            assert both["process message"].parent == both["send message"].id
            assert both["process message"].state == "vendor=value"
            assert {"fetch", "decode", "store", "record"} <= set(both)

            # What comes from somewhere else may have anything in its attributes.
            strange = {"traceparent": "no value", "tracestate": {"stringValue": 5}}
            answer = await worker.invoke({"Records": [records[0] | {"messageAttributes": strange}]})
            assert answer == {"batchItemFailures": []}


async def test_a_collector_that_hangs_costs_one_invocation_half_a_second(settings: Settings) -> None:
    """And the next ones nothing, while it does."""
    async with collecting() as collector:
        collector.hanging = asyncio.Event()
        async with function(SERVICE, settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **LONG) as service:
            caller = Caller(service, HTTP_API, "alice")
            begin = time.monotonic()
            for _ in range(INVOCATIONS):
                assert (await caller.get("/v1/images")).status == 200
            assert time.monotonic() - begin < SLACK_SECONDS
        assert collector.requests == 1
