"""Kills while people upload, until there were enough; then everything has to be as they were told.

`KILLS` says how many, `CHAOS_SEED` repeats the choices of a run (not the moments, which are the machine's).
"""

import asyncio
import itertools
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.judge import judge, judge_before_sweep
from tests.chaos.killer import Killer, Toll
from tests.chaos.rounds import SWEEP, Round, round_of
from tests.chaos.seams import MOMENTS, parts
from tests.conftest import settings_at

KILLS = int(os.environ.get("KILLS", "60"))
EVERYWHERE_FROM = 200
"""Fewer kills than these are not made more so that somebody dies at each point."""
SECONDS = float(os.environ.get("CHAOS_SECONDS", "1800"))
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
MOST_KILLS = 250
"""Of one round, so that the comparison stays small."""
QUICK = {
    "visibility_seconds": 2,
    "decoders": 1,
    "worker_concurrency": 4,
    "wait_seconds": 2.0,
    "shutdown_seconds": 5.0,
    "sweep_seconds": 0,
}
QUOTA = {"quota_images": 100_000, "quota_bytes": 10**12}
"""Nobody comes near it, but each upload has its place reserved."""


@dataclass(frozen=True)
class Kind:
    """A way to run it all.

    `share` is that of all kills, and `of_sweeps` that of these which a sweep dies while nobody else does anything.
    `everywhere`: if they are many, until somebody has died at each point through which many have come.
    """

    share: float
    serve: tuple[str, ...] = ("serve",)
    workers: int = 1
    everywhere: bool = True
    of_sweeps: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)


async def survive(endpoint: str, folder: Path, kind: Kind) -> None:
    """Nothing acknowledged is lost, nothing is there twice, and one sweep leaves no orphan."""
    toll, dice, end = Toll(), random.Random(SEED), asyncio.get_running_loop().time() + SECONDS
    kills = int(KILLS * kind.share)
    tried = acknowledged = left = 0
    for number in itertools.count(1):
        settings = settings_at(endpoint, **(QUICK | dict(kind.settings)))
        async with round_of(settings, dice, folder / str(number)) as one:
            await _live_and_die(one, kind, toll, min(kills, toll.kills + MOST_KILLS), end)
            found = await one.look.everything()
            left += len(judge(one.ledger, found))
            if not kind.of_sweeps:
                faults = judge_before_sweep(one.ledger, found)
                assert not faults, f"CHAOS_SEED={SEED}\n{one.told(faults)}"
            await one.sweep()
            found = await one.end_state()
            faults = judge(one.ledger, found)
            assert not faults, f"CHAOS_SEED={SEED}\n{one.told(faults)}"
            await one.sweep()
            assert await one.end_state() == found, "a second sweep finds something to do"
        tried += sum(upload.tries for upload in one.ledger.uploads)
        acknowledged += len(one.ledger.images)
        print(
            f"\nCHAOS_SEED={SEED}, {number} rounds: {toll}, of {len(list(parts())) * len(MOMENTS)} points in all; ",
            end="",
        )
        print(f"{tried} uploads tried, {acknowledged} images acknowledged; {left} faults before the sweeps, ", end="")
        print("0 lost, 0 twice, 0 orphans, 0 miscounted after one sweep each")
        if toll.kills >= kills:
            break


async def _live_and_die(one: Round, kind: Kind, toll: Toll, kills: int, end: float) -> None:
    """People at work until the toll is so high; at last the sweeps die, if they shall."""
    killer = Killer(one.processes, one.ledger, toll, one.dice)
    everywhere = kind.everywhere and KILLS >= EVERYWHERE_FROM
    before_sweeps = toll.kills + round((kills - toll.kills) * (1 - kind.of_sweeps))
    async with one.people() as lives:

        def enough() -> bool:
            late = asyncio.get_running_loop().time() > end
            assert not late, f"CHAOS_SEED={SEED}: {toll}, and nobody has died at {toll.survivors}"
            return lives.done() or (toll.kills >= before_sweeps and not (everywhere and toll.survivors))

        haunt = killer.haunt_parts if len(kind.serve) > 1 else killer.haunt
        workers = [killer.haunt("worker", until=enough) for _ in range(kind.workers)]
        await asyncio.gather(haunt(*kind.serve, until=enough), *workers)
        await one.until_alone()
        # With it people come to an end of what they are at.
        serve = await one.serve(*kind.serve)
    await one.end(serve)
    if kind.of_sweeps:
        await killer.until_done(*SWEEP, kills=kills)
    else:
        await one.work()
