"""A worker process, put together."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

from service import traces
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.objects import VARIANTS
from worker import cage
from worker.consumer import Consumer
from worker.decoder import open_decoders
from worker.sweep_turns import keep_sweeping

log = logging.getLogger(__name__)


async def work(settings: Settings, *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT, or with `burst` until the queue is empty."""
    cage.hide_from_children()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with (
        traces.exporting(settings, "cloud-images-worker"),
        open_storage(settings) as storage,
        open_decoders(settings, VARIANTS) as decoders,
    ):
        log.info("working on queue %s", settings.queue)
        async with _sweeping(settings, storage, stop) if not burst else nullcontext():
            await Consumer(settings, storage, decoders, stop).run(burst=burst)
        log.info("stopped")


@asynccontextmanager
async def _sweeping(settings: Settings, storage: Storage, stop: asyncio.Event) -> AsyncIterator[None]:
    """Sweeps beside the work. A sweep may be cut off anywhere; the next one goes on."""
    task = asyncio.create_task(keep_sweeping(settings, storage, stop))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
