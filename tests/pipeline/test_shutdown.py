"""A worker that is told to stop finishes what it can, gives the rest back at once, and is gone within its deadline."""

import asyncio
import os
import signal
import time
from dataclasses import replace

import pytest

from service.settings import Settings
from service.storage import Storage
from service.storage.objects import VARIANTS
from tests.backstage import SECONDS, Backstage, cloud_images, decoder_pids, drain, ended, final, until, whole
from tests.driver import Client
from tests.pictures import jpeg, jpeg_progressive
from worker.consumer import Consumer
from worker.decoder import Decoders
from worker.verdict import NotSound, Sound

UPLOADS = 20
SLACK_SECONDS = 15.0
"""What polling once more and ending may take beside the deadline itself, on a busy machine."""


class Stuck(Decoders):
    """Decoders that never come to an end."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, VARIANTS)
        self.begun = asyncio.Event()

    async def decode(self, data: bytes, content_type: str, pixels: int = 0) -> Sound | NotSound:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("deadline", [10.0, 0.0], ids=["time_to_finish", "no_time"])
async def test_a_worker_under_load_ends_at_sigterm_and_another_one_goes_on_at_once(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage, deadline: float
) -> None:
    """No upload has to wait for the visibility timeout, which is two minutes; none is lost, none doubled."""
    answers = await asyncio.gather(*(client.upload(jpeg().data) for _ in range(UPLOADS)))
    ids = {answer.json["image_id"] for answer in answers}
    loaded = replace(settings, decoders=1, worker_concurrency=2, shutdown_seconds=deadline)

    async def ready() -> set[str]:
        images = (await client.get("/v1/images?limit=200")).json["images"]
        return {image["image_id"] for image in images if image["status"] == "ready"}

    async with cloud_images(loaded, "worker") as worker:
        await until(ready)
        pids = decoder_pids(worker.pid)
        start = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 0
        assert time.monotonic() - start < deadline + loaded.poll_seconds + SLACK_SECONDS
    assert pids
    await ended(*pids)
    assert await ready() < ids
    assert await backstage.in_flight() == 0
    async with asyncio.timeout(SECONDS):
        await drain(settings, storage, decoders)
    assert await ready() == ids
    assert await backstage.keys_of(client.user) == {key for image_id in ids for key in whole(image_id)}
    assert await backstage.dead_letters() == []


async def test_the_deadline_counts_from_the_signal_also_in_the_middle_of_a_long_poll(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Containers are killed so many seconds after the signal, whatever the worker was doing then."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    polling = replace(settings, poll_seconds=15, shutdown_seconds=1.0)
    stop, stuck = asyncio.Event(), Stuck(settings)
    worker = asyncio.create_task(Consumer(polling, storage, stuck, stop).run())
    await stuck.begun.wait()
    start = time.monotonic()
    stop.set()
    await worker
    # Its message, which comes again at the deadline, ends the long poll.
    assert time.monotonic() - start < 12, "poll and deadline one after the other"
    async with asyncio.timeout(SECONDS):
        await drain(settings, storage, decoders)
    assert await backstage.keys_of(client.user) == whole(image_id)


async def test_restarts_make_no_dead_letter(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """However many meet an upload in the middle: that its workers were stopped says nothing about it."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    hurried = replace(settings, shutdown_seconds=0.0)
    for _ in range(settings.max_deliveries + 1):
        stop = asyncio.Event()
        stuck = Stuck(hurried)
        worker = asyncio.create_task(Consumer(hurried, storage, stuck, stop).run())
        await stuck.begun.wait()
        stop.set()
        await worker
    assert (await backstage.messages(), await backstage.dead_letters()) == (1, [])
    await drain(settings, storage, decoders)
    assert await backstage.keys_of(client.user) == whole(image_id)
    assert await backstage.messages() == 0


async def test_a_worker_that_is_killed_loses_nothing_and_leaves_no_process(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Its decoder hangs, so it has an upload in hand when it dies; that comes again after the visibility timeout."""
    async with cloud_images(replace(settings, decoders=1, visibility_seconds=2), "worker") as worker:
        first = await client.upload(jpeg_progressive().data)
        assert (await final(client, first.json["image_id"]))["status"] == "ready"

        async def at_rest() -> bool:
            return not await backstage.messages()

        await until(at_rest)
        (pid,) = decoder_pids(worker.pid)
        os.kill(pid, signal.SIGSTOP)
        second = await client.upload(jpeg_progressive().data)
        await until(backstage.in_flight)
        worker.kill()
        await worker.wait()
        await ended(pid)
    assert await backstage.messages() == 1
    async with asyncio.timeout(SECONDS):
        await drain(settings, storage, decoders)
    ids = [answer.json["image_id"] for answer in (first, second)]
    assert await backstage.keys_of(client.user) == {key for image_id in ids for key in whole(image_id)}


async def test_a_burst_on_an_empty_queue_ends_well(settings: Settings) -> None:
    """There is nothing to do, so it is done."""
    async with cloud_images(settings, "worker", "--burst") as worker:
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 0


async def test_a_worker_that_is_cancelled_ends(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Without having been told to stop, as when another part of its process fails."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    hurried, stop = replace(settings, shutdown_seconds=0.0), asyncio.Event()
    stuck = Stuck(hurried)
    worker = asyncio.create_task(Consumer(hurried, storage, stuck, stop).run())
    await stuck.begun.wait()
    worker.cancel()
    ended_by_itself, _ = await asyncio.wait([worker], timeout=SLACK_SECONDS)
    stop.set()
    await asyncio.wait([worker])
    assert ended_by_itself
    await drain(settings, storage, decoders)
    assert await backstage.keys_of(client.user) == whole(image_id)
