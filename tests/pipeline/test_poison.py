"""Messages that make no sense, among others that do: they end as dead letters, and harm nobody."""

import json
import logging
from dataclasses import replace

import pytest

from service.images import MESSAGE_VERSION, Receipt
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.messages import Delivery
from service.storage.queue import Queue
from tests.backstage import Backstage, drain, whole
from tests.driver import Client
from tests.pictures import jpeg_progressive
from tests.poison import SHAPES, poisonous
from worker.decoder import Decoders


async def queued(client: Client, storage: Storage) -> Receipt:
    """Upload a picture; returns what its message says."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    receipt = await storage.objects.staged_receipt(client.user, image_id)
    assert receipt
    return receipt


async def test_poison_ends_in_the_dead_letter_queue_and_its_neighbours_as_images(
    client: Client,
    settings: Settings,
    storage: Storage,
    decoders: Decoders,
    backstage: Backstage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All kinds at once, in the same batches as uploads; the log says why, and knows of nothing that nobody foresaw."""
    await drain(settings, storage, decoders)
    first = await queued(client, storage)
    victim = await queued(client.as_user("victim"), storage)
    # One in twelve, but every shape: they all go the same way; each by itself is looked at in tests/unit.
    bodies = [body for body in [*SHAPES, *poisonous(first)[len(SHAPES) :: 12]] if body]
    await backstage.send(*bodies[::2])
    others = [await queued(client, storage) for _ in range(3)]
    await backstage.send(*bodies[1::2])
    with caplog.at_level(logging.WARNING):
        await drain(settings, storage, decoders)
    for receipt in [first, *others]:
        assert (await client.get(f"/v1/images/{receipt.image_id}")).json["status"] == "ready"
    assert await backstage.keys_of(client.user) == {key for one in [first, *others] for key in whole(one.image_id)}
    assert await backstage.keys_of("victim") == whole(victim.image_id)
    assert sorted(await backstage.dead_letters()) == sorted(bodies)
    assert await backstage.messages() == 0
    said = [record.getMessage() for record in caplog.records if record.name.startswith("worker")]
    assert len(said) == 5 * len(bodies)
    assert all("of a message did not work: the message " in line for line in said)
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_message_of_a_newer_version_waits_for_a_newer_worker(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Nothing of its upload is touched, by the worker or by a sweep; as dead letter it can be brought back."""
    receipt = await queued(client, storage)
    await backstage.dead_letters()
    url = await storage.queue.url()
    await backstage.sqs.purge_queue(QueueUrl=url)
    newer = json.dumps(json.loads(receipt.message) | {"v": MESSAGE_VERSION + 1, "shape": "round"})
    await backstage.send(newer)
    await drain(settings, storage, decoders)
    assert (await client.get(f"/v1/images/{receipt.image_id}")).json["status"] == "queued"
    assert await backstage.keys_of(client.user) == {f"incoming/{receipt.image_id}"}
    assert await backstage.dead_letters() == [newer]


class Failing(Queue):
    """A queue at which the first deletion fails in a way of its own."""

    def __init__(self, queue: Queue) -> None:
        self.__dict__.update(queue.__dict__)
        self.failures = 0

    async def delete(self, delivery: Delivery) -> None:
        """Delete a message, but for the first one."""
        self.failures += 1
        if self.failures == 1:
            raise RuntimeError("A test wants it so.")
        await super().delete(delivery)


async def test_what_nobody_foresaw_is_told_and_tried_again(
    client: Client,
    settings: Settings,
    decoders: Decoders,
    backstage: Backstage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error of any kind at one message leaves the worker alive, and the message comes again."""
    short = replace(settings, visibility_seconds=2)
    async with open_storage(short) as storage:
        await queued(client, storage)
        failing = Failing(storage.queue)
        await drain(short, replace(storage, queue=failing), decoders)
    assert failing.failures == 2
    assert await backstage.messages() == 0
    (told,) = [record for record in caplog.records if record.exc_info]
    assert told.getMessage() == "a message comes again, after an error that nobody foresaw"
