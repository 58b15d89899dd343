"""A worker that is told to stop finishes what it can, gives the rest back at once, and is gone within its deadline."""

import asyncio
import signal
import time
from dataclasses import replace

import pytest

from service.settings import Settings
from service.storage import Storage
from service.storage.objects import VARIANTS
from tests.backstage import Backstage, cloud_images, decoder_pids, ended, until, whole
from tests.driver import Client, drain
from tests.pictures import jpeg, jpeg_progressive
from worker.consumer import Consumer
from worker.decoder import Decoders, NotSound, Sound

UPLOADS = 20
SLACK_SECONDS = 2.5
"""What starting, polling once more and ending may take beside the deadline itself."""


class Stuck(Decoders):
    """Decoders that never come to an end."""

    async def decode(self, data: bytes, content_type: str) -> Sound | NotSound:
        return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("deadline", [10.0, 0.0], ids=["time_to_finish", "no_time"])
async def test_a_worker_under_load_ends_at_sigterm_and_another_one_goes_on_at_once(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage, deadline: float
) -> None:
    """No upload has to wait for the visibility timeout, which is two minutes; none is lost, none doubled."""
    answers = await asyncio.gather(*(client.upload(jpeg().data) for _ in range(UPLOADS)))
    ids = {answer.json["image_id"] for answer in answers}
    loaded = replace(settings, decoders=1, shutdown_seconds=deadline)

    async def ready() -> set[str]:
        images = (await client.get("/v1/images?limit=200")).json["images"]
        return {image["image_id"] for image in images if image["status"] == "ready"}

    async with cloud_images(loaded, "worker") as worker:
        await until(ready)
        start = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 30) == 0
        assert time.monotonic() - start < deadline + loaded.poll_seconds + SLACK_SECONDS
    assert await ready() < ids
    assert await backstage.in_flight() == 0
    async with asyncio.timeout(30):
        await drain(settings, storage, decoders)
    assert await ready() == ids
    assert await backstage.keys_of(client.user) == {key for image_id in ids for key in whole(image_id)}
    assert await backstage.dead_letters() == []


async def test_the_deadline_counts_from_the_signal_also_in_the_middle_of_a_long_poll(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Containers are killed so many seconds after the signal, whatever the worker was doing then."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    polling = replace(settings, poll_seconds=4, shutdown_seconds=1.0)
    stop = asyncio.Event()
    worker = asyncio.create_task(Consumer(polling, storage, Stuck(polling, VARIANTS), stop).run())
    await until(backstage.in_flight)
    start = time.monotonic()
    stop.set()
    await worker
    assert time.monotonic() - start < polling.shutdown_seconds + SLACK_SECONDS - 1
    async with asyncio.timeout(20):
        await drain(settings, storage, decoders)
    assert await backstage.keys_of(client.user) == whole(image_id)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGKILL])
async def test_decoders_end_with_their_worker(client: Client, settings: Settings, name: signal.Signals) -> None:
    """Even when nothing is left that could end them."""
    async with cloud_images(settings, "worker") as worker:
        answer = await client.upload(jpeg_progressive().data, Prefer="wait=20")
        assert answer.status == 201, answer
        pids = decoder_pids(worker.pid)
        assert pids
        worker.send_signal(name)
        assert await worker.wait() == (0 if name is signal.SIGTERM else -name)
        await ended(*pids)


async def test_a_burst_on_an_empty_queue_ends_well(settings: Settings) -> None:
    """There is nothing to do, so it is done."""
    async with cloud_images(settings, "worker", "--burst") as worker:
        assert await asyncio.wait_for(worker.wait(), 30) == 0
