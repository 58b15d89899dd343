"""The worker's function at the event of its schedule."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.functions import WORKER, Function, function
from tests.sweeping import DATA, receipt_of

SWEEP = {"sweep": True}
NO_TIME = 0.5
"""Seconds in which an invocation can only tell that its time is over."""


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Function]:
    """A container for which everything is old enough."""
    async with function(WORKER, replace(settings, sweep_after_seconds=0)) as made:
        yield made


async def test_it_sweeps_when_it_is_time(worker: Function, storage: Storage) -> None:
    """The report is the answer; an event too early has none. An invocation without time leaves it to the next."""
    receipt = receipt_of("alice")
    await storage.objects.put_staged(receipt, [DATA])
    assert "broken_off" in await worker.invoke(SWEEP, NO_TIME)
    taken = await storage.sweep_turns.take()
    if taken:
        await taken.pass_on(None)
    report = await worker.invoke(SWEEP)
    assert (report["repaired"], report["left_over"], report["broken_off"]) == ({"staged_without_record": 1}, 0, None)
    assert await worker.invoke(SWEEP) == {}
    (delivery,) = [one for one in await storage.queue.receive(10, 1) if receipt.image_id in one.body]
    assert delivery.body == receipt.message
