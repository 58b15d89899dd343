"""Sweeps now and then, by one of all workers at a time, beside their other work."""

import asyncio
import dataclasses
import logging
from contextlib import suppress

from service.errors import ServiceError
from service.settings import Settings
from service.storage import Storage
from worker.figures import NOBODY, Figures
from worker.sweep.report import Report
from worker.sweep.stages import Position, Sweeper
from worker.sweep.sweep import Sweep

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""How often a worker looks whether it is its turn."""


async def sweep_in_turn(
    settings: Settings, storage: Storage, stop: asyncio.Event, figures: Figures = NOBODY
) -> Report | None:
    """Sweep, if a sweep is due and nobody else is at it, until it is done or `stop` is set; else None.

    Who dies in the middle, or is stopped, leaves the rest to the next, who goes on at the page where that was.

    :raises Unavailable: a part of AWS does not answer; somebody goes on a few minutes later.
    """
    turn = await storage.sweep_turns.take() if settings.sweep_seconds else None
    if turn is None:
        return None
    sweep, whole = Sweep(storage, settings.sweep_after_seconds), False
    async for position in Sweeper(sweep).run(Position.read(turn.position)):
        if stop.is_set():
            await turn.pass_on(dataclasses.asdict(position))
            break
        if not await turn.keep(dataclasses.asdict(position)):
            break
    else:
        await turn.end(settings.sweep_seconds)
        whole = True
    log.info("sweep: %s", sweep.report.as_json())
    figures.swept(sweep.report, whole=whole)
    return sweep.report


async def keep_sweeping(settings: Settings, storage: Storage, stop: asyncio.Event, figures: Figures = NOBODY) -> None:
    """Sweep whenever it is this worker's turn, until `stop` is set; whatever goes wrong disturbs nobody."""
    while not stop.is_set():
        try:
            await sweep_in_turn(settings, storage, stop, figures)
        except ServiceError as error:
            log.warning("sweep: broken off: %s", error)
            figures.sweep_broke_off()
        except Exception:
            log.exception("sweep: it failed in a way that nobody foresaw")
            figures.sweep_broke_off()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
