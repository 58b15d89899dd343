"""Service and worker are replaced while people upload, as in a roll-out: nobody's request fails, nothing is lost."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.backstage import until
from tests.chaos.judge import judge
from tests.chaos.processes import Running
from tests.chaos.rounds import CALM_SECONDS, LOOK_SECONDS, Round, round_of
from tests.chaos.seams import NOTHING_PLANNED
from tests.conftest import settings_at

RESTARTS = int(os.environ.get("RESTARTS", "6"))
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
UPLOADS = 4
"""Acknowledged between two restarts, at the least."""
REFUSED = "ClientConnectorError"
QUICK = {"decoders": 1, "worker_concurrency": 4, "wait_seconds": 2.0, "shutdown_seconds": 60.0}


@pytest.mark.parametrize("serve", [("serve",), ("serve", "--processes", "2")], ids=["one", "two"])
async def test_restarts(endpoint: str, tmp_path: Path, serve: tuple[str, ...]) -> None:
    """A connection may be refused while nobody listens; every request that was taken is answered."""
    async with round_of(settings_at(endpoint, **QUICK), random.Random(SEED), tmp_path / "round") as one:
        async with one.people() as lives:
            service, worker = await one.serve(*serve), await _worker(one)
            for _ in range(RESTARTS // 2):
                await _more(one, lives)
                await one.end(service)
                service, next_worker = await one.serve(*serve), await _worker(one)
                await one.end(worker)
                worker = next_worker
        await one.until_empty()
        await one.until_begun(worker)
        await one.end(service)
        await one.end(worker)
        answers = one.ledger.answers
        print(f"CHAOS_SEED={SEED} {RESTARTS} restarts, {dict(answers)}, {len(one.ledger.images)} images acknowledged")
        failed = {what: count for what, count in answers.items() if not what.isdecimal() or what >= "500"}
        assert set(failed) <= {REFUSED}
        # Without a sweep: who ends in order leaves nothing behind.
        found = await one.end_state()
        faults = judge(one.ledger, found)
        assert not faults, f"CHAOS_SEED={SEED}\n{one.told(faults)}"
        assert found.dead_letters == []


async def _worker(one: Round) -> Running:
    """A worker of which one hears when it has begun."""
    return await one.processes.start("worker", plan=NOTHING_PLANNED)


async def _more(one: Round, lives: "asyncio.Future[list[None]]") -> None:
    """Wait for some more uploads."""
    wanted = len(one.ledger.images) + UPLOADS

    async def enough() -> bool:
        return lives.done() or len(one.ledger.images) >= wanted

    await until(enough, LOOK_SECONDS, CALM_SECONDS)
