"""Figures that nobody counts: they are looked at, when Prometheus asks or once a second, and cost an upload nothing."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service import version
from service.errors import ServiceError
from service.http.keys import SETTINGS, SPOOL, STORAGE
from service.http.looks import Looks
from service.storage import Storage
from service.storage.queue import Depth, Queue

FRESH_SECONDS = 5.0
"""Anybody may ask for the figures, and the queues need not be asked as often."""
PATIENCE_SECONDS = 3.0
"""How long the figures wait for that of SQS; Prometheus itself waits for ten."""
SAMPLE_SECONDS = 1.0

Depths = tuple[Depth | None, Depth | None]
"""Of the queue and of its dead letters; None is what SQS does not tell."""


class Levels(Collector):
    """The spool of all processes, the disk under it, and the queue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, about: str) -> Gauge:
            return Gauge(f"cloud_images_spool_{name}_bytes", about, registry=registry, multiprocess_mode="livesum")

        self._memory = gauge("memory", "Bytes of bodies on their way in that are in memory, a second ago at most")
        self._limit = gauge("memory_limit", "Most bytes that they may have there; what is beyond them goes to disk")
        self._disk = gauge("disk", "Bytes of bodies on their way in that are on disk, a second ago at most")
        self._failures = Counter(
            "cloud_images_queue_looks_failed_total",
            "Times that SQS did not say how full the queue, or that of dead letters, is",
            registry=registry,
        )
        self._depths = Looks(self._ask, FRESH_SECONDS)
        self._rooms = Looks(_free_bytes, FRESH_SECONDS)
        self._seen: Depths = (None, None)
        self._free: int | None = None

    async def sampling(self, app: web.Application) -> AsyncIterator[None]:
        """Look at the spool as long as the application runs; a context for its `cleanup_ctx`."""
        self._limit.set(app[SPOOL].memory)
        task = asyncio.create_task(self._keep_sampling(app))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _keep_sampling(self, app: web.Application) -> None:
        spool = app[SPOOL]
        while True:
            self._memory.set(spool.in_memory)
            self._disk.set(spool.on_disk)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def look(self, app: web.Application) -> None:
        """Look at what `collect` is to tell; it does so until the next await of whoever asked."""
        folder = app[SETTINGS].spool_dir or tempfile.gettempdir()
        seen, free = None, None
        # Neither an SQS nor a disk that hangs may keep the other figures from being told.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                free = await self._rooms.newest(folder)
                seen = await self._depths.newest(app[STORAGE])
        self._seen, self._free = seen or (None, None), free

    async def _ask(self, storage: Storage) -> Depths:
        queue, dead_letters = await asyncio.gather(self._depth(storage.queue), self._depth(storage.dead_letters))
        return queue, dead_letters

    async def _depth(self, queue: Queue) -> Depth | None:
        try:
            return await queue.depth()
        except (ServiceError, ValueError):
            self._failures.inc()
            return None

    def collect(self) -> Iterable[Metric]:
        """What `look` has seen; what could not be looked at is not there, as zero would be a lie."""
        yield build_info()
        queue, dead_letters = self._seen
        if queue is not None:
            about = "About how many messages the queue has: to be received, in the hands of workers, and to come later"
            depth = GaugeMetricFamily("cloud_images_queue_messages", about, labels=["state"])
            depth.add_metric(["waiting"], queue.waiting)
            depth.add_metric(["in_flight"], queue.in_flight)
            depth.add_metric(["delayed"], queue.delayed)
            yield depth
        if dead_letters is not None:
            count = dead_letters.waiting + dead_letters.in_flight + dead_letters.delayed
            yield GaugeMetricFamily("cloud_images_dead_letters", "About how many dead letters there are", value=count)
        if self._free is not None:
            about = "Bytes that are free on the disk of the spool"
            yield GaugeMetricFamily("cloud_images_spool_disk_free_bytes", about, value=self._free)


def build_info() -> Metric:
    """1, and which version this is."""
    family = GaugeMetricFamily("cloud_images_build_info", "Which version this is", labels=["version"])
    family.add_metric([version.installed()], 1)
    return family


async def _free_bytes(folder: str) -> int | None:
    try:
        disk = await asyncio.to_thread(os.statvfs, folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
