"""A sweep beside live traffic: at each of its steps the worker or the owner gets in between, or it dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from service.images import Receipt, Status
from service.storage.listing import Listing
from service.storage.notifications import Arrival
from service.storage.objects import ORIGINAL, VARIANTS
from service.storage.survey import Survey
from tests.meddling import Killed, killed_at, meddled
from tests.stage import LIMITS
from tests.sweeping import DATA, Yard, found, key_of, receipt_of, yard_at
from worker.admission import admit
from worker.decoder import Decoders
from worker.processing import process

STEPS = 11
"""More calls than a sweep makes about one image."""
NAMES = (ORIGINAL, *VARIANTS)


@pytest.fixture
async def yard(endpoint: str, decoders: Decoders) -> AsyncIterator[Yard]:
    """Swept and empty."""
    async with yard_at(endpoint, decoders) as made:
        yield made


async def made_ready(yard: Yard) -> Receipt:
    receipt = await yard.staged()
    await process(receipt, yard.storage, yard.decoders)
    return receipt


async def staged_of_ready(yard: Yard) -> Receipt:
    receipt = await made_ready(yard)
    await yard.storage.objects.put_staged(receipt, [DATA])
    return receipt


async def half_stored(yard: Yard) -> Receipt:
    return await yard.stored(await yard.staged())


async def without_thumb(yard: Yard) -> Receipt:
    receipt = await made_ready(yard)
    await yard.remove(key_of(receipt, "images", "thumb"))
    return receipt


async def without_original_but_staged(yard: Yard) -> Receipt:
    receipt = await staged_of_ready(yard)
    await yard.remove(key_of(receipt, "images", "original"))
    return receipt


MESSES: dict[str, Callable[[Yard], Awaitable[Receipt]]] = {
    "staged": lambda yard: yard.staged(),
    "direct": lambda yard: yard.direct(),
    "half stored": half_stored,
    "staged of ready": staged_of_ready,
    "without thumb": without_thumb,
    "without original but staged": without_original_but_staged,
    "ready": made_ready,
}


async def work(yard: Yard, receipt: Receipt) -> None:
    """A worker has had a message of it all the time."""
    await admit(Arrival(receipt.user_id, receipt.image_id), yard.storage, LIMITS)
    await process(receipt, yard.storage, yard.decoders)


async def delete(yard: Yard, receipt: Receipt) -> None:
    """The owner deletes it."""
    await yard.storage.catalog.delete(receipt.user_id, receipt.image_id)
    await yard.storage.objects.delete_image(receipt.user_id, receipt.image_id)


async def delete_and_die(yard: Yard, receipt: Receipt) -> None:
    """The owner deletes it, and the service dies in between."""
    await yard.storage.catalog.delete(receipt.user_id, receipt.image_id)


@pytest.mark.parametrize(("act", "status"), [(work, "ready"), (delete, "deleted"), (delete_and_die, "deleted")])
async def test_another_gets_in_between(yard: Yard, act: Callable[[Yard, Receipt], Any], status: str) -> None:
    """Before the first call about one image, before the second about another of the same kind, and so on."""
    receipts = {(mess, at): await make(yard) for mess, make in MESSES.items() for at in range(STEPS)}
    await yard.purge()
    left = {receipt: at for (_, at), receipt in receipts.items()}
    acted = Counter[int]()

    async def before(name: str, args: tuple[Any, ...]) -> None:
        said = repr(args)
        for receipt in [one for one in left if one.image_id in said]:
            left[receipt] -= 1
            if left[receipt] < 0:
                acted[next(at for (_, at), one in receipts.items() if one == receipt)] += 1
                del left[receipt]
                await act(yard, receipt)

    report = await replace(yard, storage=meddled(yard.storage, before)).sweep()
    assert (report.broken_off, report.left) == (None, [])
    assert acted[0] == len(MESSES)
    assert acted[4] >= 3
    await yard.drain()
    for (mess, at), receipt in receipts.items():
        if receipt not in left:
            assert await yard.status(receipt) == status, (mess, at)
    keys = await yard.keys()
    for (mess, at), receipt in receipts.items():
        there = {key for key in keys if receipt.image_id in key}
        if await yard.status(receipt) == "deleted":
            # What is deleted behind the sweep's back, by a service that dies, may be left for the next one.
            assert not there or act is delete_and_die, (mess, at)
        else:
            assert there == {key_of(receipt, "images", name) for name in NAMES}, (mess, at)
    await yard.sweep()
    await yard.drain()
    await yard.is_right()


async def a_mess(yard: Yard) -> list[Receipt]:
    """One of each, and of those that end without an image."""
    receipts = [await make(yard) for make in MESSES.values()]
    gone = [await yard.stored() for _ in range(3)]
    await yard.settled(gone[1], Status.DELETED)
    await yard.settled(gone[2], Status.REJECTED)
    await yard.purge()
    return receipts


async def test_a_sweep_dies_at_every_step(yard: Yard) -> None:
    """The first at its first call, the next at its second, until one comes to its end: as if none had died."""
    receipts = await a_mess(yard)
    for step in range(1, 500):
        try:
            await replace(yard, storage=meddled(yard.storage, killed_at(step))).sweep()
            break
        except Killed:
            continue
    assert step > 20
    await yard.sweep()
    await yard.drain()
    assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
    await yard.is_right()


async def test_two_sweeps_at_once(yard: Yard) -> None:
    """And two workers' worth of duplicates: one of each in the end."""
    receipts = await a_mess(yard)
    reports = await asyncio.gather(yard.sweep(), yard.sweep())
    assert [report.left for report in reports] == [[], []]
    await yard.drain()
    assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
    await yard.is_right()


async def test_page_by_page(yard: Yard) -> None:
    """Pages that end in the middle of images, of users, and of folders: everything is looked at once."""
    receipts = [await made_ready(yard) for _ in range(9)]
    users = [receipt.user_id for receipt in receipts]
    receipts += [await yard.staged(users[0]) for _ in range(23)]
    # Behind the others: a sweep that begins with orphans takes the table for a lost one.
    orphans = [await yard.stored(receipt_of(f"z{at}")) for at in range(5)]
    await yard.remove(key_of(receipts[3], "images", "preview"))
    small = Listing(yard.settings, 5), small_survey(yard, 2)
    report = await replace(yard, storage=replace(yard.storage, listing=small[0], survey=small[1])).sweep()
    await small[0].close()
    assert report.looked_at == {"staged": 23, "direct": 0, "images": 14, "records": 9, "reservations": 0}
    assert found(report) == {
        "staged_without_record": (23, 23),
        "stored_without_record": (5, 5),
        "record_without_variants": (1, 1),
    }
    await yard.drain()
    assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
    assert not [key for key in await yard.keys() if any(one.image_id in key for one in orphans)]
    await yard.is_right()


def small_survey(yard: Yard, most: int) -> Survey:
    """A survey with small pages."""
    whole = yard.storage.survey
    return Survey(whole._client, yard.settings.table, most)
