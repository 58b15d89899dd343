"""Service, worker and sweep are killed while people upload; afterwards everything is as they were told.

`KILLS` says how many, `CHAOS_SEED` repeats the choices of a run (not the moments, which are the machine's).
"""

import asyncio
import itertools
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.judge import judge
from tests.chaos.killer import Killer, Toll
from tests.chaos.rounds import SWEEP, Round, round_of
from tests.conftest import settings_at

KILLS = int(os.environ.get("KILLS", "200"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "400"))
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
MOST_KILLS = 250
"""Of one round, so that the comparison stays small."""
SWEEPS = 50
"""About so many kills it takes until a sweep has died at each of its points."""
QUICK = {
    "visibility_seconds": 2,
    "decoders": 1,
    "worker_concurrency": 4,
    "wait_seconds": 2.0,
    "shutdown_seconds": 5.0,
    "sweep_seconds": 0,
}


@dataclass(frozen=True)
class Kind:
    """A way to run it all; `share` of the kills; `everywhere`: until somebody has died at each point."""

    share: float
    serve: tuple[str, ...] = ("serve",)
    workers: int = 1
    everywhere: bool = True
    settings: dict[str, object] = field(default_factory=dict)


KINDS = {
    "one of each": Kind(0.75),
    # Uploads go to the disk and have a quota, messages come again more often, and the workers sweep meanwhile.
    "several of each": Kind(
        0.25,
        ("serve", "--processes", "2"),
        workers=2,
        everywhere=False,
        settings={
            "spool_memory": 0,
            "quota_images": 100_000,
            "quota_bytes": 10**12,
            "max_deliveries": 100,
            "sweep_seconds": 3,
            "sweep_after_seconds": 10,
        },
    ),
}


@pytest.mark.parametrize("name", KINDS)
async def test_kills(endpoint: str, tmp_path: Path, name: str) -> None:
    """Nothing acknowledged is lost, nothing is there twice, and one sweep leaves no orphan."""
    kind, toll, dice = KINDS[name], Toll(), random.Random(SEED)
    loop = asyncio.get_running_loop()
    end, kills = loop.time() + SECONDS * kind.share, int(KILLS * kind.share)
    tried = acknowledged = left = 0
    for number in itertools.count():
        settings = settings_at(endpoint, **(QUICK | kind.settings))
        async with round_of(settings, dice, tmp_path / str(number)) as one:
            await _live_and_die(one, kind, toll, min(kills, toll.kills + MOST_KILLS), end)
            left += len(judge(one.ledger, await one.look.everything()))
            await one.sweep()
            found = await one.end_state()
            faults = judge(one.ledger, found)
            assert not faults, f"CHAOS_SEED={SEED}\n{one.told(faults)}"
            await one.sweep()
            assert await one.end_state() == found, "a second sweep finds something to do"
        tried += sum(upload.tries for upload in one.ledger.uploads)
        acknowledged += len(one.ledger.images)
        print(
            f"\nCHAOS_SEED={SEED} {name}: {toll}; {tried} uploads tried, {acknowledged} images acknowledged; ", end=""
        )
        print(f"{left} faults before the sweeps, 0 lost, 0 twice, 0 orphans after one sweep each")
        if toll.kills >= kills or loop.time() > end:
            break
    assert toll.kills >= kills
    assert not kind.everywhere or not toll.survivors


async def _live_and_die(one: Round, kind: Kind, toll: Toll, kills: int, end: float) -> None:
    """People at work until the toll is so high; at last the sweeps die, while nobody else does anything."""
    killer = Killer(one.processes, one.ledger, toll, one.dice)
    first_sweeps = SWEEPS if kind.everywhere and not toll.died["sweep"] else 0
    async with one.people() as lives:

        def enough() -> bool:
            late = asyncio.get_running_loop().time() > end
            done = toll.kills >= kills - first_sweeps and not (kind.everywhere and toll.survivors)
            return late or lives.done() or done

        haunt = killer.haunt_parts if len(kind.serve) > 1 else killer.haunt
        workers = [killer.haunt("worker", until=enough) for _ in range(kind.workers)]
        await asyncio.gather(haunt(*kind.serve, until=enough), *workers)
        await one.until_alone()
        # With them people come to an end of what they are at.
        serve, worker = await one.start(*kind.serve), await one.start("worker")
    await one.until_empty()
    await one.end(serve)
    await one.end(worker)
    if kind.everywhere:
        await killer.until_done(*SWEEP, most=2 * SWEEPS)
