"""AWS goes away in the middle of a sweep: that is told, nothing is lost, and the next one does the rest."""

from typing import Any

import pytest

from service.storage import open_storage
from tests.faults.between import elsewhere, relay_to
from tests.meddling import meddled
from tests.sweeping import yard_at
from worker.decoder import Decoders
from worker.sweep.stages import sweep_once

CALLS = {"s3": "staged_receipt", "sqs": "send", "dynamodb": "note"}


@pytest.mark.parametrize("part", CALLS)
async def test_aws_goes_away(endpoint: str, decoders: Decoders, part: str) -> None:
    """It ends soon, not after one time-out an object."""
    async with yard_at(endpoint, decoders) as yard, relay_to(endpoint) as relay:
        receipts = [await yard.staged() for _ in range(30)]
        calls = 0

        async def before(name: str, args: tuple[Any, ...]) -> None:
            nonlocal calls
            calls += name == CALLS[part]
            if calls == 10:
                relay.cut()

        async with open_storage(elsewhere(yard.settings, part, relay.url)) as storage:
            report = await sweep_once(meddled(storage, before), 0)
            assert report.broken_off
            assert part.upper() in report.broken_off.upper()
            assert 0 < report.repaired.total() < 30
            assert report.left_over
            relay.mend()
            assert (await sweep_once(storage, 0)).broken_off is None
        await yard.drain()
        assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
        await yard.is_right()
