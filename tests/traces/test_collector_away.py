"""Whoever collects traces may be away or hang: no upload and no shutdown waits for that."""

import asyncio
import gc
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from service import traces
from service.settings import Settings
from service.traces.sender import MOST_WAITING
from tests.api.processes import started
from tests.backstage import final, until
from tests.driver import Client
from tests.faults.between import NOTHING_THERE
from tests.pictures import jpeg
from tests.traces.collector import collecting
from tests.traces.running import Log, client_at, service, variables

SLACK_SECONDS = 25.0
"""How long a machine that is busy may take for what takes a second; the library itself would wait for 30, or longer."""
LONG = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
"""How long the library is told to wait for one answer; else it would give up after 10 seconds."""


async def upload(client: Client) -> str:
    """Upload a picture; its id."""
    answer = await client.upload(jpeg().data)
    assert answer.status == 202, answer
    return str(answer.json["image_id"])


async def test_a_collector_that_hangs_holds_up_nothing(settings: Settings, tmp_path: Path) -> None:
    """Neither an upload, nor a decoder's start, nor the end of the processes."""
    log = Log(tmp_path / "log")
    async with collecting() as collector:
        collector.hanging = asyncio.Event()
        known = variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **LONG)
        async with (
            started(known, "serve", output=log.path) as serving,
            started(known, "worker", output=log.path) as worker,
        ):
            url = (await log.line(logger="service.http.server"))["message"].split()[2]
            async with client_at(url) as client:
                assert (await final(client, await upload(client)))["status"] == "ready"

                async def both() -> bool:
                    return collector.requests >= 2

                await until(both)
                assert (await final(client, await upload(client)))["status"] == "ready"
            begin = time.monotonic()
            for process in (serving, worker):
                process.send_signal(signal.SIGTERM)
            codes = await asyncio.gather(serving.wait(), worker.wait())
        assert list(codes) == [0, 0]
        assert time.monotonic() - begin < SLACK_SECONDS
        assert collector.spans == []


async def test_one_that_is_away_is_told_of_seldom(settings: Settings, tmp_path: Path) -> None:
    """Once a minute, with how many were lost; the library itself would say so several times for each attempt."""
    log = Log(tmp_path / "log")
    known = variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=NOTHING_THERE, OTEL_EXPORTER_OTLP_TIMEOUT="0.2")
    async with service(known, log.path) as client:
        first = await upload(client)
        line = await log.line(logger="service.traces.sender")
        assert "spans of traces are lost" in line["message"]
        for _ in range(2):
            await upload(client)
            await asyncio.sleep(1.5)  # the sender begins anew each second, and gives up after 0.2
        assert (await client.get(f"/v1/images/{first}")).status == 200
    told = [line for line in log.lines if "traces" in line["logger"] or "opentelemetry" in line["logger"]]
    assert len(told) == 1, told


async def test_what_there_is_at_sigterm_is_sent(settings: Settings, tmp_path: Path) -> None:
    """Though the sender would have waited a second for more."""
    log = Log(tmp_path / "log")
    async with collecting() as collector:
        known = variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        async with started(known, "serve", output=log.path) as serving:
            url = (await log.line(logger="service.http.server"))["message"].split()[2]
            async with client_at(url) as client:
                await upload(client)
            serving.send_signal(signal.SIGTERM)
            assert await serving.wait() == 0
        assert {"POST /v1/images", "stage", "send message"} <= {span.name for span in collector.spans}


async def test_each_of_several_processes_sends_what_it_does(settings: Settings, tmp_path: Path) -> None:
    """They are forked; a thread from before that would be in none of them."""
    log = Log(tmp_path / "log")
    async with collecting() as collector:
        known = variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="mine")
        async with service(known, log.path, "--processes", "2") as client:
            ids = []
            for _ in range(16):  # each on a connection of its own, which the kernel gives to either process
                async with client_at(client.url) as one:
                    ids.append(await upload(one))
            for image_id in ids:
                await collector.about(image_id, "POST /v1/images", "send message")
        assert {span.service for span in collector.spans} == {"mine"}


async def test_more_than_can_be_sent_is_dropped_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and whoever ends a span does not wait."""
    for name, seconds in LONG.items():
        monkeypatch.setenv(name, seconds)
    async with collecting() as collector:
        collector.hanging = asyncio.Event()
        begin = time.monotonic()
        async with traces.exporting(replace(settings, otlp_endpoint=collector.url), "test"):
            for _ in range(3 * MOST_WAITING):
                with traces.span("one of many"):
                    pass
        assert time.monotonic() - begin < SLACK_SECONDS
        collector.hanging.set()

        async def quiet() -> bool:
            before = len(collector.spans)
            await asyncio.sleep(0.3)
            return bool(before) and before == len(collector.spans)

        await until(quiet)
        # One batch may have been under way when the rest had to wait.
        assert len(collector.spans) <= MOST_WAITING + 512


async def test_nothing_of_the_library_works_in_forked_processes(settings: Settings) -> None:
    """Its provider would, with threads, in each decoder before that becomes one; nobody keeps it."""
    async with traces.exporting(replace(settings, otlp_endpoint=NOTHING_THERE), "test"):
        assert traces.are_on()
        assert not [one for one in gc.get_objects() if isinstance(one, TracerProvider)]
    assert not traces.are_on()
