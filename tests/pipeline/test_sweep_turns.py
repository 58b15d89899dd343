"""Sweeps now and then: by one worker of many, from where the last one stood, and beside its other work."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.storage import turns
from service.storage.listing import Listing
from tests.backstage import SECONDS, cloud_images, until
from tests.meddling import meddled
from tests.sweeping import Yard, found, only, yard_at
from worker.decoder import Decoders
from worker.sweep.report import Kind
from worker.sweep.turns import sweep_in_turn


@pytest.fixture
async def yard(endpoint: str, decoders: Decoders) -> AsyncIterator[Yard]:
    """Swept and empty; everything is old enough."""
    async with yard_at(endpoint, decoders, sweep_after_seconds=0) as made:
        yield made


async def test_one_at_a_time(yard: Yard) -> None:
    """Who has the turn keeps it; who passes it on tells where; after its end none is due for a while."""
    taken = await asyncio.gather(*(yard.storage.sweep_turns.take() for _ in range(5)))
    (turn,) = [one for one in taken if one]
    assert turn.position is None
    assert await turn.keep({"stage": "direct"})
    assert await yard.storage.sweep_turns.take() is None
    await turn.pass_on({"stage": "images"})
    other = await yard.storage.sweep_turns.take()
    assert other
    assert other.position == {"stage": "images"}
    assert not await turn.keep({"stage": "incoming"}), "it is another's by now"
    await other.end(3600)
    assert await yard.storage.sweep_turns.take() is None


async def test_the_turn_of_one_that_has_died_ends(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, and the next goes on where it stood."""
    turn = await yard.storage.sweep_turns.take()
    assert turn
    monkeypatch.setattr(turns, "LEASE_SECONDS", -1)
    assert await turn.keep({"stage": "images", "after": "images/x"})
    other = await yard.storage.sweep_turns.take()
    assert other
    assert other.position == {"stage": "images", "after": "images/x"}


async def test_a_sweep_goes_on_where_another_was_stopped(yard: Yard) -> None:
    """Each is stopped after one page, as a function is whose time is over; together they look at everything once."""
    receipts = [await yard.staged() for _ in range(5)]
    listing = Listing(yard.settings, 2)
    storage, stop = replace(yard.storage, listing=listing), asyncio.Event()
    stop.set()
    reports = []
    while (report := await sweep_in_turn(yard.settings, storage, stop)) is not None:
        reports.append(report)
    await listing.close()
    assert [report.looked_at["staged"] for report in reports] == [2, 2, 1]
    assert [found(report) for report in reports] == [only(Kind.STAGED_WITHOUT_RECORD, count) for count in (2, 2, 1)]
    await yard.drain()
    assert {await yard.status(receipt) for receipt in receipts} == {"ready"}


async def test_a_sweep_that_loses_its_turn_ends(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was too slow; another has gone on."""
    for _ in range(5):
        await yard.staged()
    monkeypatch.setattr(turns, "LEASE_SECONDS", -1)
    listing = Listing(yard.settings, 2)
    others: list[Any] = []

    async def before(name: str, args: tuple[Any, ...]) -> None:
        if name == "page" and not others:
            others.append(await yard.storage.sweep_turns.take())

    report = await sweep_in_turn(
        yard.settings, meddled(replace(yard.storage, listing=listing), before), asyncio.Event()
    )
    await listing.close()
    assert report
    assert report.looked_at == {"staged": 2}


@pytest.mark.parametrize("noted", [None, 5, "x", {}, {"stage": "x"}, {"stage": "records", "after": "x"}, {"stage": []}])
async def test_a_position_that_makes_no_sense(yard: Yard, noted: Any) -> None:
    """Of another version, say: the sweep begins anew."""
    turn = await yard.storage.sweep_turns.take()
    assert turn
    await turn.pass_on(noted)
    report = await sweep_in_turn(yard.settings, yard.storage, asyncio.Event())
    assert report
    assert set(report.looked_at) == {"staged", "direct", "images", "records", "reservations"}


async def test_no_sweeps_are_wanted(yard: Yard) -> None:
    """`SWEEP_SECONDS=0`."""
    assert await sweep_in_turn(replace(yard.settings, sweep_seconds=0), yard.storage, asyncio.Event()) is None


async def test_a_worker_sweeps(yard: Yard) -> None:
    """A process as users run it finds the upload whose message was lost, and makes it an image; then it ends well."""
    receipt = await yard.staged()
    async with cloud_images(yard.settings, "worker") as worker:

        async def ready() -> bool:
            return await yard.status(receipt) == "ready"

        await until(ready)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 0
    await yard.is_right()
