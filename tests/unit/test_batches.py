"""When entries are committed: at once when all is quiet, together when several come at about the same time."""

import asyncio
from collections.abc import Sequence

from service.storage.batches import BATCH, LINGER_SECONDS, Batches


class Commits:
    """What was committed; each commit waits until it may end."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_end = asyncio.Event()

    async def __call__(self, entries: Sequence[int]) -> list[Exception | None]:
        self.batches.append(list(entries))
        await self.may_end.wait()
        return [None] * len(entries)


async def turns(count: int = 5) -> None:
    """Let tasks that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_quiet_caller_is_served_at_once() -> None:
    """No other entry is expected."""
    commits = Commits()
    batches = Batches(commits)
    adding = asyncio.create_task(batches.add(1))
    await turns()
    assert commits.batches == [[1]]
    commits.may_end.set()
    await adding


async def test_entries_that_are_expected_are_waited_for() -> None:
    """Three come after each other, each while the next is on its way: one request, begun when the last is there."""
    commits = Commits()
    batches = Batches(commits)
    with batches.expecting():
        with batches.expecting():
            first = asyncio.create_task(batches.add(1))
            await turns()
            assert commits.batches == []
        second = asyncio.create_task(batches.add(2))
        await turns()
        assert commits.batches == []
    third = asyncio.create_task(batches.add(3))
    await turns()
    assert commits.batches == [[1, 2, 3]]
    commits.may_end.set()
    await asyncio.gather(first, second, third)


async def test_nobody_is_waited_for_any_longer() -> None:
    """One that is expected and does not come holds the others up for some milliseconds only."""
    commits = Commits()
    commits.may_end.set()
    batches = Batches(commits)
    with batches.expecting():
        async with asyncio.timeout(LINGER_SECONDS + 60):
            await batches.add(1)
            await batches.add(2)
    assert commits.batches == [[1], [2]]


async def test_a_full_batch_waits_for_nobody() -> None:
    """However many more are expected."""
    commits = Commits()
    batches = Batches(commits)
    with batches.expecting():
        adding = [asyncio.create_task(batches.add(number)) for number in range(BATCH)]
        await turns()
        assert commits.batches == [list(range(BATCH))]
    commits.may_end.set()
    await asyncio.gather(*adding)


async def test_what_collects_during_a_request_goes_with_the_next() -> None:
    """Also while still others are expected."""
    commits = Commits()
    batches = Batches(commits)
    adding = [asyncio.create_task(batches.add(0))]
    await turns()
    with batches.expecting():
        adding += [asyncio.create_task(batches.add(number)) for number in (1, 2, 3)]
        await turns()
        assert commits.batches == [[0]]
        commits.may_end.set()
        await asyncio.gather(*adding)
    assert commits.batches == [[0], [1, 2, 3]]


async def test_one_that_is_taken_back_while_it_waits_is_not_committed() -> None:
    """Its caller has been cancelled."""
    commits = Commits()
    commits.may_end.set()
    batches = Batches(commits)
    with batches.expecting():
        given_up = asyncio.create_task(batches.add(1))
        await turns()
        given_up.cancel()
        await turns()
    await batches.add(2)
    assert commits.batches == [[2]]
