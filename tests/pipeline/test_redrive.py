"""`cloud-images redrive`: dead letters come back, and what comes of them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.errors import Unavailable
from service.images import MESSAGE_VERSION, Receipt, Record
from service.storage.messages import Delivery
from service.storage.queue import Queue
from service.traces import Context
from tests.sweeping import Yard, key_of, yard_at
from worker.decoder import Decoders, open_decoders
from worker.redrive import redrive


@pytest.fixture
async def yard(endpoint: str, decoders: Decoders) -> AsyncIterator[Yard]:
    """With empty queues; a message is dead after two deliveries."""
    async with yard_at(endpoint, decoders, max_deliveries=2) as made:
        yield made


async def failed(yard: Yard) -> Receipt:
    """An upload that became a dead letter."""
    receipt = await yard.staged()
    await yard.storage.queue.send(receipt.message)
    # No time at all: in the shortest one that there is, a busy machine may see the verdict before the time limit.
    async with open_decoders(replace(yard.settings, decode_seconds=0), {}) as hasty:
        await replace(yard, decoders=hasty).drain()
    assert await yard.status(receipt) == "failed"
    return receipt


async def bury(yard: Yard, *bodies: str) -> None:
    """Put dead letters into their queue."""
    for body in bodies:
        await yard.storage.dead_letters.send(body)


async def test_what_comes_of_dead_letters(yard: Yard) -> None:
    """One becomes ready; one that its owner has deleted does not come back; one without bytes says so; none is left."""
    saved, deleted, lost = [await failed(yard) for _ in range(3)]
    await yard.storage.catalog.delete(deleted.user_id, deleted.image_id)
    await yard.storage.objects.delete_image(deleted.user_id, deleted.image_id)
    await yard.remove(key_of(lost, "incoming"))
    done = await redrive(yard.storage)
    assert (done.moved, done.left, done.broken_off) == (3, {}, None)
    assert await yard.backstage.dead_letters() == []
    assert await yard.backstage.messages() == 3
    await yard.drain()
    assert [await yard.status(receipt) for receipt in (saved, deleted, lost)] == ["ready", "deleted", "failed"]
    record = await yard.record(lost)
    assert isinstance(record, Record)
    assert record.reason
    assert record.reason.code == "bytes_missing"
    assert {key.split("/")[2] for key in await yard.keys()} == {saved.image_id}
    await yard.is_right()


async def test_deliveries_are_counted_anew(yard: Yard) -> None:
    """Else the first failure after a redrive would be the last."""
    receipt = await failed(yard)
    await redrive(yard.storage)
    (delivery,) = await yard.storage.queue.receive(10, 1)
    assert (delivery.body, delivery.count) == (receipt.message, 1)


async def test_what_nobody_here_can_read_stays(yard: Yard) -> None:
    """It would be dead again at once; but whoever insists gets it moved, and a dry run moves nothing."""
    receipt = await yard.staged()
    newer = json.dumps(json.loads(receipt.message) | {"v": MESSAGE_VERSION + 1})
    await bury(yard, "no JSON", newer, newer, receipt.message, '{"Records":[]}')
    for dry_run in (True, False):
        done = await redrive(yard.storage, dry_run=dry_run)
        assert (done.moved, done.left.total(), done.left.most_common(1)) == (
            1,
            4,
            [(f"the message is of version {MESSAGE_VERSION + 1}, not of {MESSAGE_VERSION}", 2)],
        )
        assert "4" in done.as_text() or "2 ×" in done.as_text()
        assert await yard.backstage.messages() == (0 if dry_run else 1)
    # They can be had at once: nothing holds them.
    done = await redrive(yard.storage, everything=True)
    assert (done.moved, done.left) == (4, {})
    assert await yard.backstage.dead_letters() == []
    assert await yard.backstage.messages() == 5


async def test_a_limit(yard: Yard) -> None:
    """Not one more than wanted, however many there are."""
    receipts = [await yard.staged() for _ in range(25)]
    await bury(yard, *[receipt.message for receipt in receipts])
    for limit, moved in ((12, 12), (1, 1), (50, 12), (5, 0)):
        done = await redrive(yard.storage, limit=limit)
        assert done.moved == moved
    assert await yard.backstage.messages() == 25
    assert await yard.backstage.dead_letters() == []


class Dying(Queue):
    """A queue whose user dies at the third time that it does this."""

    def __init__(self, queue: Queue, name: str) -> None:
        self.__dict__.update(queue.__dict__)
        self._name, self._times = name, 0

    def _live(self, name: str) -> None:
        self._times += name == self._name
        if self._times >= 3:
            raise Unavailable("sqs_unavailable", "A test wants it so.")

    async def send(self, body: str, trace: Context | None = None) -> None:
        """Send, or die."""
        self._live("send")
        await super().send(body, trace)

    async def delete(self, delivery: Delivery) -> None:
        """Delete, or die."""
        self._live("delete")
        await super().delete(delivery)


@pytest.mark.parametrize("when", ["send", "delete"])
async def test_broken_off_in_the_middle(yard: Yard, when: str) -> None:
    """None is lost: each is in one of the two queues, or in both; it is told, and the next run does the rest."""
    receipts = [await yard.staged() for _ in range(8)]
    await bury(yard, *[receipt.message for receipt in receipts])
    queue, dead_letters = Dying(yard.storage.queue, when), Dying(yard.storage.dead_letters, when)
    done = await redrive(replace(yard.storage, queue=queue, dead_letters=dead_letters))
    assert (done.moved, done.broken_off) == (2, "A test wants it so.")
    assert "Broken off" in done.as_text()

    done = await redrive(yard.storage)
    assert (done.moved, done.broken_off) == (6, None)
    await yard.drain()
    assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
    assert await yard.backstage.dead_letters() == []
    await yard.is_right()
