"""A worker process, put together."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress

from service import traces
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.objects import VARIANTS
from worker import cage
from worker.consumer import Consumer
from worker.decoder import open_decoders
from worker.figures import NOBODY, Figures
from worker.sweep.turns import keep_sweeping

log = logging.getLogger(__name__)


async def work(settings: Settings, *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT, or with `burst` until the queue is empty."""
    cage.hide_from_children()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        if not stop.is_set():
            # A long poll is waited for, too: who has pressed Ctrl-C sees nothing else for so long.
            log.info("stopping: finishing what is under way")
            stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces.exporting(settings, "cloud-images-worker"))
        # Not with `burst`: that one comes and goes, perhaps beside another worker that has the port.
        figures = await parts.enter_async_context(_figures(settings)) if not burst else NOBODY
        storage = await parts.enter_async_context(open_storage(settings))
        decoders = await parts.enter_async_context(open_decoders(settings, VARIANTS, figures))
        consumer = Consumer(settings, storage, decoders, stop, figures)
        figures.works_on(lambda: consumer.under_way)
        log.info("working on queue %s", settings.queue)
        async with _sweeping(settings, storage, stop, figures) if not burst else nullcontext():
            await consumer.run(burst=burst)
        log.info("stopped")


@asynccontextmanager
async def _figures(settings: Settings) -> AsyncIterator[Figures]:
    """What is told of all that this worker does, and shows it if it shall."""
    if settings.worker_metrics_port is None:
        yield NOBODY
        return
    # Not at the top: who shows no figures need not wait for the library.
    from worker.metrics import Metrics
    from worker.shown import shown

    metrics = Metrics(sweeps=settings.sweep_seconds > 0)
    async with shown(metrics, settings):
        yield metrics


@asynccontextmanager
async def _sweeping(settings: Settings, storage: Storage, stop: asyncio.Event, figures: Figures) -> AsyncIterator[None]:
    """Sweeps beside the work. A sweep may be cut off anywhere; the next one goes on."""
    task = asyncio.create_task(keep_sweeping(settings, storage, stop, figures))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
