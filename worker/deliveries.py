"""One delivery of a message, taken to its end: the same for a worker process and for a Lambda function."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

from service.errors import ServiceError
from service.images import Reason, Receipt, Status, UndecodableMessage
from service.intake.structure import Limits
from service.settings import Settings
from service.storage import Storage
from service.storage.messages import Delivery
from service.storage.notifications import Arrival, arrivals
from worker.account import Account, Upload
from worker.admission import admit
from worker.decoder import Decoders
from worker.figures import NOBODY, Figures
from worker.processing import Done, Retry, fail, process
from worker.telling import tell

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 900
FIRST_TELL_SECONDS, TELL_FACTOR = 30, 4
"""When an image has its status and SNS could not be told: 30 s, 2, 8 and 15 minutes, in which nothing waits for it.

After that its message is a dead letter like others, so that nothing untold is forgotten: `redrive` tells it.
"""
OUTAGE_SECONDS = 600.0
"""How long an upload is held and tried again while AWS does not answer, so that an outage makes no dead letters."""


class Deliveries:
    """Handles deliveries. When `stop` is set, none is held back any more to wait for AWS.

    What AWS's absence then kept from being done comes again after `outage_seconds`.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        decoders: Decoders,
        stop: asyncio.Event,
        *,
        outage_seconds: int = 0,
        figures: Figures = NOBODY,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._decoders = decoders
        self._stop = stop
        self._outage_seconds = outage_seconds
        self._account = Account(settings, figures)
        self._limits = Limits(settings.max_pixels, settings.max_side, settings.max_frames)
        self._most: int | None = None
        self.met_outage = False
        """Whether AWS has been away at any of them."""

    async def handle(self, delivery: Delivery) -> int | None:
        """Process one delivery; None when its message can be deleted, else after how many seconds it shall come again.

        :raises Unavailable: it shall come again, but there is nobody to say so to.
        """
        with self._account.of(delivery):
            try:
                uploads = uploads_in(delivery.body)
            except UndecodableMessage as error:
                self._account.unreadable(delivery, error)
                return await self._seconds_before_next(delivery)
            return await self._handle(delivery, uploads)

    async def _handle(self, delivery: Delivery, uploads: list[Upload]) -> int | None:
        retries: dict[Upload, Retry] = {}
        untold: list[Upload] = []
        for upload in uploads:
            with self._account.about(upload):
                outcome = await self._process(upload)
                if isinstance(outcome, Retry):
                    self._account.did_not_work(delivery, outcome.reason)
                    retries[upload] = outcome
                    continue
                self._account.done(upload, outcome)
                if outcome.status is not Status.QUEUED and not await self._tell(upload):
                    untold.append(upload)
        if not retries and not untold:
            return None
        last = delivery.count >= (await self._most_deliveries() or self._settings.max_deliveries)
        if last:
            untold += [upload for upload, retry in retries.items() if not await self._fail(upload, retry.reason)]
            for upload in untold:
                self._account.never_told(upload)
        if not retries:
            return await self._seconds_before_next(delivery, FIRST_TELL_SECONDS, TELL_FACTOR)
        if not last and self._stop.is_set() and all(retry.outage for retry in retries.values()):
            return self._outage_seconds
        return await self._seconds_before_next(delivery)

    async def _process(self, upload: Upload) -> Done | Retry:
        """The outcome of one upload, which is held and tried again while AWS does not answer."""
        while_away = self._while_away()
        while True:
            try:
                if isinstance(upload, Arrival):
                    outcome = await admit(upload, self._storage, self._limits)
                else:
                    outcome = await process(upload, self._storage, self._decoders)
            except Exception:
                log.exception("processing failed in a way that nobody foresaw")
                return Retry(Reason(code="internal_error", detail="The worker failed at this image."))
            if isinstance(outcome, Done) or not outcome.outage:
                return outcome
            self.met_outage = True
            self._account.away(outcome.reason)
            if not await anext(while_away, False):
                return outcome

    async def _tell(self, upload: Upload) -> bool:
        """Tell of the upload's final status, if it has one; false when that has to be tried again."""
        try:
            await tell(self._storage, upload.user_id, upload.image_id)
        except ServiceError as error:
            self._account.untold(error)
            return False
        except Exception:
            log.exception("telling of image %s failed in a way that nobody foresaw", upload.image_id)
            return False
        return True

    async def _fail(self, upload: Upload, reason: Reason) -> bool:
        """Write the record of a failure, and tell of it; false when that is not told.

        Nobody writes it later, so this holds the message while AWS is away.
        """
        while_away = self._while_away()
        with self._account.about(upload):
            while True:
                try:
                    await self._write_failure(upload, reason)
                    self._account.failed(reason)
                    return await self._tell(upload)
                except ServiceError:
                    if not await anext(while_away, False):
                        raise

    async def _write_failure(self, upload: Upload, reason: Reason) -> None:
        receipt: Receipt | None = upload if isinstance(upload, Receipt) else None
        if isinstance(upload, Arrival):
            receipt = await self._storage.objects.queued_receipt(upload.user_id, upload.image_id)
        if receipt:
            await fail(receipt, self._storage, reason)

    async def _while_away(self) -> AsyncIterator[bool]:
        """Pauses, ever longer ones, until AWS has been away for too long or the worker shall stop."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + OUTAGE_SECONDS, PAUSE_SECONDS
        while not self._stop.is_set() and loop.time() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            yield True
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _seconds_before_next(self, delivery: Delivery, first: int | None = None, factor: int = 2) -> int:
        # None after the last one: only when it would come again does SQS move a message to the dead letters.
        most = await self._most_deliveries()
        if most and delivery.count >= most:
            return 0
        seconds = self._settings.retry_seconds if first is None else first
        return int(min(seconds * factor ** (delivery.count - 1), LONGEST_RETRY_SECONDS))

    async def _most_deliveries(self) -> int:
        """After how many deliveries SQS makes a message a dead letter; 0 when it never does. Asked for once."""
        if self._most is None:
            self._most = await self._storage.queue.max_deliveries() or 0
            if not self._most:
                log.warning("the queue has no redrive policy: what fails comes again for ever; see `provision`")
        return self._most


def uploads_in(body: str) -> list[Upload]:
    """The uploads that a message is about: one that was accepted, or direct ones that have arrived.

    :raises UndecodableMessage: it is no such message.
    """
    arrived = arrivals(body)
    return [Receipt.from_message(body)] if arrived is None else list(arrived)
