"""The worker's function when time runs out, AWS is away, or its container freezes or ends: nothing is lost or left."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.settings import Settings
from service.storage.provision import provision
from tests.backstage import SECONDS, Backstage, backstage_of, decoder_pids, ended, until
from tests.conftest import settings_at
from tests.direct import arrive, form_for, only_image
from tests.driver import Client, client_of
from tests.faults.between import Relay, elsewhere, relay_to
from tests.functions import WORKER, Function, function
from tests.pictures import jpeg_progressive
from tests.serverless.event_source import EventSource, status_of, upload

DATA = jpeg_progressive().data
INVOCATION_SECONDS = 6.5
ROOMY_SECONDS = 12.0
"""An invocation in which there is time for an image before it begins to end, also on a busy machine."""
SOME_TRIES = 3


@asynccontextmanager
async def warm(settings: Settings, source: EventSource, client: Client) -> AsyncIterator[Function]:
    """A container that has processed two images, with a process for each."""
    async with function(WORKER, settings) as worker:
        paths = [await upload(client) for _ in range(2)]
        assert await source.deliver(worker, await source.wait_for(2)) == []
        assert len(decoder_pids(worker.process.pid)) == 2
        for path in paths:
            await client.ask("DELETE", path)
        yield worker


async def test_the_time_runs_out_at_a_hanging_decode(
    client: Client, settings: Settings, source: EventSource, backstage: Backstage
) -> None:
    """What is late comes back at once; the processes that hung are gone; the next invocation works."""
    async with warm(settings, source, client) as worker:
        pids = decoder_pids(worker.process.pid)
        paths = [await upload(client) for _ in range(3)]
        records = await source.wait_for(3)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        assert await source.deliver(worker, records, INVOCATION_SECONDS) == [0, 1, 2]
        assert worker.left > 0
        await ended(*pids)
        assert decoder_pids(worker.process.pid) == set()
        again = await source.receive()
        assert len(again) == 3, "at once, and not after the visibility timeout"
        assert await source.deliver(worker, again) == []
        assert {await status_of(client, path) for path in paths} == {"ready"}
    assert (await backstage.messages(), await backstage.dead_letters()) == (0, [])


async def test_no_time_at_all(client: Client, settings: Settings, source: EventSource) -> None:
    """As when somebody has set the function's time-out far too low: all comes again, none is lost."""
    path = await upload(client)
    async with function(WORKER, settings) as worker:
        records = await source.wait_for(1)
        assert await source.deliver(worker, records, 0) == [0]
        assert await source.deliver(worker, await source.wait_for(1)) == []
    assert await status_of(client, path) == "ready"


@asynccontextmanager
async def relayed(settings: Settings, *parts: str) -> AsyncIterator[tuple[Function, Relay]]:
    """A container, and what stands between it and these parts of AWS."""
    async with relay_to(str(getattr(settings, f"endpoint_{parts[0]}"))) as relay:
        for part in parts:
            settings = elsewhere(settings, part, relay.url)
        async with function(WORKER, settings) as worker:
            yield worker, relay


@pytest.mark.parametrize("part", ["s3", "dynamodb"])
async def test_a_short_outage(
    client: Client, settings: Settings, source: EventSource, backstage: Backstage, part: str
) -> None:
    """Within one invocation, which holds the message meanwhile."""
    path = await upload(client)
    async with relayed(settings, part) as (worker, relay):
        relay.cut()
        task = asyncio.create_task(source.deliver(worker, await source.wait_for(1)))

        async def tried() -> bool:
            return relay.tries > SOME_TRIES

        await until(tried)
        relay.mend()
        assert await task == []
    assert await status_of(client, path) == "ready"
    assert await backstage.messages() == 0


async def outlast(settings: Settings, part: str, fault: str) -> None:
    """An invocation that never sees the end of the outage, and those after it; a direct upload as any other."""
    await provision(settings)
    async with (
        client_of(settings, "alice") as client,
        backstage_of(settings) as backstage,
        relayed(settings, part) as (worker, relay),
    ):
        source, other = EventSource(settings, backstage), client.as_user("bob")
        await source.purge()
        given = await form_for(client)
        await arrive(client, backstage, given, DATA)
        path = await upload(other)
        records = await source.wait_for(2)
        getattr(relay, fault)()
        failed = await source.deliver(worker, records, ROOMY_SECONDS if part == "sqs" else INVOCATION_SECONDS)
        assert worker.left > 0
        relay.mend()
        if part == "sqs":  # which an upload needs no more; and SQS heard nothing of when to deliver again
            assert [given["image_id"] in records[place]["body"] for place in failed] == [True]
            await source.give_back(records[failed[0]])
        else:
            assert failed == [0, 1]
            if fault == "cut":  # what hangs for longer than these invocations is not told from what is late
                assert await source.receive() == [], "not soon: five deliveries make a dead letter"
                for record in records:
                    await source.give_back(record)
        await source.drain(worker)
        assert (await other.get(path)).json["status"] == "ready"
        await only_image(client, backstage, given, DATA)


async def test_long_outages(endpoint: str) -> None:
    """The invocation answers before its time is over, and what could not be done comes again."""
    faults = [("s3", "cut"), ("s3", "hang"), ("sqs", "hang"), ("dynamodb", "hang")]
    # What a busy machine could not give back in time comes again after that.
    await asyncio.gather(*(outlast(settings_at(endpoint, visibility_seconds=20), *one) for one in faults))


async def test_an_outage_that_does_not_end(
    client: Client, settings: Settings, source: EventSource, backstage: Backstage
) -> None:
    """After five deliveries, each long after the one before, the record says so; brought back, it becomes ready."""
    path = await upload(client)
    async with relayed(settings, "s3") as (worker, relay):
        relay.cut()
        for count in range(1, 6):
            (record,) = await source.wait_for(1)
            assert await source.deliver(worker, [record], INVOCATION_SECONDS) == [0]
            if count < 5:
                await source.give_back(record)
        relay.mend()
        assert (await client.get(path)).json["reason"]["code"] == "s3_unavailable"
        assert await source.receive() == []
        (dead,) = await backstage.dead_letters()
        await backstage.send(dead)
        await source.drain(worker)
    assert await status_of(client, path) == "ready"


async def test_frozen_between_invocations(client: Client, settings: Settings, source: EventSource) -> None:
    """As Lambda does; meanwhile AWS closes the connections, and the next invocation must not notice."""
    paths = [await upload(client)]
    async with relayed(settings, "s3", "sqs", "dynamodb") as (worker, relay):
        assert await source.deliver(worker, await source.wait_for(1)) == []
        assert relay.made
        os.kill(worker.process.pid, signal.SIGSTOP)
        relay.reset()
        paths += [await upload(client) for _ in range(3)]
        records = await source.wait_for(3)
        os.kill(worker.process.pid, signal.SIGCONT)
        assert await source.deliver(worker, records) == []
    assert {await status_of(client, path) for path in paths} == {"ready"}


@pytest.mark.parametrize("end", ["stdin", "SIGTERM", "SIGKILL"])
async def test_the_container_ends(client: Client, settings: Settings, source: EventSource, end: str) -> None:
    """Its decoders end with it, however that comes, also one that hangs."""
    async with warm(settings, source, client) as worker:
        pids = decoder_pids(worker.process.pid)
        if end == "stdin":
            assert worker.process.stdin is not None
            worker.process.stdin.close()
        else:
            os.kill(min(pids), signal.SIGSTOP)
            worker.process.send_signal(getattr(signal, end))
        async with asyncio.timeout(SECONDS):
            code = await worker.process.wait()
        assert code == (0 if end == "stdin" else -getattr(signal, end))
        await ended(*pids)


async def test_the_container_is_killed_in_the_middle(
    client: Client, settings: Settings, source: EventSource, backstage: Backstage
) -> None:
    """As when an invocation overruns its time: the message comes again, and another container makes it whole."""
    async with (
        relay_to(str(settings.endpoint_s3)) as relay,
        warm(elsewhere(settings, "s3", relay.url), source, client) as worker,
    ):
        path = await upload(client)
        (record,) = await source.wait_for(1)
        pids = decoder_pids(worker.process.pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        before = relay.fetched

        async def fetched() -> bool:
            return relay.fetched - before > len(DATA)

        task = asyncio.create_task(worker.invoke({"Records": [record]}))
        await until(fetched)
        worker.process.kill()
        with pytest.raises(ValueError, match="Expecting value"):  # there is no answer
            await task
        await ended(*pids)
    await source.give_back(record)
    async with function(WORKER, settings) as another:
        assert await source.deliver(another, await source.wait_for(1)) == []
    assert await status_of(client, path) == "ready"
    assert await backstage.messages() == 0
