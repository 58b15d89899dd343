"""Messages come late, twice, to two workers at once, or make no sense: no upload is lost or doubled."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from service.images import MESSAGE_VERSION, Receipt, Record, new_image_id
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.catalog import Catalog, Deleted
from service.storage.objects import VARIANTS
from tests.backstage import SECONDS, Backstage, drain, final, whole, working
from tests.driver import Client
from tests.pictures import jpeg, jpeg_progressive
from worker.decoder import DecoderDied, Decoders
from worker.verdict import NotSound, Sound

SLOW_SECONDS = 4.0
SHORT_VISIBILITY_SECONDS = 3


class Watched(Decoders):
    """Decoders that count, and that do something before each decode."""

    def __init__(self, settings: Settings, before: Callable[[], Awaitable[Any]] | None = None) -> None:
        super().__init__(settings, VARIANTS)
        self.count = 0
        self._before = before

    async def decode(self, data: bytes, content_type: str, pixels: int = 0) -> Sound | NotSound:
        self.count += 1
        if self._before:
            await self._before()
        return await super().decode(data, content_type, pixels)


class Meddled(Catalog):
    """A catalog in which something happens right before a status is settled."""

    def __init__(self, catalog: Catalog, before: Callable[[Record], Awaitable[Any]]) -> None:
        self._inner = catalog
        self._before = before

    async def settle(self, record: Record) -> Record | Deleted | None:
        await self._before(record)
        return await self._inner.settle(record)


async def queued(client: Client, storage: Storage) -> Receipt:
    """Upload a picture; returns what its message says."""
    answer = await client.upload(jpeg_progressive().data)
    assert answer.status == 202, answer
    receipt = await storage.objects.staged_receipt(client.user, answer.json["image_id"])
    assert receipt is not None
    return receipt


async def status_of(client: Client, receipt: Receipt) -> str:
    """What the service says of an image now."""
    return str((await client.get(f"/v1/images/{receipt.image_id}")).json["status"])


async def test_a_message_that_comes_again_changes_nothing(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Not while the first is under way, and not when its work is long done and the record edited since."""
    receipt = await queued(client, storage)
    await backstage.send(receipt.message)
    await drain(settings, storage, decoders)
    path = f"/v1/images/{receipt.image_id}"
    assert (await client.ask("PATCH", path, json={"title": "Edited"})).status == 200
    record = (await client.get(path)).json
    assert (record["status"], record["version"]) == ("ready", 2)
    await backstage.send(receipt.message)
    await drain(settings, storage, decoders)
    assert (await client.get(path)).json == record
    assert (await client.get("/v1/images")).json["images"] == [record]
    assert await backstage.keys_of(client.user) == whole(receipt.image_id)


async def test_two_workers_with_the_same_message_in_hand(
    client: Client, settings: Settings, storage: Storage, backstage: Backstage
) -> None:
    """Both have it decoded before either of them stores it."""
    receipt = await queued(client, storage)
    await backstage.send(receipt.message)
    both = asyncio.Barrier(2)
    async with asyncio.timeout(SECONDS), AsyncExitStack() as workers:
        for _ in range(2):
            decoders = Watched(settings, both.wait)
            workers.push_async_callback(decoders.close)
            await workers.enter_async_context(working(replace(settings, worker_concurrency=1), storage, decoders))
        record = await final(client, receipt.image_id)
    assert (record["status"], record["version"]) == ("ready", 1)
    assert (await client.get("/v1/images")).json["images"] == [record]
    assert await backstage.keys_of(client.user) == whole(receipt.image_id)
    assert await backstage.messages() == 0


async def test_what_is_deleted_while_queued_never_comes_back(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Not even when its message comes twice, and its bytes are staged again in between."""
    receipt = await queued(client, storage)
    path = f"/v1/images/{receipt.image_id}"
    assert (await client.ask("DELETE", path)).status == 204
    assert (await client.get(path)).status == 404
    await drain(settings, storage, decoders)
    await storage.objects.put_staged(receipt, [jpeg_progressive().data])
    await backstage.send(receipt.message)
    await drain(settings, storage, decoders)
    assert (await client.get(path)).status == 404
    assert (await client.get("/v1/images")).json["images"] == []
    assert await backstage.keys_of(client.user) == set()
    assert (await backstage.messages(), await backstage.dead_letters()) == (0, [])


async def test_what_is_deleted_between_processing_and_record_leaves_nothing(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """The worker has written original and variants already when the owner's DELETE gets ahead of its record."""
    receipt = await queued(client, storage)
    path = f"/v1/images/{receipt.image_id}"

    async def put_back(record: Record) -> None:
        assert (await client.ask("DELETE", path)).status == 204
        # As if the DELETE had looked at S3 before the worker wrote there.
        await storage.objects.put_image(receipt, "original", receipt.content_type, jpeg_progressive().data)

    await drain(settings, replace(storage, catalog=Meddled(storage.catalog, put_back)), decoders)
    assert (await client.get(path)).status == 404
    assert await backstage.keys_of(client.user) == set()
    assert await backstage.messages() == 0


async def test_messages_that_make_no_sense_become_dead_letters_and_their_neighbours_images(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Also one that a newer version wrote, whose upload waits for a worker that can read it."""
    first = await queued(client, storage)
    newer = replace(first, image_id=new_image_id())
    await storage.objects.put_staged(newer, [jpeg_progressive().data])
    bodies = [
        "no JSON",
        "[]",
        '{"v":1}',
        first.message.replace(first.image_id, "../../etc/passwd"),
        json.dumps(json.loads(newer.message) | {"v": MESSAGE_VERSION + 1, "shape": "round"}),
    ]
    await backstage.send(*bodies)
    neighbours = [first, *[await queued(client, storage) for _ in range(3)]]
    await drain(settings, storage, decoders)
    assert sorted(await backstage.dead_letters()) == sorted(bodies)
    assert [await status_of(client, receipt) for receipt in neighbours] == ["ready"] * 4
    assert await status_of(client, newer) == "queued"
    kept = {key for receipt in neighbours for key in whole(receipt.image_id)}
    assert await backstage.keys_of(client.user) == {*kept, f"incoming/{newer.image_id}"}


async def test_an_upload_that_no_decoder_survives_fails_after_five_deliveries_and_can_be_brought_back(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """The record says why, the bytes stay staged, and the dead letter sent once more makes it ready."""
    receipt = await queued(client, storage)
    hasty = Watched(replace(settings, decode_seconds=0))
    await drain(settings, storage, hasty)
    await hasty.close()
    assert hasty.count == 5
    await it_failed(client, receipt, backstage, "decode_timeout")
    await drain(settings, storage, decoders)
    assert (await final(client, receipt.image_id))["status"] == "ready"
    assert await backstage.keys_of(client.user) == whole(receipt.image_id)


async def test_staged_bytes_that_are_not_those_accepted_are_not_made_an_image(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Sound as they may be; with the right ones back in their place the dead letter makes it ready."""
    receipt = await queued(client, storage)
    await backstage.put_staged(client.user, receipt.image_id, jpeg().data)
    await drain(settings, storage, decoders)
    await it_failed(client, receipt, backstage, "staged_bytes_differ")
    await backstage.put_staged(client.user, receipt.image_id, jpeg_progressive().data)
    await drain(settings, storage, decoders)
    assert (await client.get(f"/v1/images/{receipt.image_id}/content")).body == jpeg_progressive().data


async def it_failed(client: Client, receipt: Receipt, backstage: Backstage, code: str) -> None:
    """Check that it has, and send its dead letter to the queue once more."""
    record = (await client.get(f"/v1/images/{receipt.image_id}")).json
    assert (record["status"], record["reason"]["code"]) == ("failed", code)
    assert record["reason"]["detail"]
    assert (await client.get("/v1/images?status=failed")).json["images"] == [record]
    assert await backstage.keys_of(client.user) == {f"incoming/{receipt.image_id}"}
    dead = await backstage.dead_letters()
    assert dead == [receipt.message]
    await backstage.send(*dead)


async def test_a_message_under_way_stays_hidden_longer_than_its_visibility_timeout(
    client: Client, settings: Settings, backstage: Backstage
) -> None:
    """Two workers poll, and the decode takes a third as long again."""
    short = replace(settings, visibility_seconds=SHORT_VISIBILITY_SECONDS)
    slow = Watched(short, lambda: asyncio.sleep(SLOW_SECONDS))
    async with open_storage(short) as storage:
        receipt = await queued(client, storage)
        async with working(short, storage, slow), working(short, storage, slow):
            record = await final(client, receipt.image_id)
    await slow.close()
    assert slow.count == 1
    assert (record["status"], record["version"]) == ("ready", 1)
    assert await backstage.messages() == 0


async def test_a_retry_comes_later(client: Client, settings: Settings, storage: Storage) -> None:
    """A fault that lasts a moment makes no dead letter."""
    receipt, moments = await queued(client, storage), list[float]()

    async def not_at_first() -> None:
        moments.append(asyncio.get_running_loop().time())
        if len(moments) == 1:
            raise DecoderDied("decoder_crashed", "A test wants it so.")

    decoders = Watched(settings, not_at_first)
    async with working(replace(settings, retry_seconds=1), storage, decoders):
        record = await final(client, receipt.image_id)
    await decoders.close()
    assert record["status"] == "ready"
    first, second = moments
    assert second - first >= 0.9
