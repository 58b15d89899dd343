"""Drains the queue: polls, keeps a bounded number of uploads under way, hides their messages, and deletes them."""

import asyncio
import logging
import pathlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.errors import ServiceError
from service.settings import Settings
from service.storage import Storage
from service.storage.messages import Delivery
from worker.decoder import Decoders
from worker.deliveries import Deliveries
from worker.figures import NOBODY, Figures

log = logging.getLogger(__name__)

BURST_WAIT_SECONDS = 1
PAUSE_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0


class Consumer:
    """One worker's hold on the queue."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        decoders: Decoders,
        stop: asyncio.Event,
        figures: Figures = NOBODY,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._deliveries = Deliveries(settings, storage, decoders, stop, figures=figures)
        self._stop = stop
        self._figures = figures
        self._held: dict[asyncio.Task[None], Delivery] = {}
        self._extended: set[Delivery] = set()
        self._hiding = asyncio.Lock()

    @property
    def under_way(self) -> int:
        """How many messages it has in hand."""
        return len(self._held)

    async def run(self, *, burst: bool = False) -> None:
        """Work until `stop` is set, or with `burst` until the queue is empty; then finish what is under way.

        What is not finished `shutdown_seconds` after that is given back at once.
        """
        async with self._heartbeat():
            polling = asyncio.create_task(self._keep_polling(burst))
            stopped = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                self._stop.set()
                # The long poll under way must not be cut off: SQS may be handing out messages to it already.
                _, failed = await asyncio.gather(self._drain(), polling, return_exceptions=True)
            if failed:
                raise failed

    async def _keep_polling(self, burst: bool) -> None:
        while not self._stop.is_set():
            self._show_life()
            try:
                if await self._poll(burst):
                    return
            except ServiceError as error:
                log.warning("cannot poll the queue: %s", error)
                self._figures.away(error.code)
                await self._pause(PAUSE_SECONDS)

    async def _poll(self, burst: bool) -> bool:
        """Receive and begin what there is room for; true when burst mode finds nothing left to do."""
        free = self._settings.worker_concurrency - len(self._held)
        if not free:
            await asyncio.wait(self._held, timeout=PAUSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return False
        longest = self._settings.poll_seconds
        deliveries = await self._storage.queue.receive(free, min(longest, BURST_WAIT_SECONDS) if burst else longest)
        if self._stop.is_set():
            # They came after the signal; another worker can have them now rather than after the visibility timeout.
            await self._renew(deliveries)
            return False
        for delivery in deliveries:
            if delivery.count == 1 and delivery.waited is not None:
                self._figures.received(delivery.waited)
            task = asyncio.create_task(self._handle(delivery))
            self._held[task] = delivery
            self._extended.add(delivery)
            task.add_done_callback(self._release)
        return burst and not self._held and await self._storage.queue.is_empty()

    def _release(self, task: asyncio.Task[None]) -> None:
        self._extended.discard(self._held.pop(task))

    async def _handle(self, delivery: Delivery) -> None:
        """Take one delivery to its end; whatever happens, its message is deleted or comes again."""
        try:
            seconds = await self._deliveries.handle(delivery)
            if seconds is None:
                await self._storage.queue.delete(delivery)
            else:
                await self._give_back([delivery], seconds)
        except ServiceError as error:
            log.warning("a message comes again: %s", error)
            self._figures.away(error.code)
        except Exception:
            log.exception("a message comes again, after an error that nobody foresaw")

    async def _renew(self, deliveries: list[Delivery]) -> None:
        """Let messages come again at once, and as new ones.

        That this worker stops is no fault of theirs: given back they would have used up a delivery, and be dead letters
        after a few restarts. If it dies between sending and deleting, a message comes twice, which does no harm.
        """

        async def renew(delivery: Delivery) -> None:
            await self._storage.queue.send(delivery.body, delivery.trace)
            await self._storage.queue.delete(delivery)

        outcomes = await asyncio.gather(*map(renew, deliveries), return_exceptions=True)
        if not_sent := [one for one, outcome in zip(deliveries, outcomes, strict=True) if outcome is not None]:
            await self._storage.queue.hide(not_sent, 0)

    async def _give_back(self, deliveries: list[Delivery], seconds: int) -> None:
        """Let messages come again after so many seconds; a heartbeat under way must not hide them after that."""
        async with self._hiding:
            self._extended.difference_update(deliveries)
            await self._storage.queue.hide(deliveries, seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    @asynccontextmanager
    async def _heartbeat(self) -> AsyncIterator[None]:
        """Keeps the messages under way hidden from other workers."""
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _beat(self) -> None:
        visibility = self._settings.visibility_seconds
        while True:
            try:
                async with self._hiding:
                    await self._storage.queue.hide(list(self._extended), visibility)
            except ServiceError as error:
                log.warning("cannot extend the messages under way: %s", error)
            await asyncio.sleep(min(visibility / 3, HEARTBEAT_SECONDS))

    def _show_life(self) -> None:
        self._figures.polled()
        if file := self._settings.worker_heartbeat_file:
            try:
                pathlib.Path(file).touch()
            except OSError as error:
                log.warning("cannot touch %s: %s", file, error)

    async def _drain(self) -> None:
        """Finish what is under way within the deadline, and give the rest back."""
        if not self._held:
            return
        log.info("finishing %d uploads", len(self._held))
        held = dict(self._held)
        _, late = await asyncio.wait(held, timeout=self._settings.shutdown_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
            log.warning("gave %d uploads back", len(late))
            with suppress(ServiceError):
                await self._renew([held[task] for task in late])
