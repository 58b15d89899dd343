"""The decoder processes of the worker's function: what they do not survive costs one image, and they know nothing."""

import asyncio
import os
import signal
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from service.settings import Settings
from tests.backstage import Backstage, decoder_pids, until
from tests.driver import Client
from tests.functions import WORKER, Function, function
from tests.pictures import encoded
from tests.pipeline.test_decoder import LITTLE_MEMORY, big
from tests.serverless.event_source import EventSource, status_of, upload

SHORT_DECODE_SECONDS = 4.0


@cache
def hard_picture() -> tuple[bytes, str]:
    """As many pixels as may be, none of them easy: more than a second's work, and more than 300 MB."""
    image = Image.effect_noise((700, 700), 50).convert("RGB").resize((7000, 7000))
    return encoded(image, "WEBP", method=0, quality=30), "image/webp"


async def test_an_image_that_no_decoder_survives(
    client: Client, settings: Settings, source: EventSource, worker: Function, backstage: Backstage
) -> None:
    """Its neighbours are ready after the first invocation; itself it has failed after five, and is a dead letter."""
    neighbours = [await upload(client), await upload(client)]
    hard = await upload(client, *big("png"))
    async with function(WORKER, replace(settings, decoder_memory=LITTLE_MEMORY)) as weak:
        records = await source.wait_for(3)
        (place,) = await source.deliver(weak, records)
        assert hard.rpartition("/")[2] in records[place]["body"]
        assert [await status_of(client, path) for path in neighbours] == ["ready"] * 2
        for _ in range(3):
            await source.deliver(weak, await source.wait_for(1))
        assert await status_of(client, hard) == "queued"
        (last,) = await source.wait_for(1)
        assert last["attributes"]["ApproximateReceiveCount"] == "5"
        assert await source.deliver(weak, [last]) == [0]
    record = (await client.get(hard)).json
    assert (record["status"], record["reason"]["code"]) == ("failed", "decoder_out_of_memory")
    assert await source.receive() == []
    (dead,) = await backstage.dead_letters()
    assert dead == last["body"]
    await backstage.send(dead)
    assert await source.deliver(worker, await source.wait_for(1)) == []
    assert await status_of(client, hard) == "ready"


@pytest.mark.parametrize("fate", ["SIGKILL", "SIGSTOP"])
async def test_a_crash_or_a_hang_costs_one_image(
    fate: str, client: Client, settings: Settings, source: EventSource, worker: Function
) -> None:
    """The others of its batch are done, and it is itself at the next delivery."""
    hard, quick = await upload(client, *hard_picture()), await upload(client)
    records = await source.wait_for(2)
    async with function(WORKER, replace(settings, decode_seconds=SHORT_DECODE_SECONDS)) as unlucky:
        task = asyncio.create_task(source.deliver(unlucky, records))

        async def quick_done() -> bool:
            return await status_of(client, quick) == "ready"

        await until(quick_done)
        for pid in decoder_pids(unlucky.process.pid):
            os.kill(pid, getattr(signal, fate))
        (place,) = await task
        assert hard.rpartition("/")[2] in records[place]["body"]
    await source.drain(worker)
    assert await status_of(client, hard) == "ready"


async def test_decoders_know_no_credentials(client: Client, settings: Settings, source: EventSource) -> None:
    """Nothing of the function's environment is theirs but where Python's modules and, on Lambda, its library are."""
    theirs = {b"PYTHONPATH", b"LD_LIBRARY_PATH", b"PILLOW_BLOCKS_MAX"}
    await upload(client)
    async with function(WORKER, settings, LD_LIBRARY_PATH="/var/lang/lib") as worker:
        assert await source.deliver(worker, await source.wait_for(1)) == []
        pids = decoder_pids(worker.process.pid)
        assert pids
        for pid in pids:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            assert {entry.partition(b"=")[0] for entry in environment if entry} == theirs
